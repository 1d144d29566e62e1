"""outbox: where each message is, what happened to it, and another try, which never sends twice what
was accepted.
"""

import json
import re
from datetime import timedelta

import pytest
from tests.commands.command import Keyturn
from tests.commands.school import ADA, GRACE, NOBODY, School
from tests.driver.inbox import TOKEN, token_in
from tests.driver.service import Service

from keyturn.errors import SendRefused, SendRetryable
from keyturn.service.clock import now

pytestmark = pytest.mark.long

DEAD = SendRefused("422 validation_error")
LATER = SendRetryable("rate_limit_exceeded", 300)


def states(keyturn: Keyturn, *options: str) -> dict[int, str]:
    return {
        message["id"]: message["state"]
        for message in json.loads(keyturn("outbox", "list", "--json", *options).out)
    }


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line)


def history(keyturn: Keyturn) -> list[str]:
    return [
        event["event"]
        for event in json.loads(keyturn("outbox", "show", "1", "--json").out)["history"]
    ]


def test_the_list_and_the_trail_say_what_each_is_for_where_it_is_and_why(
    keyturn: Keyturn, school: School
) -> None:
    assert keyturn("outbox", "list").out == "No messages yet.\n"
    assert keyturn("outbox", "list", "--state", "dead").out == "No such messages.\n"
    school.ask()
    school.ask(NOBODY)
    school.ask(GRACE, DEAD)
    trail = [cells(line) for line in keyturn("audit").out.splitlines()]
    assert [line[3] for line in trail] == ["MAIL", "dead", "none", "sent"]
    assert [entry["mail"] for entry in json.loads(keyturn("audit", "--json").out)] == [
        "dead",
        "dropped",
        "sent",
    ]

    school.ask(ADA, LATER)
    school.do(Service.ask)
    head, *lines = [cells(line) for line in keyturn("outbox", "list").out.splitlines()]
    assert head == ["ID", "WHEN (UTC)", "KIND", "STATE", "TRIES", "NEXT TRY (UTC)", "REASON"]
    assert [[line[0], *line[2:5], line[6]] for line in lines] == [
        ["5", "reset_requested", "waiting", "0", "-"],
        ["4", "reset_requested", "waiting", "1", "rate_limit_exceeded"],
        ["3", "reset_requested", "dead", "1", "422 validation_error"],
        ["2", "reset_requested", "dropped", "1", "no_account"],
        ["1", "reset_requested", "sent", "1", "-"],
    ]
    assert lines[0][5] == "now"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", lines[1][5])
    assert {line[5] for line in lines[2:]} == {"-"}


def test_a_state_that_a_provider_reported_is_listed_and_found_as_are_the_last(
    keyturn: Keyturn, school: School
) -> None:
    school.ask()
    school.change(created_at=now() - timedelta(hours=2))
    school.ask(GRACE)
    for event, state in (("delivery_delayed", "delayed"), ("bounced", "bounced")):
        school.report(1, event)
        assert states(keyturn) == {2: "sent", 1: state}
        assert states(keyturn, "--state", state) == {1: state}
        assert [entry["mail"] for entry in json.loads(keyturn("audit", "--json").out)] == [
            "sent",
            state,
        ]
    for option, value in (("--state", "sent"), ("--since", "1h"), ("--last", "1")):
        assert states(keyturn, option, value) == {2: "sent"}
    assert list(states(keyturn, "--since", "3h")) == [2, 1]


def test_a_message_is_shown_with_its_history_and_never_with_its_link(
    keyturn: Keyturn, school: School
) -> None:
    school.ask(ADA, SendRetryable("rate_limit_exceeded"))
    for words in (("list",), ("show", "1"), ("list", "--json"), ("show", "1", "--json")):
        shown = keyturn("outbox", *words).out
        assert token_in(school.inbox.tries[0][1]) not in shown
        assert not TOKEN.search(shown)
        assert "gAAAA" not in shown  # how a sealed mail begins (https://github.com/fernet/spec)
    school.change(available_at=now())
    school.deliver()
    school.report(1, "sent")
    school.report(1, "bounced", "Permanent General")
    first, _, *facts = [cells(line) for line in keyturn("outbox", "show", "1").out.splitlines()]

    assert first == ["Message 1", "reset_requested", "bounced"]
    assert ["", "For", ADA] in facts
    assert ["", "Tries", "2"] in facts
    assert [line[2:] for line in facts[facts.index([""]) + 1 :]] == [
        ["accepted"],
        ["retried", "rate_limit_exceeded"],
        ["sent", "inbox"],
        ["reported", "sent"],
        ["reported", "bounced", "Permanent General"],
    ]


