"""The word under which a call of a service is counted."""

import pytest

from keyturn.errors import Fault
from keyturn.service.problems.passwords import OutcomeUnknown, PasswordRejected, Violation
from keyturn.service.problems.problem import outcome_of
from keyturn.service.problems.proofs import CredentialsRejected, LinkDead, NotSignedIn
from keyturn.service.problems.requests import (
    AccountsUnready,
    Busy,
    DatabaseUnready,
    InputInvalid,
    LimitsUnready,
    TooManyRequests,
)


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
