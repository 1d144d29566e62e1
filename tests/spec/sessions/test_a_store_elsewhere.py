"""A store that cannot join the transaction: the link is used up first, and given back where the
store says no.
"""

import asyncio
import logging
from typing import Any

import pytest
from tests.driver.elsewhere import DEATH, LEAKED, Elsewhere, Readable, confirmations
from tests.driver.service import (
    ADA,
    CHANGE,
    LOGIN,
    ME,
    NEW_PASSWORD,
    NO_COOLDOWN,
    PASSWORD,
    Service,
    Start,
    change,
    problem,
)
from tests.servers.databases import ON_SQLITE

from keyturn import Account, AccountsUnready, KeyturnError

pytestmark = pytest.mark.any_database


@pytest.fixture
def store() -> Elsewhere:
    return Elsewhere(Account(id="u-1", email=ADA, name="Ada"))


@pytest.fixture
def service_options(store: Elsewhere) -> dict[str, Any]:
    return {"store": store, "limits": NO_COOLDOWN}


async def test_a_password_reaches_the_store_as_typed_and_ends_other_links(
    service: Service, store: Elsewhere
) -> None:
    first, token = await service.link(), await service.link()
    assert problem(await service.reset(token, "short")) == "422 password-rejected"
    assert not store.reached.is_set(), "Keyturn's own rules are asked first"
    assert problem(await service.reset(token)) == "200"
    assert store.passwords == {"u-1": NEW_PASSWORD}
    assert [(await service.check(one))["reason"] for one in (token, first)] == ["used", "invalid"]
    assert "change_begun" not in {message.kind for message in await service.messages()}
    assert await confirmations(service) == 1
    (entry,) = await service.trail("password_reset")
    assert (entry.outcome, entry.account_id) == ("changed", "u-1")


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (LEAKED, "422 password-rejected"),
        (AccountsUnready("no answer", not_changed=True), "503 unavailable"),
    ],
)
async def test_a_store_that_refuses_a_password_or_is_out_of_reach_is_told_and_the_link_works_still(
    service: Service, store: Elsewhere, refusal: KeyturnError, told: str
) -> None:
    token = await service.link()
    store.refusals = [refusal]
    refused = await service.reset(token)
    assert problem(refused) == told
    if refusal is LEAKED:
        assert refused.json()["violations"] == [
            {"rule": "pwned", "message": "not one that was in a leak"}
        ]
    else:
        assert refused.headers["retry-after"]
    assert "change_begun" not in {message.kind for message in await service.messages()}
    assert await service.works(token)
    assert await confirmations(service) == 0
    assert problem(await service.reset(token)) == "200", "nothing holds the account"


async def test_a_request_that_is_broken_off_meanwhile_is_carried_through(
    service: Service, store: Elsewhere
) -> None:
    token = await service.link()
    asking = await store.hold(service.reset(token))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    store.open.set()
    await service.finish_changes()
    assert store.passwords == {"u-1": NEW_PASSWORD}
    assert (await service.check(token))["reason"] == "used"
    assert await confirmations(service) == 1


async def test_no_other_link_of_the_account_is_used_while_one_is(
    service: Service, store: Elsewhere
) -> None:
    stolen, own = await service.link(), await service.link()
    stealing = await store.hold(service.reset(stolen, "a password of the thief"))
    waits = await service.reset(own)
    store.refusals = [LEAKED]
    store.open.set()
    assert problem(waits) == "503 busy"
    assert waits.headers["retry-after"]
    assert problem(await stealing) == "422 password-rejected"
    assert problem(await service.reset(own)) == "200"
    assert store.passwords == {"u-1": NEW_PASSWORD}
    assert not await service.works(stolen)


async def test_a_press_ends_a_link_that_the_store_gives_back(
    service: Service, store: Elsewhere
) -> None:
    assert problem(await service.reset(await service.link())) == "200"
    button = await service.newest(template="password_changed")
    stolen = await service.link()
    stealing = await store.hold(service.reset(stolen, "a password of the thief"))
    assert await service.press(button) == "200"
    store.refusals = [AccountsUnready("no answer", not_changed=True)]
    store.open.set()
    assert problem(await stealing) == "503 unavailable"
    assert (await service.check(stolen))["reason"] == "invalid"
    assert problem(await service.reset(stolen, "a password of the thief")) == "400 link-dead"