def test_a_dead_message_begins_anew_once_with_a_new_link_under_a_new_key(
    keyturn: Keyturn, school: School
) -> None:
    school.ask(ADA, DEAD)
    again = keyturn("outbox", "retry", "1", "1")
    assert (again.code, again.out) == (0, "Message 1 starts again, with all its tries.\n")
    assert states(keyturn) == {1: "waiting"}
    assert "Message 1 is due now" in keyturn("outbox", "retry", "1").out
    school.deliver()
    school.deliver()

    assert states(keyturn) == {1: "sent"}
    (first_key, first), (second_key, second) = school.inbox.tries
    assert first_key != second_key
    assert token_in(first) != token_in(second)
    assert history(keyturn) == ["dead", "reopened", "hastened", "sent"]

    school.ask(NOBODY)
    assert keyturn("outbox", "retry", "2").code == 0, "a dropped message is decided again"
    school.deliver()
    assert states(keyturn) == {2: "dropped", 1: "sent"}

    school.do(Service.ask)
    school.do(
        lambda service: service.container.outbox.claim(1, timedelta(minutes=1))
    )  # as a worker does
    assert "A worker is handling message 3 at the moment" in keyturn("outbox", "retry", "3").out
    assert "under way" in keyturn("outbox", "list").out


def test_what_a_provider_has_accepted_is_not_sent_twice(keyturn: Keyturn, school: School) -> None:
    school.ask(GRACE, SendRefused("the answer was lost"))
    school.report(1, "delivered")
    school.ask()
    for message_id, event in ((1, ""), (2, ""), (2, "failed"), (2, "bounced")):
        if event:
            school.report(message_id, event)
        refused = keyturn("outbox", "retry", str(message_id))
        assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
        assert "does not send it twice" in refused.err
    school.deliver()
    assert len(school.inbox.tries) == 2


def test_all_dead_ones_at_once_and_none_where_one_named_cannot_be_retried(
    keyturn: Keyturn, school: School
) -> None:
    school.ask(ADA, DEAD)
    school.ask(GRACE, DEAD)
    school.ask(NOBODY)
    school.ask()
    before = {4: "sent", 3: "dropped", 2: "dead", 1: "dead"}
    for other in ("4", "99"):
        assert keyturn("outbox", "retry", "1", other).code == 1
        assert states(keyturn) == before

    again = keyturn("outbox", "retry", "--dead").out
    assert [line.split()[1] for line in again.splitlines()] == ["1", "2"]
    assert states(keyturn) == before | {2: "waiting", 1: "waiting"}
    assert keyturn("outbox", "retry", "--dead").out == "There are no dead messages.\n"


def test_a_message_whose_address_was_erased_cannot_be_made_again(
    keyturn: Keyturn, school: School
) -> None:
    async def purge(service: Service) -> None:
        service.let_time_pass(days=4)
        await service.purge()

    school.ask(ADA, DEAD)
    school.do(purge)
    refused = keyturn("outbox", "retry", "1")
    assert (refused.code, bool(re.fullmatch(r"keyturn: [^\n]*too old[^\n]*\n", refused.err))) == (
        1,
        True,
    )
    assert json.loads(keyturn("outbox", "show", "1", "--json").out)["for"] == "erased"


def test_what_waits_is_due_at_once_one_or_all_and_stays_the_same_mail(
    keyturn: Keyturn, school: School
) -> None:
    school.ask(ADA, LATER)
    school.deliver()
    assert school.inbox.mails == []
    assert keyturn("outbox", "retry", "1").out == "Message 1 is due now.\n"
    school.deliver()
    school.ask(GRACE, LATER)
    school.ask(ADA, DEAD)
    assert keyturn("outbox", "retry", "--waiting").out == "Message 2 is due now.\n"
    school.deliver()
    assert states(keyturn) == {3: "dead", 2: "sent", 1: "sent"}
    first, again, second, _, second_again = school.inbox.tries
    assert (first, second) == (again, second_again)
    assert history(keyturn) == ["retried", "hastened", "sent"]
    assert keyturn("outbox", "retry", "--waiting").out == "No message waits for a later try.\n"
