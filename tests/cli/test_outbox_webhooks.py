"""Webhooks in the outbox: listed beside the mails, found by their account, and tried again under the same id."""

import json
from datetime import timedelta

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, GRACE, School, cells

from keyturn.errors import SendRefused
from keyturn.service.clock import now
from keyturn.service.outbox.message import Dead, Sent
from keyturn.service.parts import Parts
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.messages import ChangeBegun
from keyturn.service.reset.records.stores import Transaction
from keyturn.service.settings import LONGEST_TRY

pytestmark = pytest.mark.long

KIND = "webhook_password_changed"


class WebhookHandler(School):
    """A service that has told its app of a change, and what came of it."""

    def tell(self, outcome: SendRefused | Sent) -> None:
        async def work(parts: Parts) -> None:
            account = await parts.accounts.find(ADA)
            assert account

            def write(tx: Transaction) -> None:
                notices = AppEvents({"password.changed": [KIND]})
                begun = ChangeBegun(account_id=account.id, at=now(), client=Client(), how="reset", email=ADA)
                notices.password_changed(tx, account, begun, {})

            await parts.records.transact(write)
            (message,) = await parts.outbox.claim(1, LONGEST_TRY, only=[KIND])
            end = outcome if isinstance(outcome, Sent) else Dead(outcome.reason)
            await parts.outbox.end(message, end)

        self.do(work)

    def key(self) -> str:
        keys = []

        async def work(parts: Parts) -> None:
            (message,) = await parts.outbox.claim(1, timedelta(0), only=[KIND])
            keys.append(message.key)

        self.do(work)
        return keys[0]


@pytest.fixture
def school(migrated: Keyturn) -> WebhookHandler:
    del migrated  # asked for, so that the database is ready
    return WebhookHandler()


def test_a_webhook_is_listed_and_shown_with_whose_it_is_and_what_the_app_said(
    keyturn: Keyturn, school: WebhookHandler
) -> None:
    school.ask(GRACE)
    school.tell(Sent("webhook", "204"))
    _, line, _ = keyturn("outbox", "list").out.splitlines()
    shown = [cells(line) for line in keyturn("outbox", "show", "2").out.splitlines()]

    assert [cells(line)[0], *cells(line)[2:]] == ["2", KIND, "sent", "1", "-", "-"]
    assert shown[0] == ["Message 2", KIND, "sent"]
    assert ["", "For", ADA] in shown
    assert ["", "Provider id", "204"] in shown


def test_what_the_app_has_accepted_is_not_told_again(keyturn: Keyturn, school: WebhookHandler) -> None:
    school.tell(Sent("webhook", "204"))

    assert "does not send it twice" in keyturn("outbox", "retry", "1").err


def test_a_dead_webhook_is_told_again_under_its_id(keyturn: Keyturn, school: WebhookHandler) -> None:
    school.tell(SendRefused("410 Gone"))
    first = json.loads(keyturn("outbox", "list", "--json").out)
    told = keyturn("outbox", "retry", "--dead")
    key = school.key()
    school.change(state="dead", claim=None)
    keyturn("outbox", "retry", "1")

    assert [(message["state"], message["reason"], message["for"]) for message in first] == [("dead", "410 Gone", ADA)]
    assert told.out == "Message 1 starts again, with all its tries.\n"
    assert school.key() == key
