"""Second addresses, their links and their mails end when they should, and whoever must know of it is told."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update
from tests.spec.proofs.test_second_address import (
    HOME,
    NO_COOLDOWN,
    ON,
    OTHER,
    SERVICE_KEY,
    added,
    asked,
    button,
    confirm,
    of_app,
    press,
    second_link,
    templates,
    trail,
    want,
)
from tests.spec.service import ADA, Service, Start, problem

from keyturn.accounts.builtin import AccountRow
from keyturn.database import now
from keyturn.errors import SendRetryable
from keyturn.outbox.models import OutboxRow
from keyturn.reset.records.client import Client
from keyturn.reset.records.second_addresses import SecondAddressRow
from keyturn.settings import HelpDeskSettings, MuteSettings

pytestmark = pytest.mark.any_database

MUTE = MuteSettings(url="{base_url}/stop-emails/{token}")
DAY = timedelta(days=1)


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"second_address": ON, "limits": NO_COOLDOWN, "invitations": SERVICE_KEY}


async def set_row(service: Service, **values: Any) -> None:
    await service.write(update(SecondAddressRow).values(**values))


# A removal that nobody asked for is told


async def test_a_press_that_removes_it_is_told_to_both_mailboxes_without_a_button(service: Service) -> None:
    await service.reset(await service.link())
    await service.deliver()
    early = await button(service)
    await added(service)
    await press(service, early)

    assert sorted(templates(service, ADA)) == ["password_reset", "second_address_changed"]
    assert templates(service, HOME) == ["second_address_changed"]
    (told,) = service.inbox.sent_to(ADA, "second_address_changed")
    assert "Second address removed" in told.subject
    assert "a***@home.test" in told.text
    assert "/secure-your-account/" not in told.text
    assert "second_address ended" in await trail(service)


async def test_a_code_of_the_help_desk_that_removes_it_is_told_to_both_mailboxes(start: Start) -> None:
    desk = HelpDeskSettings(enabled=True)
    service = await start(second_address=ON, invitations=SERVICE_KEY, help_desk=desk, limits=NO_COOLDOWN)
    account, greta = await service.parts.accounts.find(ADA), Client(operator="greta")
    assert account
    await added(service)
    case = await service.parts.help_desk.open(account, greta, "note")
    code = (await service.parts.help_desk.issue(case, greta)).code
    service.inbox.mails.clear()
    answer = await service.anywhere().post("/api/auth/verify-reset-code", json={"email": ADA, "code": code})
    assert problem(answer) == "200"
    await service.deliver()

    assert "second_address_changed" in templates(service, ADA)
    assert templates(service, HOME) == ["second_address_changed"]


async def test_a_press_that_removes_none_tells_nothing(service: Service) -> None:
    await added(service)
    await set_row(service, added_at=now() - 31 * DAY)
    await service.reset(await service.link())
    await service.deliver()
    service.inbox.mails.clear()
    await press(service, (await want_button(service)))
    assert "second_address_changed" not in templates(service, ADA) + templates(service, HOME)


async def want_button(service: Service) -> str:
    await service.reset(await service.link(), "another long password")
    await service.deliver()
    token = await button(service)
    service.inbox.mails.clear()
    return token


# The mail to a new address


async def delay(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the provider down while a mail to a new address is to leave; the mail is sealed then."""

    async def fail(*_: Any, **__: Any) -> None:
        raise SendRetryable("the provider is down", not_accepted=True)

    with monkeypatch.context() as during:
        during.setattr(service.inbox, "send", fail)
        await of_app(service, ADA, HOME)
        await service.deliver()


async def try_again(service: Service) -> None:
    await service.write(update(OutboxRow).where(OutboxRow.settled_at.is_(None)).values(available_at=now()))
    await service.deliver()


