"""Requests that wait together are answered together, each as if it had come alone."""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.driver.inbox import token_in
from tests.driver.service import ADA, DAN, GRACE, NOBODY, Service, Start
from tests.statements import statements_sent, thread_trips

from keyturn.mail.rendering.compiling import to_html
from keyturn.mail.rendering.render import Templates
from keyturn.service.outbox import Dropped, LeaseLost
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.reset.records.messages import RESET_REQUESTED
from keyturn.service.reset.records.models import AuditRow
from keyturn.service.settings import Folder
from keyturn.service.telemetry.logs import LogEvent

pytestmark = pytest.mark.long

BEN, CLEO = "ben@northwind.test", "cleo@northwind.test"


async def outcomes(service: Service) -> list[tuple[str, str]]:
    """Return what became of each request, in the order in which they came."""
    rows = await service.rows(select(AuditRow.email, AuditRow.outcome).order_by(AuditRow.message_id))
    return [(row["email"], row["outcome"]) for row in rows]


async def test_each_of_many_gets_what_it_would_get_alone(service: Service) -> None:
    await service.add(BEN)
    for email in (ADA, NOBODY, DAN, GRACE, BEN):
        await service.ask(email)
    await service.deliver()

    assert await outcomes(service) == [
        (ADA, "link_mailed"),
        (NOBODY, "no_account"),
        (DAN, "disabled"),
        (GRACE, "provider_mailed"),
        (BEN, "link_mailed"),
    ]
    entries = await service.rows(select(AuditRow.email, AuditRow.account_id))
    assert {row["email"] for row in entries if not row["account_id"]} == {NOBODY}
    assert sorted(mail.to for mail in service.inbox.mails) == [ADA, BEN, GRACE]
    for email in (ADA, BEN):
        (mail,) = service.inbox.sent_to(email)
        assert (await service.check(token_in(mail)))["email"].startswith(email[0])


async def test_of_several_for_one_mailbox_the_first_alone_gets_a_mail(service: Service) -> None:
    for spelling in (ADA, ADA, ADA.upper(), f" {ADA} "):
        await service.ask(spelling)
    await service.deliver()

    assert await outcomes(service) == [(ADA, "link_mailed"), *[(ADA, "cooldown")] * 3]
    assert len(service.inbox.mails) == 1


async def test_many_that_come_to_nothing_share_a_line_of_the_log_and_each_is_counted(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await service.ask(DAN)
    for number in range(5):
        await service.ask(f"nobody{number}@northwind.test")
    with caplog.at_level(logging.INFO, "keyturn.outbox"):
        await service.deliver()

    lines = {one.fields["reason"]: one.fields for record in caplog.records if isinstance(one := record.msg, LogEvent)}
    dans, *nobodys = [str(row["id"]) for row in await service.rows(select(OutboxRow.id).order_by(OutboxRow.id))]
    assert len(caplog.records) == len(lines) == 2
    assert lines["no_account"] == {
        "kind": RESET_REQUESTED,
        "count": 5,
        "message_ids": ",".join(nobodys),
        "reason": "no_account",
    }
    assert lines["disabled"] == {"message_id": int(dans), "kind": RESET_REQUESTED, "attempts": 1, "reason": "disabled"}
    figures = service.parts.meters.exposition().decode()
    assert f'keyturn_messages_total{{kind="{RESET_REQUESTED}",outcome="dropped"}} 6.0' in figures


async def test_ten_cost_the_statements_of_one(service: Service) -> None:
    await service.add(BEN)
    await service.ask(BEN)
    with statements_sent() as one, thread_trips() as trips_of_one:
        await service.deliver()
    people = [f"person{number}@northwind.test" for number in range(10)]
    for person in people:
        await service.add(person)
        await service.ask(person)
    with statements_sent() as ten, thread_trips() as trips_of_ten:
        await service.deliver()

    assert len(service.inbox.mails) == 1 + len(people)
    assert len(ten) == len(one)
    assert len(trips_of_ten) == len(trips_of_one)


async def test_each_mail_is_rendered_once_and_mjml_is_compiled_for_the_first_of_its_kind_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, rendered = list[object](), list[object]()
    monkeypatch.setattr("keyturn.mail.rendering.compiling.to_html", noted(to_html, compiled))
    monkeypatch.setattr(Templates, "render", noted(Templates.render, rendered))
    await service.add(BEN)
    await service.ask_and_deliver(BEN)
    assert (len(compiled), len(rendered)) == (2, 1), "once as it is sent, and once with places for what differs"

    for number in range(10):
        await service.add(f"person{number}@northwind.test")
        await service.ask(f"person{number}@northwind.test")
    await service.deliver()
    assert (len(compiled), len(rendered)) == (2, 11)


def noted(function: Callable[..., Any], calls: list[object]) -> Callable[..., Any]:
    @wraps(function)
    def note(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return function(*given, **named)

    return note


async def test_a_mail_that_cannot_be_rendered_fails_alone(start: Start, tmp_path: Path) -> None:
    (tmp_path / "password_reset").mkdir()
    (tmp_path / "password_reset" / "password_reset.mjml").write_text(
        "<mjml><mj-head><mj-title>{{ 'Your key' if name != 'Cleo' else name.missing() }}</mj-title></mj-head><mj-body>"
        '<mj-section><mj-column><mj-button href="{{ link }}">Go</mj-button></mj-column></mj-section></mj-body></mjml>',
        "utf-8",
    )
    service = await start(mail={"transport": "capture", "templates": Folder(str(tmp_path))})
    await service.add(CLEO, name="Cleo")
    for email in (CLEO, ADA):
        await service.ask(email)
    await service.deliver()

    assert [mail.to for mail in service.inbox.mails] == [ADA]
    assert await outcomes(service) == [(ADA, "link_mailed")]
    states = await service.rows(select(OutboxRow.state, OutboxRow.reason).order_by(OutboxRow.id))
    assert [row["state"] for row in states] == ["waiting", "sent"]
    assert states[0]["reason"]


async def test_a_request_that_a_slow_worker_has_claimed_twice_is_answered_once(service: Service) -> None:
    await service.ask(ADA)
    outbox = service.parts.outbox
    claims = [one for lease in (0, 60) for one in await outbox.claim(1, timedelta(seconds=lease))]
    assert len({one.claim for one in claims}) == 2
    handler = next(lane for lane in service.parts.relay._lanes if RESET_REQUESTED in lane.together)

    old, new = await handler.prepare_all(claims, 60)

    assert isinstance(old, LeaseLost)
    assert not isinstance(new, Exception | Dropped)
    assert await outcomes(service) == [(ADA, "link_mailed")]
