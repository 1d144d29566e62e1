"""What a second address must withstand: links that outlive it, mailboxes that others read, and curious users."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.spec.proofs.test_second_address import (
    HOME,
    NO_COOLDOWN,
    ON,
    OTHER,
    SECURE,
    SERVICE_KEY,
    added,
    asked,
    button,
    confirm,
    of_app,
    second_link,
    templates,
    trail,
)
from tests.spec.service import ADA, CHANGE, NEW_PASSWORD, NOBODY, PASSWORD, REQUEST, Service, Start, problem

from keyturn.accounts.port import Account
from keyturn.reset.records.client import Client
from keyturn.settings import HelpDeskSettings

pytestmark = pytest.mark.any_database

ZOE = "zoe@northwind.test"


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"second_address": ON, "limits": NO_COOLDOWN, "invitations": SERVICE_KEY}


async def account_of(service: Service, email: str = ADA) -> Account:
    account = await service.parts.accounts.find(email)
    assert account
    return account


# Links that outlive it


async def test_a_link_that_is_sent_while_the_address_is_removed_does_not_work(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await added(service)
    room, account = service.parts.second_address, await account_of(service)
    look_up = room.recipients

    async def look_up_before_the_removal(requests: Any) -> Sequence[str | None]:
        found = await look_up(requests)
        await room.remove(account, Client())
        return found

    monkeypatch.setattr(room, "recipients", look_up_before_the_removal)
    link = await second_link(service)

    assert not await service.works(link)
    assert problem(await service.reset(link)) == "400 link-dead"
    assert await service.knows(PASSWORD)


async def test_a_link_does_not_work_if_the_address_is_removed_while_its_password_is_checked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await added(service)
    link, account = await second_link(service), await account_of(service)
    require = service.parts.policy.require

    async def require_during_the_removal(password: str, email: str) -> None:
        await require(password, email)
        await service.parts.records.transact(lambda tx: tx.second_addresses.remove(account.id))

    monkeypatch.setattr(service.parts.policy, "require", require_during_the_removal)
    assert problem(await service.reset(link)) == "400 link-dead"
    assert await service.knows(PASSWORD)


async def test_a_link_in_a_mailbox_that_the_help_desk_has_blocked_does_not_work(start: Start) -> None:
    desk = HelpDeskSettings(enabled=True)
    service = await start(second_address=ON, invitations=SERVICE_KEY, limits=NO_COOLDOWN, help_desk=desk)
    zoe, greta = await service.add(ZOE), Client(operator="greta")
    await added(service, ZOE)
    link = await second_link(service, ZOE)
    case = await service.parts.help_desk.open(zoe, greta, "a thief reads it")
    code = (await service.parts.help_desk.issue(case, greta)).code
    answer = await service.anywhere().post("/api/auth/verify-reset-code", json={"email": ZOE, "code": code})
    assert problem(answer) == "200"

    assert not await service.works(link)
    assert problem(await service.reset(link)) == "400 link-dead"
    assert await service.knows(PASSWORD)
