"""outbox: where each message is, what happened to it, and another try, which never sends twice what was accepted."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.commands.command import Keyturn
from tests.commands.school import ADA, GRACE, NOBODY, School, cells, listed
from tests.driver.inbox import TOKEN, token_in
from tests.driver.service import Service
from tests.servers.mail_providers.answers import Answer
from tests.servers.webhooks import SECRET, App

from keyturn.errors import SendRefused, SendRetryable
from keyturn.service.clock import now

pytestmark = pytest.mark.long


def test_a_list_says_what_each_is_for_where_it_is_and_why(keyturn: Keyturn, school: School) -> None:
    school.ask()
    school.ask(NOBODY)
    school.ask(GRACE, SendRefused("422 validation_error"))
    school.ask(ADA, SendRetryable("rate_limit_exceeded", 300))
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


# retry


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


def test_a_message_that_a_worker_holds_is_left_to_it(keyturn: Keyturn, school: School) -> None:
    school.do(Service.ask)
    school.do(lambda service: service.parts.outbox.claim(1, timedelta(minutes=1)))  # as a worker does
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


async def purge(service: Service) -> None:
    service.let_time_pass(days=4)
    await service.purge()


def test_a_message_whose_address_was_erased_cannot_be_made_again(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRefused("422 validation_error"))
    school.do(purge)
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


# Webhooks


KIND = "webhook_password_reset_requested"


@pytest.fixture
def app() -> Iterator[App]:
    with App.running() as app:
        yield app


@pytest.fixture
def telling(migrated: Keyturn, app: App, monkeypatch: pytest.MonkeyPatch) -> School:
    """Give the test a service whose app is told of requests, after their mails."""
    del migrated  # asked for, so that the database is ready
    monkeypatch.setenv("KEYTURN_WEBHOOKS_URL", app.url)
    monkeypatch.setenv("KEYTURN_WEBHOOKS_SECRET", SECRET)
    return School()


def test_a_webhook_is_listed_and_shown_and_what_the_app_has_accepted_is_not_told_again(
    keyturn: Keyturn, telling: School
) -> None:
    telling.ask()
    _, line, _ = keyturn("outbox", "list").out.splitlines()
    shown = [cells(line) for line in keyturn("outbox", "show", "2").out.splitlines()]

    assert [cells(line)[0], *cells(line)[2:]] == ["2", KIND, "sent", "1", "-", "-"]
    assert shown[0] == ["Message 2", KIND, "sent"]
    assert ["", "For", ADA] in shown
    assert ["", "Provider id", "204"] in shown
    assert "does not send it twice" in keyturn("outbox", "retry", "2").err


def test_a_dead_webhook_is_told_again_under_its_id(keyturn: Keyturn, telling: School, app: App) -> None:
    app.coming.append(Answer(410))
    telling.ask()
    dead, _ = json.loads(keyturn("outbox", "list", "--json").out)

    assert (dead["state"], dead["reason"].partition(":")[0], dead["for"]) == ("dead", "410 Gone", ADA)
    assert keyturn("outbox", "retry", "--dead").out == "Message 2 starts again, with all its tries.\n"
    telling.deliver()
    assert listed(keyturn("outbox", "list", "--json"))[2] == "sent"
    assert len(app.told) == 2
    assert len(app.events) == 1, "both have one id"
