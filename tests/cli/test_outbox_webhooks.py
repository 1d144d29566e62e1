"""Webhooks in the outbox: listed beside the mails, found by their account, and tried again under the same id."""

import json
from collections.abc import Iterator

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, School, cells, listed
from tests.resend_server.answers import Answer
from tests.webhooks.app import SECRET, App

pytestmark = pytest.mark.long

KIND = "webhook_password_reset_requested"


@pytest.fixture
def app() -> Iterator[App]:
    with App.running() as app:
        yield app


@pytest.fixture
def school(migrated: Keyturn, app: App, monkeypatch: pytest.MonkeyPatch) -> School:
    """Give the test a service whose app is told of requests, after their mails."""
    del migrated  # asked for, so that the database is ready
    monkeypatch.setenv("KEYTURN_WEBHOOKS_URL", app.url)
    monkeypatch.setenv("KEYTURN_WEBHOOKS_SECRET", SECRET)
    return School()


def test_a_webhook_is_listed_and_shown_and_what_the_app_has_accepted_is_not_told_again(
    keyturn: Keyturn, school: School
) -> None:
    school.ask()
    _, line, _ = keyturn("outbox", "list").out.splitlines()
    shown = [cells(line) for line in keyturn("outbox", "show", "2").out.splitlines()]

    assert [cells(line)[0], *cells(line)[2:]] == ["2", KIND, "sent", "1", "-", "-"]
    assert shown[0] == ["Message 2", KIND, "sent"]
    assert ["", "For", ADA] in shown
    assert ["", "Provider id", "204"] in shown
    assert "does not send it twice" in keyturn("outbox", "retry", "2").err


def test_a_dead_webhook_is_told_again_under_its_id(keyturn: Keyturn, school: School, app: App) -> None:
    app.coming.append(Answer(410))
    school.ask()
    dead, _ = json.loads(keyturn("outbox", "list", "--json").out)

    assert (dead["state"], dead["reason"].partition(":")[0], dead["for"]) == ("dead", "410 Gone", ADA)
    assert keyturn("outbox", "retry", "--dead").out == "Message 2 starts again, with all its tries.\n"
    school.deliver()
    assert listed(keyturn("outbox", "list", "--json"))[2] == "sent"
    assert len(app.told) == 2
    assert len(app.events) == 1, "both have one id"
