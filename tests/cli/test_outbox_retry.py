"""outbox retry: another try, which never sends twice what was accepted."""

import json
import re
from datetime import timedelta

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, GRACE, NOBODY, School, listed
from tests.driver.inbox import token_in

from keyturn.errors import SendRefused, SendRetryable
from keyturn.service.parts import Parts

pytestmark = pytest.mark.long


def test_a_dead_message_begins_anew_with_a_new_link_under_a_new_key(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRefused("422 validation_error"))
    told = keyturn("outbox", "retry", "1")

    assert (told.code, told.out.count("\n")) == (0, 1)
    assert "Message 1 starts again" in told.out
    assert listed(keyturn("outbox", "list", "--json")) == {1: "waiting"}
    school.deliver()
    assert listed(keyturn("outbox", "list", "--json")) == {1: "sent"}
    (first_key, first), (second_key, second) = school.inbox.tries
    assert first_key != second_key
    assert token_in(first) != token_in(second)
    assert [event["event"] for event in json.loads(keyturn("outbox", "show", "1", "--json").out)["history"]] == [
        "dead",
        "reopened",
        "sent",
    ]


def test_retrying_twice_sends_once(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRefused("422 validation_error"))
    keyturn("outbox", "retry", "1", "1")
    assert "Message 1 is due now" in keyturn("outbox", "retry", "1").out
    school.deliver()
    school.deliver()

    assert len(school.inbox.mails) == 1


def test_a_dropped_message_is_decided_again(keyturn: Keyturn, school: School) -> None:
    school.ask(NOBODY)
    assert keyturn("outbox", "retry", "1").code == 0
    school.deliver()
    assert listed(keyturn("outbox", "list", "--json")) == {1: "dropped"}


def test_a_waiting_message_is_due_now_and_stays_the_same_mail(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRetryable("rate_limit_exceeded", 300))
    school.deliver()
    assert school.inbox.mails == []
    told = keyturn("outbox", "retry", "1")
    school.deliver()

    assert told.out == "Message 1 is due now.\n"
    assert listed(keyturn("outbox", "list", "--json")) == {1: "sent"}
    assert school.inbox.tries[0] == school.inbox.tries[1]


async def take(parts: Parts) -> None:
    """Hold a message, as a worker does."""
    await parts.outbox.claim(1, timedelta(minutes=1))


def test_a_message_that_a_worker_holds_is_left_to_it(keyturn: Keyturn, school: School) -> None:
    school.ask(deliver=False)
    school.do(take)
    assert "A worker is handling message 1 at the moment" in keyturn("outbox", "retry", "1").out
    assert "under way" in keyturn("outbox", "list").out
    assert json.loads(keyturn("outbox", "show", "1", "--json").out)["history"] == []


@pytest.mark.parametrize("event", ["", "delivered", "bounced", "failed"])
def test_what_a_provider_has_accepted_is_not_sent_twice(keyturn: Keyturn, school: School, event: str) -> None:
    school.ask()
    if event:
        school.report(1, event)
    refused = keyturn("outbox", "retry", "1")

    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "does not send it twice" in refused.err
    school.deliver()
    assert len(school.inbox.mails) == 1


def test_a_dead_message_that_arrived_after_all_is_not_sent_twice(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRefused("the answer was lost"))
    school.report(1, "delivered")

    assert listed(keyturn("outbox", "list", "--json")) == {1: "delivered"}
    assert keyturn("outbox", "retry", "1").code == 1
    assert keyturn("outbox", "retry", "--dead").out == "There are no dead messages.\n"


@pytest.mark.parametrize("other", ["2", "99"])
def test_where_one_cannot_be_retried_none_is(keyturn: Keyturn, school: School, other: str) -> None:
    school.ask(ADA, SendRefused("422 validation_error"))
    school.ask(GRACE)

    assert keyturn("outbox", "retry", "1", other).code == 1
    assert listed(keyturn("outbox", "list", "--json")) == {2: "sent", 1: "dead"}


def test_a_message_whose_address_was_erased_cannot_be_made_again(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRefused("422 validation_error"))
    school.purge(timedelta(days=4))
    refused = keyturn("outbox", "retry", "1")

    assert refused.code == 1
    assert re.fullmatch(r"keyturn: [^\n]*too old[^\n]*\n", refused.err)
    assert json.loads(keyturn("outbox", "show", "1", "--json").out)["for"] == "erased"
    assert keyturn("outbox", "retry", "--dead").out == "There are no dead messages.\n"


def test_all_dead_ones_at_once(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRefused("422 validation_error"))
    school.ask(GRACE, SendRefused("422 validation_error"))
    school.ask(NOBODY)
    told = keyturn("outbox", "retry", "--dead")

    assert [line.split()[1] for line in told.out.splitlines()] == ["1", "2"]
    assert listed(keyturn("outbox", "list", "--json")) == {3: "dropped", 2: "waiting", 1: "waiting"}
    assert keyturn("outbox", "retry", "--dead").out == "There are no dead messages.\n"


def test_all_that_wait_for_a_later_try_are_due_at_once_and_stay_the_same_mails(
    keyturn: Keyturn, school: School
) -> None:
    school.ask(ADA, SendRetryable("down", 300))
    school.ask(GRACE, SendRetryable("down", 300))
    school.ask(ADA, SendRefused("422 validation_error"))
    assert keyturn("outbox", "retry", "--waiting").out == "Message 1 is due now.\nMessage 2 is due now.\n"
    school.deliver()

    assert listed(keyturn("outbox", "list", "--json")) == {3: "dead", 2: "sent", 1: "sent"}
    first, again = dict(school.inbox.tries[:2]), dict(school.inbox.tries[3:])  # by key: two mails go out at a time
    assert again == first
    history = json.loads(keyturn("outbox", "show", "1", "--json").out)["history"]
    assert [event["event"] for event in history] == ["retried", "hastened", "sent"]
    assert keyturn("outbox", "retry", "--waiting").out == "No message waits for a later try.\n"


@pytest.mark.parametrize("arguments", [(), ("1", "--dead"), ("1", "--waiting"), ("--dead", "--waiting")])
def test_retrying_needs_messages_or_dead_or_waiting_and_no_two_of_them(
    migrated: Keyturn, arguments: tuple[str, ...]
) -> None:
    refused = migrated("outbox", "retry", *arguments)

    assert refused.code == 2
    assert "Give the ids of messages, or --dead, or --waiting." in refused.err


@pytest.mark.parametrize("word", ["0", "-1", "one"])
def test_what_is_no_id_is_refused(migrated: Keyturn, word: str) -> None:
    assert migrated("outbox", "retry", "--", word).code == 2
    assert migrated("outbox", "show", "--", word).code == 2
