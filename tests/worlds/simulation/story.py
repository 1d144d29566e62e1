"""What happened in a world, in words: a line for each event, with its virtual time."""

from collections.abc import Callable


class Story:
    """Keeps the lines of one world. `clock`: returns the virtual time in seconds since its beginning."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.clock = clock
        self.lines: list[str] = []
        self.broken: list[str] = []

    def tell(self, line: str) -> None:
        self.lines.append(f"{self._moment()}  {line}")

    def break_promise(self, promise: str, line: str) -> None:
        """Note that a promise of the docs does not hold."""
        self.broken.append(f"{promise}: {line}")
        self.tell(f"BROKEN  {promise}: {line}")

    def _moment(self) -> str:
        minutes, seconds = divmod(self.clock(), 60)
        return f"{int(minutes):4}:{seconds:06.3f}"
