"""outbox list and outbox show: where each mail is, and what happened to it."""

import json
import re
from datetime import timedelta

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, GRACE, NOBODY, School, cells, listed
from tests.driver.inbox import TOKEN, token_in

from keyturn.errors import SendRefused, SendRetryable
from keyturn.service.clock import now

pytestmark = pytest.mark.long


def test_a_list_says_what_each_is_for_where_it_is_and_why(keyturn: Keyturn, school: School) -> None:
    school.ask()
    school.ask(NOBODY)
    school.ask(GRACE, SendRefused("422 validation_error"))
    school.ask(ADA, SendRetryable("rate_limit_exceeded", 300))
    school.ask(ADA, deliver=False)
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


def test_the_trail_says_where_each_mail_is(keyturn: Keyturn, school: School) -> None:
    school.ask()
    school.ask(NOBODY)
    school.ask(GRACE, SendRefused("422 validation_error"))
    school.report(1, "complained")
    head, *lines = [cells(line) for line in keyturn("audit").out.splitlines()]

    assert head[3] == "MAIL"
    assert [line[2:5] for line in lines] == [
        ["link_mailed", "dead", GRACE],
        ["no_account", "none", NOBODY],
        ["link_mailed", "complained", ADA],
    ]
    assert [entry["mail"] for entry in json.loads(keyturn("audit", "--json").out)] == ["dead", "dropped", "complained"]


def test_an_empty_outbox_says_so(migrated: Keyturn) -> None:
    assert migrated("outbox", "list").out == "No messages yet.\n"
    assert json.loads(migrated("outbox", "list", "--json").out) == []
    assert migrated("outbox", "list", "--state", "dead").out == "No such messages.\n"


@pytest.mark.parametrize(
    ("event", "state"),
    [("delivered", "delivered"), ("bounced", "bounced"), ("delivery_delayed", "delayed"), ("opened", "delivered")],
)
def test_a_state_that_the_provider_reported_is_listed_and_found(
    keyturn: Keyturn, school: School, event: str, state: str
) -> None:
    school.ask()
    school.ask(GRACE)
    school.report(1, event)

    assert listed(keyturn("outbox", "list", "--json")) == {2: "sent", 1: state}
    assert listed(keyturn("outbox", "list", "--json", "--state", state)) == {1: state}
    assert listed(keyturn("outbox", "list", "--json", "--state", "sent")) == {2: "sent"}


def test_a_list_of_the_last_while_and_of_the_last_so_many(keyturn: Keyturn, school: School) -> None:
    school.ask()
    school.change(created_at=now() - timedelta(hours=2))
    school.ask(GRACE)

    assert list(listed(keyturn("outbox", "list", "--json", "--since", "1h"))) == [2]
    assert list(listed(keyturn("outbox", "list", "--json", "--since", "3h"))) == [2, 1]
    assert list(listed(keyturn("outbox", "list", "--json", "--last", "1"))) == [2]


@pytest.mark.parametrize(
    ("option", "value", "code", "why"),
    [
        ("--state", "lost", 2, "waiting"),
        ("--since", "yesterday", 2, "as in 90s, 30m, 1h or 7d"),
        ("--last", "0", 2, "--last"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(migrated: Keyturn, option: str, value: str, code: int, why: str) -> None:
    refused = migrated("outbox", "list", option, value)

    assert refused.code == code
    assert why in refused.err


def test_one_message_is_shown_with_all_that_happened_to_it(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRetryable("rate_limit_exceeded"))
    school.change(available_at=now())
    school.deliver()
    school.report(1, "sent")
    school.report(1, "bounced", "Permanent General")
    shown = keyturn("outbox", "show", "1")
    first, _, *facts = shown.out.splitlines()

    assert shown.code == 0
    assert cells(first) == ["Message 1", "reset_requested", "bounced"]
    assert ["", "For", ADA] in [cells(line) for line in facts]
    assert ["", "Tries", "2"] in [cells(line) for line in facts]
    timeline = [cells(line)[2:] for line in facts[facts.index("") + 1 :]]
    assert timeline == [
        ["accepted"],
        ["retried", "rate_limit_exceeded"],
        ["sent", "inbox"],
        ["reported", "sent"],
        ["reported", "bounced", "Permanent General"],
    ]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_neither_the_mail_nor_its_link_is_ever_shown(keyturn: Keyturn, school: School, form: tuple[str, ...]) -> None:
    school.ask(ADA, SendRetryable("rate_limit_exceeded"))
    token = token_in(school.inbox.tries[0][1])
    for command in (("list",), ("show", "1")):
        shown = keyturn("outbox", *command, *form)
        assert token not in shown.out
        assert not TOKEN.search(shown.out)
        assert "gAAAA" not in shown.out  # how a sealed mail begins (https://github.com/fernet/spec)


@pytest.mark.parametrize("command", ["show", "retry"])
def test_a_message_that_is_not_there_is_one_sentence(migrated: Keyturn, command: str) -> None:
    refused = migrated("outbox", command, "99")

    assert (refused.code, refused.out, refused.err) == (
        1,
        "",
        "keyturn: there is no message 99: list them with `keyturn outbox list`\n",
    )
