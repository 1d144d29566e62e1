"""Where a confirmation goes: to the address that the account had when its password was changed."""

import pytest
from sqlalchemy import delete, select, update
from tests.driver.elsewhere import Elsewhere
from tests.driver.service import ADA, Service, problem, running, settings_for

from keyturn.errors import SendRetryable
from keyturn.service.accounts.builtin import AccountRow
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.reset.records.messages import CHANGE_BEGUN

pytestmark = pytest.mark.long

THIEF = "thief@elsewhere.test"


async def move(service: Service, email: str) -> None:
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email=email))


def confirmed(service: Service) -> list[str]:
    return sorted(mail.to for mail in service.inbox.mails if mail.tags["template"] == "password_changed")


async def test_who_is_given_another_address_after_the_change_is_told_at_both(service: Service) -> None:
    assert problem(await service.reset(await service.link())) == "200"
    await move(service, THIEF)
    await service.deliver()

    assert confirmed(service) == [ADA, THIEF]
    (old,) = service.inbox.sent_to(ADA, "password_changed")
    assert THIEF not in old.text + old.html


async def test_an_address_that_is_spelt_otherwise_is_no_other(service: Service) -> None:
    assert problem(await service.reset(await service.link())) == "200"
    await move(service, ADA.replace("ada", "Ada"))
    await service.deliver()

    assert confirmed(service) == [ADA]


async def test_each_address_is_told_once_where_the_provider_is_away(service: Service) -> None:
    assert problem(await service.reset(await service.link())) == "200"
    await move(service, THIEF)
    service.inbox.failures += [SendRetryable("503", not_accepted=True)] * 2
    await service.deliver()
    await service.write(update(OutboxRow).where(OutboxRow.state == "waiting").values(available_at=now()))
    await service.deliver()

    assert confirmed(service) == [ADA, THIEF]
    assert await service.rows(select(OutboxRow.id).where(OutboxRow.state == "waiting")) == []


async def test_an_account_that_is_gone_is_told_nothing(service: Service) -> None:
    assert problem(await service.reset(await service.link())) == "200"
    await service.write(delete(AccountRow).where(AccountRow.email == ADA))
    await service.deliver()

    assert confirmed(service) == []


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_change_that_was_broken_off_is_told_to_the_address_of_its_beginning(database_url: str) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA))
    async with running(settings_for(database_url), accounts=store) as service:
        token = await service.link()
        asking = await store.hold(service.reset(token))
        store.accounts["u-1"] = Account(id="u-1", email=THIEF)
        await service.write(update(OutboxRow).where(OutboxRow.kind == CHANGE_BEGUN).values(available_at=now()))
        await service.deliver()
        store.open.set()
        await asking

        assert confirmed(service) == [ADA, THIEF]
