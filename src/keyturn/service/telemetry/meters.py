"""Defines the counts and durations that are measured, independent of the backend."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from keyturn.errors import KeyturnError
from keyturn.service.problems.problem import outcome_of

ACCEPTED = "accepted"
"""The outcome of a successful call."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Meters:
    """The port through which calls, messages and durations are counted.

    This class keeps nothing, which is right for a command and for most tests. Every label comes from a fixed list, so
    that clients cannot create unlimited series.
    """

    def request(self, kind: str, outcome: str) -> None:
        """Count a call of a service by its outcome: "accepted", or the problem's `outcome`."""

    def message(self, kind: str, outcome: str, count: int = 1) -> None:
        """Count attempts to deliver messages: sent, dropped, retried, parked, dead."""

    def delivery(self, kind: str, seconds: float) -> None:
        """Record a message's delivery time in seconds, from its commit until the provider or the app accepted it."""

    def breach_lookup(self, outcome: str) -> None:
        """Count a look-up of a password in data leaks: breached, clear, failed."""

    def suppression(self, reason: str) -> None:
        """Count a mailbox that gets no more mail after a report: bounced, complained, suppressed."""

    def challenge(self, outcome: str) -> None:
        """Count a challenge: passed, missing, failed, or the reason of a refusal."""

    def password_hash(self, seconds: float) -> None:
        """Record the seconds that a hash took, without its time in the queue."""


class Metered(Protocol):
    """A service that counts its calls with the meters it was given."""

    @property
    def meters(self) -> Meters: ...


Service = TypeVar("Service", bound=Metered)


def count_calls(
    kind: str,
) -> Callable[
    [Callable[Concatenate[Service, Parameters], Awaitable[Result]]],
    Callable[Concatenate[Service, Parameters], Coroutine[Any, Any, Result]],
]:
    """Decorate a service's method, so that each call is counted by its outcome."""

    def decorate(
        method: Callable[Concatenate[Service, Parameters], Awaitable[Result]],
    ) -> Callable[Concatenate[Service, Parameters], Coroutine[Any, Any, Result]]:
        @wraps(method)
        async def count(self: Service, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            try:
                result = await method(self, *args, **kwargs)
            except Exception as error:
                self.meters.request(kind, outcome_of(error))
                if isinstance(error, KeyturnError):
                    error.counted = True
                raise
            self.meters.request(kind, ACCEPTED)
            return result

        return count

    return decorate
