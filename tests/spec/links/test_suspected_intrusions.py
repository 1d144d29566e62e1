"""An account that was taken over, as an operator or its owner says: the next password is one
against the intruder.
"""

from collections.abc import Awaitable, Callable

import pytest
from tests.driver.elsewhere import Lockable
from tests.driver.inbox import code_in
from tests.driver.service import (
    ADA,
    NEW_PASSWORD,
    PASSWORD,
    REPLACE,
    VERIFY,
    Service,
    Start,
    change,
    problem,
)

from keyturn import Account, Ended, NewPassword

pytestmark = [pytest.mark.any_database, pytest.mark.long]

NEW = "ada@elsewhere.test"
REASON = "Lost the mailbox; passport checked."


class Noting(Lockable):
    """Notes of each new password whether it is one against an intruder."""

    def __init__(self) -> None:
        super().__init__(Account(id="u-1", email=ADA))
        self.intruded: list[bool] = []

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        self.intruded.append(account.intruded)
        return await super().set_password(account, password)


@pytest.fixture
def store() -> Noting:
    return Noting()


@pytest.fixture
async def service(start: Start, store: Noting) -> Service:
    return await start(
        store=store,
        token={"code": True},
        secure_account={"lock": False},
        sign_in_url="{base_url}/login",
    )


async def use(service: Service, token: str) -> None:
    """Set a password, and let the mailbox's cooldown pass."""
    assert problem(await service.reset(token)) == "200"
    service.let_time_pass(hours=1)


async def by_operator(service: Service) -> str:
    await service.operator.reset(ADA)
    await service.deliver()
    return PASSWORD


async def by_operator_s_link(service: Service) -> str:
    await service.operator.print_link(ADA, REASON)
    await service.deliver()
    return PASSWORD


async def by_operator_s_code(service: Service) -> str:
    await service.operator.print_code(ADA, REASON)
    await service.deliver()
    return PASSWORD


async def by_owner(service: Service) -> str:
    """Let a thief choose the password, and Ada press the button in the mail about it; return that
    password.
    """
    await use(service, await service.link())
    assert await service.press(await service.newest(template="password_changed")) == "200"
    await service.deliver()
    return NEW_PASSWORD


Suspect = Callable[[Service], Awaitable[str]]
whoever_suspects = pytest.mark.parametrize(
    "suspect", [by_operator, by_operator_s_link, by_operator_s_code, by_owner]
)


async def exchange(service: Service, code: str) -> str:
    """Return the token for a code."""
    answer = await service.anywhere().post(VERIFY, json={"email": ADA, "code": code})
    return str(answer.json()["token"])


async def mailed_by_operator(service: Service) -> str:
    await by_operator(service)
    return await service.newest()


async def printed_link(service: Service) -> str:
    return (await service.operator.print_link(ADA, REASON)).rpartition("/")[2]


async def printed_code(service: Service) -> str:
    return await exchange(service, await service.operator.print_code(ADA, REASON))


async def mailed_after_a_press(service: Service) -> str:
    await by_owner(service)
    return await service.newest()


@pytest.mark.parametrize(
    "given", [mailed_by_operator, printed_link, printed_code, mailed_after_a_press]
)
async def test_given_token_is_against_the_intruder(
    service: Service, store: Noting, given: Callable[[Service], Awaitable[str]]
) -> None:
    """An operator's mail, printed link and printed code, and the link after a press, end what an
    intruder added.
    """
    await use(service, await given(service))
    assert store.intruded[-1]


async def test_a_link_in_place_of_an_operator_s_is_against_the_intruder(
    service: Service, store: Noting
) -> None:
    await by_operator(service)
    expired = await service.newest()
    service.let_time_pass(days=4)
    assert problem(await service.anywhere().post(REPLACE, json={"token": expired})) == "202"
    await use(service, await service.newest())
    assert store.intruded == [True]


@whoever_suspects
async def test_of_later_links_the_first_is_against_intruders(
    service: Service, store: Noting, suspect: Suspect
) -> None:
    await suspect(service)
    service.let_time_pass(days=2)  # the link of a day that a press mails has expired
    for _ in range(2):
        await use(service, await service.link())
    assert store.intruded[-2:] == [True, False]


async def test_an_earlier_link_ends_the_suspicion_and_no_purge_renews_it(
    service: Service, store: Noting
) -> None:
    before = await service.link()
    service.let_time_pass(minutes=2)
    await by_operator(service)
    await use(service, before)
    service.let_time_pass(days=8)
    await service.purge()
    await use(service, await service.link())
    assert store.intruded == [True, False]


@whoever_suspects
async def test_a_code_is_against_the_intruder(
    service: Service, store: Noting, suspect: Suspect
) -> None:
    await suspect(service)
    service.let_time_pass(hours=1)
    await service.link()
    code = code_in(service.inbox.sent_to(ADA, "password_reset")[-1])
    await use(service, await exchange(service, code))
    assert store.intruded[-1]


@whoever_suspects
async def test_a_change_by_the_intruder_leaves_the_suspicion(
    service: Service, store: Noting, suspect: Suspect
) -> None:
    known = await suspect(service)
    assert (
        await change(await service.sign_in(password=known), "nineteen patient herons", known)
        == "200"
    )
    service.let_time_pass(hours=1)
    await use(service, await service.link())
    assert store.intruded[-2:] == [False, True]


@whoever_suspects
async def test_a_week_after_the_report_and_the_end_of_an_operator_s_link_nothing_is_suspected(
    service: Service, store: Noting, suspect: Suspect
) -> None:
    await suspect(service)
    service.let_time_pass(days=10, minutes=1)
    await use(service, await service.link())
    assert not store.intruded[-1]


@whoever_suspects
async def test_an_account_s_other_address_is_not_suspected(
    service: Service, store: Noting, suspect: Suspect
) -> None:
    """One mailbox was asked, or has spoken. The owner of another must not lose passkeys by it."""
    await suspect(service)
    store.move("u-1", NEW)
    await use(service, await service.link(NEW))
    assert not store.intruded[-1]


async def test_an_operator_s_link_opens_no_account_that_another_mailbox_has_locked(
    start: Start, store: Noting
) -> None:
    service = await start(
        store=store, sign_in_url="{base_url}/login", secure_account={"lock": True}
    )
    await use(service, await service.link())
    button = await service.newest(template="password_changed")
    store.move("u-1", NEW)
    await service.operator.reset(NEW)
    of_operator = await service.newest(NEW)
    store.move("u-1", ADA)
    assert await service.press(button) == "200"
    await service.deliver()
    store.move("u-1", NEW)
    service.let_time_pass(hours=1)
    await service.ask_and_deliver(NEW)
    assert (await service.trail())[-1].outcome == "disabled"
    assert not await service.works(of_operator)
