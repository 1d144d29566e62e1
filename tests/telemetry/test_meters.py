"""What is counted: each call of a service once, under a name from a fixed list."""

import pytest

from keyturn.errors import Fault
from keyturn.problems.passwords import OutcomeUnknown, PasswordRejected, Violation
from keyturn.problems.problem import outcome_of
from keyturn.problems.proofs import CredentialsRejected, LinkDead, NotSignedIn
from keyturn.problems.requests import (
    AccountsUnready,
    Busy,
    DatabaseUnready,
    InputInvalid,
    LimitsUnready,
    TooManyRequests,
)
from keyturn.telemetry.meters import Meters, count_calls


class Kept(Meters):
    def __init__(self) -> None:
        self.counts: list[tuple[str, str]] = []

    def request(self, kind: str, outcome: str) -> None:
        self.counts.append((kind, outcome))


class Service:
    def __init__(self, meters: Meters) -> None:
        self.meters = meters

    @count_calls("halve")
    async def halve(self, number: int, *, error: Exception | None = None) -> float:
        """Return half."""
        if error:
            raise error
        return number / 2


async def test_a_call_that_succeeds_is_accepted() -> None:
    kept = Kept()
    assert await Service(kept).halve(7) == 3.5
    assert kept.counts == [("halve", "accepted")]


async def test_a_call_that_fails_is_counted_once_and_fails_all_the_same() -> None:
    kept, error = Kept(), TooManyRequests(3)
    with pytest.raises(TooManyRequests) as raised:
        await Service(kept).halve(7, error=error)
    assert raised.value is error
    assert kept.counts == [("halve", "limited")]


async def test_without_meters_nothing_is_kept_and_nothing_fails() -> None:
    assert await Service(Meters()).halve(4) == 2


def test_a_counted_method_keeps_its_name_and_its_words() -> None:
    assert (Service.halve.__name__, Service.halve.__doc__) == ("halve", "Return half.")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InputInvalid(Fault("email", "not an email address")), "malformed"),
        (TooManyRequests(1), "limited"),
        (LinkDead("used"), "link_used"),
        (LinkDead("expired"), "link_expired"),
        (LinkDead("invalid"), "link_invalid"),
        (PasswordRejected([Violation("common", "not that one")]), "password_rejected"),
        (CredentialsRejected(), "credentials_rejected"),
        (NotSignedIn(), "not_signed_in"),
        (Busy(1), "busy"),
        (AccountsUnready("ada@northwind.example"), "unavailable"),
        (OutcomeUnknown("ada@northwind.example"), "outcome_unknown"),
        (LimitsUnready("postgresql://:secret@limits"), "unavailable"),
        (DatabaseUnready("postgresql://ada:secret@db"), "unavailable"),
        (ValueError("ada@northwind.example"), "failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_outcome_is_a_word_of_ours_and_never_what_an_error_says(error: Exception, outcome: str) -> None:
    assert outcome_of(error) == outcome
