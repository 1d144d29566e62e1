"""The audit trail: who asked, when, from where, and what became of it."""

import asyncio
from datetime import timedelta

import pytest
from tests.driver.reporting import WITH_WEBHOOK, deliver_all, provider_id, report
from tests.driver.routes import LOGIN, REQUEST, RESET, VALIDATE
from tests.driver.service import (
    ADA,
    DAN,
    NEW_PASSWORD,
    NO_COOLDOWN,
    NOBODY,
    PASSWORD,
    Service,
    Start,
    change,
    problem,
)

pytestmark = [pytest.mark.any_database, pytest.mark.long]

HERE, AGENT = "203.0.113.24", "Mozilla/5.0 (Windows NT 10.0; rv:145.0) Gecko/20100101 Firefox/145.0"


async def test_a_request_leaves_who_when_from_where_and_what_became_of_it(service: Service) -> None:
    began = service.now()
    client = service.at(HERE, headers={"User-Agent": AGENT})
    assert (await client.post(REQUEST, json={"email": f" {ADA.upper()}"})).status_code == 202
    answered = service.now()
    await service.deliver()
    (entry,) = await service.trail()
    (message,) = await service.messages()
    assert began <= entry.at <= answered
    assert (entry.event, entry.outcome, entry.email) == ("reset_request", "link_mailed", ADA)
    assert (entry.ip_address, entry.user_agent) == (HERE, AGENT)
    assert entry.message_id == message.id
    assert entry.account_id
    assert len(entry.request_id) == 32


async def test_a_mailbox_that_had_its_mails_of_the_day_is_told_apart_from_one_that_is_suppressed(
    start: Start,
) -> None:
    service = await start(limits=NO_COOLDOWN | {"mailbox_daily": 1}, resend=WITH_WEBHOOK)
    for _ in range(2):
        await service.ask_and_deliver()
    await deliver_all(service, report("complained", await provider_id(service)))
    await service.ask_and_deliver()
    assert await service.outcomes("reset_request") == ["link_mailed", "daily_limit", "suppressed"]


async def test_a_reset_and_a_change_leave_an_entry(service: Service) -> None:
    client = service.at(HERE, headers={"User-Agent": AGENT})
    body = {"token": await service.link(), "newPassword": NEW_PASSWORD}
    assert (await client.post(RESET, json=body)).status_code == 200
    assert (
        await client.post(LOGIN, json={"email": ADA, "password": NEW_PASSWORD})
    ).status_code == 200
    assert await change(client, PASSWORD, NEW_PASSWORD) == "200"
    entries = (await service.trail())[1:]
    found = [(entry.event, entry.outcome) for entry in entries]
    assert found == [
        ("password_reset", "changed"),
        ("sign_in", "signed_in"),
        ("password_change", "changed"),
    ]
    for entry in entries:
        assert (entry.email, entry.ip_address, entry.user_agent) == (ADA, HERE, AGENT)
        assert entry.account_id


async def test_a_guess_leaves_an_entry_also_for_an_unknown_address(service: Service) -> None:
    signed_in = await service.sign_in()
    client = service.at(HERE)
    for email in (ADA, NOBODY, DAN):
        await client.post(LOGIN, json={"email": email, "password": "a guess"})
    await change(signed_in, NEW_PASSWORD, "a guess")
    found = [(entry.event, entry.outcome, entry.email) for entry in (await service.trail())[1:]]
    assert found == [
        ("sign_in", "rejected", ADA),
        ("sign_in", "rejected", NOBODY),
        ("sign_in", "rejected", DAN),
        ("password_change", "rejected", ADA),
    ]


async def end(service: Service, token: str, how: str) -> None:
    match how:
        case "expire":
            service.let_time_pass(minutes=31)
        case "use":
            assert problem(await service.reset(token)) == "200"
        case "use a later one":
            service.let_time_pass(minutes=2)
            assert problem(await service.reset(await service.link())) == "200"
        case "disable":
            await service.change_account(active=False)
        case "move":
            await service.change_account(email=f"x{ADA}")
        case "remove":
            await service.remove_account()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "how", ["expire", "use", "use a later one", "disable", "move", "remove", "leave"]
)
async def test_a_link_that_is_refused_leaves_whose_it_was_who_came_with_it_and_why(
    service: Service, how: str
) -> None:
    reason = {"expire": "expired", "use": "used"}.get(how, "invalid")
    outcome, fields = f"link_{reason}", {"email": NOBODY} if how == "leave" else {}
    token = await service.link()
    await end(service, token, how)
    before = await service.trail()
    client = service.at(HERE, headers={"User-Agent": AGENT})
    checked = (await client.post(VALIDATE, json={"token": token, **fields})).json()
    used = await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD, **fields})
    hint = {"emailHint": "a***@northwind.test"} if reason == "expired" else {}
    assert checked == {"valid": False, "reason": reason, **hint}
    assert (problem(used), used.json()["reason"]) == ("400 link-dead", reason)

    entries = (await service.trail())[len(before) :]
    assert [(entry.event, entry.outcome) for entry in entries] == [
        ("link_check", outcome),
        ("password_reset", outcome),
    ]
    for entry in entries:
        assert (entry.account_id, entry.email) == (before[0].account_id, ADA)
        assert (entry.ip_address, entry.user_agent) == (HERE, AGENT)


async def test_late_uses_of_a_link_leave_entries_and_refused_passwords_and_invented_tokens_none(
    service: Service,
) -> None:
    for token in ("x" * 43, "", "\x00", "x" * 5000):
        await service.anywhere().post(VALIDATE, json={"token": token})
        await service.reset(token)
    assert await service.trail() == []
    token = await service.link()
    await service.reset(token, "too short")
    await asyncio.gather(*(service.reset(token) for _ in range(4)))
    assert sorted((await service.outcomes())[1:]) == ["changed", *["link_used"] * 3]


async def test_the_trail_outlives_its_messages_for_as_long_as_the_settings_say(
    start: Start,
) -> None:
    service = await start(retention={"audit": timedelta(days=32)})
    await service.ask_and_deliver()
    service.let_time_pass(days=31)
    await service.purge()
    await service.ask()
    assert [message.state for message in await service.messages()] == ["waiting"]
    assert [(entry.outcome, entry.mail) for entry in await service.trail()] == [
        ("link_mailed", None)
    ]
    service.let_time_pass(days=1, hours=1)
    await service.purge()
    assert await service.trail() == []


async def test_any_user_agent_is_kept_as_one_printable_line(service: Service) -> None:
    agents = ["x" * 5000, "", "Mozilla/5.0\x0b(evil)\xad\x1b[31m", "caf\u00e9", "\t tabs \t"]
    for number, agent in enumerate(agents):
        await service.add(email := f"{number}@northwind.test")
        client = service.anywhere(headers={"User-Agent": agent.encode("latin-1")})
        assert (await client.post(REQUEST, json={"email": email})).status_code == 202
    await service.deliver()
    assert await service.outcomes() == ["link_mailed"] * len(agents)
    kept = {one.user_agent for one in await service.trail()}
    assert kept == {"x" * 300, "", "Mozilla/5.0(evil)[31m", "caf\u00e9", " tabs "}