async def test_a_change_of_a_process_that_died_ends_as_if_it_had_succeeded_and_so_does_its_turn(
    service: Service, store: Elsewhere
) -> None:
    token, other = await service.link(), await service.link()
    store.refusals = [DEATH]
    with pytest.raises(asyncio.CancelledError):
        await service.reset(token)
    assert problem(await service.reset(other)) == "503 busy"
    service.let_time_pass(minutes=1)
    assert await confirmations(service) == 1
    assert not await service.works(other)
    assert await service.outcomes("password_reset") == ["interrupted"]
    assert store.changes == 0
    assert problem(await service.reset(await service.link())) == "200"


async def test_an_account_disabled_during_the_change_keeps_the_old_password(
    service: Service, store: Elsewhere
) -> None:
    token = await service.link()
    asking = await store.hold(service.reset(token))
    store.disable("u-1")
    store.open.set()
    assert problem(await asking) == "400 link-dead"
    assert store.passwords == {}
    assert not await service.works(token)


async def test_of_many_who_use_a_link_at_once_one_reaches_the_store(
    service: Service, store: Elsewhere
) -> None:
    token = await service.link()
    answers = await asyncio.gather(
        *(service.reset(token, f"{NEW_PASSWORD} {number}") for number in range(12))
    )
    assert sorted(map(problem, answers)) == ["200"] + ["400 link-dead"] * 11
    assert store.changes == 1
    assert await confirmations(service) == 1


async def test_no_sign_in_where_the_hashes_cannot_be_read(service: Service) -> None:
    for path in (LOGIN, CHANGE):
        assert problem(await service.anywhere().post(path, json={})) == "404 not-found"
    assert problem(await service.anywhere().get(ME)) == "404 not-found"
    assert (await service.anywhere().get("/login")).status_code == 404


async def test_the_password_signs_in_and_a_change_ends_all_other_sessions_and_a_reset_all(
    start: Start,
) -> None:
    service = await start(store=Readable(Account(id="u-1", email=ADA)))
    here, there = await service.sign_in(), await service.sign_in()
    assert (await here.get(ME)).json()["id"] == "u-1"
    assert await change(here) == "200"
    assert [problem(await client.get(ME)) for client in (here, there)] == [
        "200",
        "401 not-signed-in",
    ]
    assert problem(await service.reset(await service.link(), "a third password, please")) == "200"
    assert problem(await here.get(ME)) == "401 not-signed-in"
    passwords = (PASSWORD, NEW_PASSWORD, "a third password, please")
    assert [await service.knows(one) for one in passwords] == [False, False, True]


MORE_THAN_A_FAULT_GETS = 32


async def outlast(service: Service, store: Elsewhere, caplog: pytest.LogCaptureFixture) -> None:
    """Try more often than a fault of ours would be, and see that the message lives; then let the
    store come back.
    """
    store.is_away = True
    with caplog.at_level(logging.INFO):
        for _ in range(MORE_THAN_A_FAULT_GETS):
            await service.deliver()
            service.let_time_pass(minutes=10)
    (waiting,) = [message for message in await service.messages() if message.state == "waiting"]
    assert (waiting.reason, waiting.attempts) == ("accounts unready", MORE_THAN_A_FAULT_GETS)
    assert "Traceback" not in caplog.text
    store.is_away = False
    await service.deliver()


@ON_SQLITE
@pytest.mark.long
async def test_while_it_is_away_no_request_and_no_confirmation_is_given_up(
    service: Service, store: Elsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    await service.ask()
    await outlast(service, store, caplog)
    assert (await service.reset(await service.newest())).status_code == 200
    await outlast(service, store, caplog)
    assert len(service.inbox.sent_to(ADA, "password_changed")) == 1
