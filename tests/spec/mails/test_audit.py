"""The audit trail: who asked, when, from where, and what became of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import UpdateBase, delete, select, text, update
from tests.driver.service import (
    ADA,
    CHANGE,
    DAN,
    LOGIN,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    REQUEST,
    RESET,
    VALIDATE,
    Service,
    Start,
    problem,
)

from keyturn.service.accounts.builtin import AccountRow
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.reset.records.models import AuditRow, ResetTokenRow

pytestmark = [pytest.mark.any_database, pytest.mark.long]

HERE, AGENT = "203.0.113.24", "Mozilla/5.0 (Windows NT 10.0; rv:145.0) Gecko/20100101 Firefox/145.0"

AGENTS = ["x" * 5000, "", "Mozilla/5.0 \x1b[31mred", "caf\u00e9", "'; DROP TABLE keyturn_audit; --", "\t tabs \t"]


async def trail(service: Service) -> list[dict[str, Any]]:
    return [dict(row) for row in await service.rows(select(AuditRow.__table__).order_by(AuditRow.id))]


async def test_a_request_leaves_who_when_from_where_and_what_became_of_it(service: Service) -> None:
    began = datetime.now(UTC)
    client = service.at(HERE, headers={"User-Agent": AGENT})
    assert (await client.post(REQUEST, json={"email": f" {ADA.upper()}"})).status_code == 202
    answered = datetime.now(UTC)
    await service.deliver()
    (entry,) = await trail(service)
    (message,) = await service.rows(select(OutboxRow.id))
    assert began <= entry["at"] <= answered
    assert (entry["event"], entry["outcome"], entry["email"]) == ("reset_request", "link_mailed", ADA)
    assert (entry["ip_address"], entry["user_agent"]) == (HERE, AGENT)
    assert entry["message_id"] == message["id"]
    assert entry["account_id"]
    assert len(entry["request_id"]) == 32


async def test_a_mailbox_that_had_its_mails_of_the_day_is_told_apart_from_one_that_is_suppressed(
    start: Start,
) -> None:
    service = await start(limits={"mailbox_cooldown": timedelta(0), "mailbox_daily": 1})
    for _ in range(2):
        await service.ask_and_deliver()
    await service.parts.records.transact(lambda tx: tx.mailboxes.suppress(ADA, datetime.now(UTC), "complained"))
    await service.ask_and_deliver()
    assert [entry["outcome"] for entry in await trail(service)] == ["link_mailed", "daily_limit", "suppressed"]


async def test_a_reset_and_a_change_leave_an_entry(service: Service) -> None:
    client = service.at(HERE, headers={"User-Agent": AGENT})
    body = {"token": await service.link(), "newPassword": NEW_PASSWORD}
    assert (await client.post(RESET, json=body)).status_code == 200
    assert (await client.post(LOGIN, json={"email": ADA, "password": NEW_PASSWORD})).status_code == 200
    body = {"currentPassword": NEW_PASSWORD, "newPassword": PASSWORD}
    assert (await client.post(CHANGE, json=body)).status_code == 200
    entries = (await trail(service))[1:]
    found = [(entry["event"], entry["outcome"]) for entry in entries]
    assert found == [("password_reset", "changed"), ("sign_in", "signed_in"), ("password_change", "changed")]
    for entry in entries:
        assert (entry["email"], entry["ip_address"], entry["user_agent"]) == (ADA, HERE, AGENT)
        assert entry["account_id"]


async def test_a_guess_leaves_an_entry_also_for_an_unknown_address(service: Service) -> None:
    signed_in = await service.sign_in()
    client = service.at(HERE)
    for email in (ADA, NOBODY, DAN):
        await client.post(LOGIN, json={"email": email, "password": "a guess"})
    await signed_in.post(CHANGE, json={"currentPassword": "a guess", "newPassword": NEW_PASSWORD})
    found = [(entry["event"], entry["outcome"], entry["email"]) for entry in (await trail(service))[1:]]
    assert found == [
        ("sign_in", "rejected", ADA),
        ("sign_in", "rejected", NOBODY),
        ("sign_in", "rejected", DAN),
        ("password_change", "rejected", ADA),
    ]


async def test_what_was_not_done_leaves_no_entry_that_says_so(service: Service) -> None:
    token = await service.link()
    await service.reset(token, "too short")
    await service.write(update(ResetTokenRow).values(expires_at=datetime.now(UTC) - timedelta(minutes=1)))
    await service.reset(token)
    assert [entry["outcome"] for entry in await trail(service)] == ["link_mailed", "link_expired"]


DEAD: list[tuple[str, UpdateBase | None, dict[str, str]]] = [
    ("link_expired", update(ResetTokenRow).values(expires_at=datetime(2020, 1, 1, tzinfo=UTC)), {}),
    ("link_used", update(ResetTokenRow).values(used_at=datetime(2020, 1, 1, tzinfo=UTC)), {}),
    ("link_invalid", update(ResetTokenRow).values(revoked_at=datetime(2020, 1, 1, tzinfo=UTC)), {}),
    ("link_invalid", update(AccountRow).values(active=False), {}),
    ("link_invalid", update(AccountRow).values(email=text("'x' || email")), {}),
    ("link_invalid", delete(AccountRow), {}),
    ("link_invalid", None, {"email": NOBODY}),
]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("outcome", "deed", "fields"), DEAD)
async def test_a_link_that_is_refused_leaves_whose_it_was_who_came_with_it_and_why(
    service: Service, outcome: str, deed: UpdateBase | None, fields: dict[str, str]
) -> None:
    token = await service.link()
    (before,) = await trail(service)
    if deed is not None:
        await service.write(deed)
    client = service.at(HERE, headers={"User-Agent": AGENT})
    checked = (await client.post(VALIDATE, json={"token": token, **fields})).json()
    used = await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD, **fields})
    reason = outcome.removeprefix("link_")
    hint = {"emailHint": "a***@northwind.test"} if reason == "expired" else {}
    assert checked == {"valid": False, "reason": reason, **hint}
    assert (problem(used), used.json()["reason"]) == ("400 link-dead", reason)

    entries = (await trail(service))[1:]
    assert [(entry["event"], entry["outcome"]) for entry in entries] == [
        ("link_check", outcome),
        ("password_reset", outcome),
    ]
    for entry in entries:
        assert (entry["account_id"], entry["email"]) == (before["account_id"], ADA)
        assert (entry["ip_address"], entry["user_agent"]) == (HERE, AGENT)


async def test_of_two_who_use_a_link_at_once_the_one_who_is_late_leaves_an_entry(service: Service) -> None:
    token = await service.link()
    await asyncio.gather(*(service.reset(token) for _ in range(4)))

    outcomes = [entry["outcome"] for entry in (await trail(service))[1:]]
    assert sorted(outcomes) == ["changed", *["link_used"] * 3]


async def test_invented_tokens_do_not_fill_the_trail(service: Service) -> None:
    for token in ("x" * 43, "", "\x00", "x" * 5000):
        await service.anywhere().post(VALIDATE, json={"token": token})
        await service.reset(token)

    assert await trail(service) == []


async def test_any_user_agent_can_be_kept(service: Service) -> None:
    for number, agent in enumerate(AGENTS):
        email = f"{number}@northwind.test"
        await service.add(email)
        client = service.anywhere(headers={"User-Agent": agent.encode("latin-1")})
        assert (await client.post(REQUEST, json={"email": email})).status_code == 202
    await service.deliver()
    entries = await trail(service)
    assert {entry["outcome"] for entry in entries} == {"link_mailed"}
    assert len(entries) == len(AGENTS)
    for entry in entries:
        assert entry["user_agent"].isprintable()
        assert len(entry["user_agent"]) <= 300
