"""outbox hold and release: mails that a restored backup would send again."""

from datetime import timedelta

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, GRACE, School, listed

from keyturn.errors import SendRetryable

pytestmark = pytest.mark.long


def test_held_mails_are_not_sent_until_they_are_released(keyturn: Keyturn, school: School) -> None:
    for email in (ADA, GRACE):
        school.ask(email, deliver=False)

    assert keyturn("outbox", "hold").out == "Held: 2 mails.\n"
    school.deliver()
    assert school.inbox.mails == []
    assert listed(keyturn("outbox", "list", "--json")) == {2: "dropped", 1: "dropped"}
    assert "held by an operator" in keyturn("outbox", "show", "1").out

    assert keyturn("outbox", "release").out == "Released: 2 mails.\n"
    school.deliver()
    assert len(school.inbox.mails) == 2


@pytest.mark.parametrize("command", [("release",), ("retry", "1")])
def test_a_held_mail_that_was_tried_before_leaves_as_the_same_mail_under_the_same_key(
    keyturn: Keyturn, school: School, command: tuple[str, ...]
) -> None:
    school.ask(ADA, SendRetryable("503 from the provider"))

    assert keyturn("outbox", "hold").out == "Held: 1 mail.\n"
    keyturn("outbox", *command)
    school.deliver()
    first, second = school.inbox.tries
    assert first == second
    assert listed(keyturn("outbox", "list", "--json")) == {1: "sent"}


def test_without_waiting_mails_there_is_nothing_to_hold_or_to_release(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA)

    assert keyturn("outbox", "hold").out == "No mails are waiting.\n"
    assert keyturn("outbox", "release").out == "No mails are held.\n"
    assert listed(keyturn("outbox", "list", "--json")) == {1: "sent"}


def test_a_mail_that_a_provider_has_reported_is_not_released(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, deliver=False)
    keyturn("outbox", "hold")
    school.report(1, "delivered")

    assert keyturn("outbox", "release").out == "No mails are held.\n"
    assert listed(keyturn("outbox", "list", "--json")) == {1: "delivered"}


def test_a_mail_whose_address_was_erased_cannot_be_released_and_is_counted(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, deliver=False)
    keyturn("outbox", "hold")
    school.purge(timedelta(days=8))

    told = keyturn("outbox", "release")
    assert told.code == 0
    assert told.out == "Not released, because their addresses were erased: 1 mail.\n"