async def test_a_delayed_mail_to_a_new_address_is_sent_while_its_link_works(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await delay(service, monkeypatch)
    await try_again(service)
    (mail,) = service.inbox.sent_to(HOME)
    token = re.findall(r"/confirm-second-address/([\w-]{43})", mail.text)[0]
    assert await confirm(service, token) == "200"


@pytest.mark.parametrize("values", [{"expires_at": now()}, {"digest": b"another".ljust(32)}, {"pending": ""}])
async def test_a_delayed_mail_to_a_new_address_is_not_sent_once_its_link_is_over(
    service: Service, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    await delay(service, monkeypatch)
    await set_row(service, **values)
    await try_again(service)
    assert service.inbox.sent_to(HOME) == []


async def test_the_reader_of_a_new_mailbox_stops_such_mails_and_ends_the_link(start: Start) -> None:
    service = await start(second_address=ON, invitations=SERVICE_KEY, mute=MUTE, limits=NO_COOLDOWN)
    token = await asked(service)
    (mute,) = re.findall(r"/stop-emails/([\w-]{43})", service.inbox.sent_to(HOME)[0].text)
    assert not await service.works(mute)
    assert problem(await service.anywhere().post("/api/auth/mute-mailbox", json={"token": mute})) == "200"

    assert await confirm(service, token) == "400 security-link-dead"
    await of_app(service, ADA, HOME)
    await service.deliver()
    assert len(service.inbox.sent_to(HOME)) == 1
    assert (await trail(service))[-1] == "second_address muted"
    assert await asked(service, OTHER)


async def test_without_muting_the_mail_to_a_new_address_offers_none(service: Service) -> None:
    await asked(service)
    assert "Stop these emails" not in service.inbox.sent_to(HOME)[0].text


async def test_a_sign_in_leaves_the_muting_of_the_second_mailbox(start: Start) -> None:
    service = await start(second_address=ON, invitations=SERVICE_KEY, mute=MUTE, limits=NO_COOLDOWN)
    await added(service)
    await service.parts.records.transact(lambda tx: tx.mailboxes.mute(ADA, now()))
    await service.parts.records.transact(lambda tx: tx.mailboxes.mute(HOME, now()))
    await service.sign_in()
    await want(service)
    assert (await trail(service))[-1] == "second_address_request muted"
    await service.ask()
    await service.deliver()
    assert service.inbox.sent_to(ADA, "password_reset")


# The link to a new address


async def test_another_ask_that_sends_no_mail_does_not_make_the_link_work_longer(start: Start) -> None:
    service = await start(second_address=ON, invitations=SERVICE_KEY)
    token = await asked(service)
    soon = now() + timedelta(minutes=1)
    await set_row(service, expires_at=soon)
    await of_app(service, ADA, HOME)
    await service.deliver()
    assert (await trail(service))[-1] == "second_address cooldown"

    (row,) = await service.rows(SecondAddressRow.__table__.select())
    assert row["expires_at"] == soon
    assert await confirm(service, token) == "200"


async def test_another_ask_that_sends_a_mail_has_a_day_of_its_own(service: Service) -> None:
    await asked(service)
    await set_row(service, expires_at=now() + timedelta(minutes=1))
    await asked(service)
    (row,) = await service.rows(SecondAddressRow.__table__.select())
    assert row["expires_at"] > now() + timedelta(hours=23)


@pytest.mark.parametrize("moved", [HOME, "ada@new.test"])
async def test_an_account_that_has_moved_cannot_confirm_what_it_asked_for_before(service: Service, moved: str) -> None:
    token = await asked(service)
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email=moved))
    assert await confirm(service, token) == "400 security-link-dead"
    await service.deliver()
    assert "second_address added" not in await trail(service)


async def test_another_spelling_of_the_own_address_is_no_move(service: Service) -> None:
    token = await asked(service)
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email=ADA.upper()))
    assert await confirm(service, token) == "200"


# Removals that come late


async def test_a_removal_that_is_tried_again_leaves_an_address_that_was_asked_for_since(service: Service) -> None:
    await added(service)
    await of_app(service, ADA, None)
    await service.parts.second_address.remove(await account_of(service), Client())
    later = OutboxRow.kind == "second_address_asked", OutboxRow.settled_at.is_(None)
    await service.write(update(OutboxRow).where(*later).values(available_at=now() + timedelta(hours=1)))
    token = await asked(service, OTHER)
    await service.write(update(OutboxRow).where(*later).values(available_at=now()))
    await service.deliver()
    assert await confirm(service, token) == "200"


async def test_a_removal_ends_an_address_that_was_asked_for_before(service: Service) -> None:
    token = await asked(service)
    await of_app(service, ADA, None)
    await service.deliver()
    assert await confirm(service, token) == "400 security-link-dead"


async def test_an_ask_that_comes_after_a_later_removal_is_left_out(service: Service) -> None:
    await added(service)
    account = await account_of(service)
    await service.parts.second_address.ask(ADA, OTHER, Client(), account.id)
    await service.parts.second_address.remove(account, Client())
    await service.deliver()
    assert templates(service, OTHER) == []
    assert (await trail(service))[-1] == "second_address superseded"


async def account_of(service: Service) -> Any:
    account = await service.parts.accounts.find(ADA)
    assert account
    return account


# Accounts that are gone


async def test_the_address_of_a_deleted_account_is_deleted_after_a_week(service: Service) -> None:
    await added(service)
    await added(service, "grace@home.test", "grace@northwind.test")
    await service.write(delete(AccountRow).where(AccountRow.email == ADA))
    soon, later = now() + 2 * DAY, now() + 10 * DAY
    assert (await service.parts.retention.purge(soon))["second_addresses"] == 0
    assert (await service.parts.retention.purge(soon + DAY))["second_addresses"] == 0
    assert (await service.parts.retention.purge(later))["second_addresses"] == 1
    assert (await service.parts.retention.purge(now() + 400 * DAY))["second_addresses"] == 0
    assert [row["email"] for row in await service.rows(SecondAddressRow.__table__.select())] == ["grace@home.test"]


async def test_an_account_that_comes_back_keeps_its_address(service: Service) -> None:
    await added(service)
    account = await account_of(service)
    await service.write(update(AccountRow).where(AccountRow.id == account.id).values(id="hidden"))
    await service.parts.retention.purge(now() + 2 * DAY)
    await service.write(update(AccountRow).where(AccountRow.id == "hidden").values(id=account.id))
    assert (await service.parts.retention.purge(now() + 400 * DAY))["second_addresses"] == 0
    assert await second_link(service)
