"""Whether the worker is there that this process answers for."""

from keyturn.problems.requests import WorkerDown


class WorkerLiveness:
    """`is_down` from the end of a worker that should be running until another one works."""

    is_down = False

    def require(self) -> None:
        """Raise WorkerDown: requests are accepted and kept, but no mail leaves here."""
        if self.is_down:
            raise WorkerDown("the worker has ended, and is started again")
