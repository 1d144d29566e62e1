"""After "this was not me" the mailbox gets no link for a week, and no response reveals it."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from tests.spec.inbox import TOKEN, token_in
from tests.spec.service import ADA, GRACE, NEW_PASSWORD, NOBODY, PASSWORD, REQUEST, Service, Start, problem
from tests.statements import statements_sent

from keyturn.accounts.builtin import AccountRow
from keyturn.database import now
from keyturn.reset.records.link_store import LinkStore
from keyturn.reset.records.models import AuditRow, MailboxRow, ResetTokenRow
from keyturn.settings import LimitSettings, MuteSettings, TokenSettings

pytestmark = pytest.mark.any_database

MUTE = "/api/auth/mute-mailbox"
MUTING: dict[str, Any] = {
    "mute": MuteSettings(url="{base_url}/stop-emails/{token}"),
    "limits": LimitSettings(mailbox_cooldown=timedelta(0), mailbox_daily=100),
}


@pytest.fixture
def service_options() -> dict[str, Any]:
    return MUTING


async def tokens_of(service: Service, email: str = ADA) -> tuple[str, str]:
    """Ask for a link; return its token and the one by which the mailbox can be muted."""
    await service.ask(email)
    await service.deliver()
    text = service.inbox.sent_to(email, "password_reset")[-1].text
    (mute,) = re.findall(rf"/stop-emails/({TOKEN.pattern})", text)
    (reset,) = set(TOKEN.findall(text)) - {mute}
    return reset, mute


async def mute(service: Service, token: str) -> str:
    return problem(await service.anywhere().post(MUTE, json={"token": token}))


async def asked_in_vain(service: Service, email: str = ADA) -> bool:
    before = len(service.inbox.mails)
    await service.ask(email)
    await service.deliver()
    return len(service.inbox.mails) == before


async def outcomes(service: Service) -> list[str]:
    rows = await service.rows(select(AuditRow.event, AuditRow.outcome).order_by(AuditRow.id))
    return [f"{row['event']} {row['outcome']}" for row in rows]


async def test_a_muted_mailbox_gets_no_link_and_its_own_one_is_dead(service: Service) -> None:
    reset, token = await tokens_of(service)
    assert await mute(service, token) == "200"

    assert await asked_in_vain(service)
    assert not await service.works(reset)
    assert "mailbox_mute muted" in await outcomes(service)
    assert "reset_request muted" in await outcomes(service)


async def test_the_code_beside_its_own_link_is_dead_too(start: Start) -> None:
    service = await start(**MUTING, token=TokenSettings(code=True))
    _, token = await tokens_of(service)
    (code,) = re.findall(r"^\d{8}$", service.inbox.mails[-1].text, re.MULTILINE)
    assert await mute(service, token) == "200"

    answer = await service.anywhere().post("/api/auth/verify-reset-code", json={"email": ADA, "code": code})
    assert problem(answer) == "400 code-refused"


async def test_who_asks_is_told_what_everybody_is_told(service: Service) -> None:
    _, token = await tokens_of(service)
    assert await mute(service, token) == "200"
    answers = [await service.anywhere().post(REQUEST, json={"email": email}) for email in (ADA, NOBODY, GRACE)]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers)) for answer in answers}) == 1


async def test_the_worker_runs_the_same_statements_for_a_muted_mailbox(service: Service) -> None:
    _, token = await tokens_of(service)
    assert await mute(service, token) == "200"
    work = {}
    for email in (ADA, NOBODY):
        await service.ask(email)
        with statements_sent() as statements:
            await service.deliver()
        work[email] = [
            one.partition(" SET ")[0] if one.startswith("UPDATE keyturn_outbox") else one for one in statements
        ]
    assert work[ADA] == work[NOBODY]


@pytest.mark.long
async def test_it_ends_after_a_week(service: Service) -> None:
    _, token = await tokens_of(service)
    assert await mute(service, token) == "200"
    (row,) = await service.rows(select(MailboxRow.muted_until))
    assert timedelta(days=6, hours=23) < row["muted_until"] - now() <= timedelta(days=7)

    await service.write(update(MailboxRow).values(muted_until=now()))
    assert not await asked_in_vain(service)


async def test_signing_in_ends_it(service: Service) -> None:
    _, token = await tokens_of(service)
    assert await mute(service, token) == "200"
    assert not await service.knows("a wrong guess at it")
    assert await asked_in_vain(service)

    await service.sign_in(password=PASSWORD)
    assert not await asked_in_vain(service)


@pytest.mark.long
async def test_of_fifty_at_once_one_is_told_yes(service: Service) -> None:
    _, token = await tokens_of(service)
    answers = await asyncio.gather(*(mute(service, token) for _ in range(50)))

    assert sorted(answers) == ["200"] + ["400 security-link-dead"] * 49


async def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(service: Service) -> None:
    reset, used = await tokens_of(service)
    assert await mute(service, used) == "200"
    await service.write(update(MailboxRow).values(muted_until=None))
    _, old = await tokens_of(service)
    await service.write(update(ResetTokenRow).values(created_at=now() - timedelta(days=8)))
    answers = [await service.anywhere().post(MUTE, json={"token": token}) for token in (used, old, reset, "x" * 43)]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert problem(answers[0]) == "400 security-link-dead"


async def test_the_route_is_described_where_it_is(service: Service) -> None:
    described = (await service.anywhere().get("/schema/openapi.json")).json()["paths"]
    assert described[MUTE]["post"]["operationId"] == "muteMailbox"


async def test_it_chooses_no_password(service: Service) -> None:
    _, token = await tokens_of(service)

    assert problem(await service.reset(token)) == "400 link-dead"


@pytest.mark.long
async def test_a_muted_mailbox_is_told_of_a_change_and_can_start_anew(service: Service) -> None:
    reset, _ = await tokens_of(service)
    _, token = await tokens_of(service)
    assert problem(await service.reset(reset)) == "200"
    assert await mute(service, token) == "200"
    await service.deliver()

    secure = token_in(service.inbox.sent_to(ADA, "password_changed")[-1])
    before = len(service.inbox.sent_to(ADA, "password_reset"))
    assert problem(await service.anywhere().post("/api/auth/secure-account", json={"token": secure})) == "200"
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "password_reset")[before:]
    assert "/stop-emails/" not in mail.text
    assert problem(await service.reset(token_in(mail), NEW_PASSWORD + " and more")) == "200"


async def test_mails_of_a_batch_each_have_a_link_of_their_own(service: Service) -> None:
    _, first = await tokens_of(service)
    _, second = await tokens_of(service)

    assert first != second
    assert await mute(service, first) == "200"
    assert await mute(service, second) == "200"


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_without_a_page_there_is_no_such_link(start: Start) -> None:
    service = await start()
    await service.link()  # which finds one token alone in the mail
    (row,) = await service.rows(select(ResetTokenRow.mute_digest))

    assert row["mute_digest"] is None
    assert await mute(service, "x" * 43) == "404 not-found"


async def move(service: Service, email: str) -> None:
    await service.write(update(AccountRow).where(AccountRow.name == "Ada").values(email=email))


async def test_a_mail_to_an_address_that_the_account_has_left_mutes_nothing_and_ends_no_link(service: Service) -> None:
    _, token = await tokens_of(service)
    await move(service, "ada@elsewhere.test")
    reset, _ = await tokens_of(service, "ada@elsewhere.test")

    assert await mute(service, token) == "400 security-link-dead"
    assert (await service.anywhere().get(f"/stop-emails/{token}", follow_redirects=True)).status_code == 400
    assert await service.works(reset)


async def test_a_mail_of_an_earlier_address_ends_no_code_of_the_present_one(start: Start) -> None:
    service = await start(**MUTING, token=TokenSettings(code=True))
    _, token = await tokens_of(service)
    await move(service, "ada@elsewhere.test")
    await tokens_of(service, "ada@elsewhere.test")
    (code,) = re.findall(r"^\d{8}$", service.inbox.mails[-1].text, re.MULTILINE)
    assert await mute(service, token) == "400 security-link-dead"

    exchanged = {"email": "ada@elsewhere.test", "code": code}
    assert problem(await service.anywhere().post("/api/auth/verify-reset-code", json=exchanged)) == "200"


async def test_it_ends_the_links_of_its_mailbox_and_of_no_other(service: Service) -> None:
    """As where the account has moved and come back, or moves at that moment."""
    reset, token = await tokens_of(service)
    await move(service, "ada@elsewhere.test")
    other, _ = await tokens_of(service, "ada@elsewhere.test")
    await move(service, ADA)
    assert await mute(service, token) == "200"
    assert not await service.works(reset)

    await move(service, "ada@elsewhere.test")
    assert await service.works(other)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_mute_and_a_reset_of_one_account_wait_for_each_other_and_both_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = await tokens_of(service)
    _, second = await tokens_of(service)
    consume, waiting = LinkStore.consume, text("SELECT 1 FROM pg_locks WHERE NOT granted")

    def consume_and_wait(links: LinkStore, *given: Any) -> bool:
        done = consume(links, *given)
        service.parts.database.hold(links.connection, "may go on")
        return done

    async def waits(count: int) -> None:
        async with asyncio.timeout(20):
            while len(await service.rows(waiting)) < count:
                pass

    monkeypatch.setattr(LinkStore, "consume", consume_and_wait)
    async with service.parts.database.engine.connect() as connection:
        await connection.run_sync(service.parts.database.hold, "may go on")
        resetting = asyncio.create_task(service.reset(first))
        await waits(1)  # the reset, which has consumed its link
        muting = asyncio.create_task(mute(service, second))
        await waits(2)  # the mute, for the reset

    assert problem(await resetting) == "200"
    assert await muting == "200"
