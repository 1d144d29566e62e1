"""The security settings: when the password was changed, which devices are signed in, and what happened."""

import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, func, insert, select, text, update
from tests.pages.school import Visitor, words
from tests.spec.service import (
    ADA,
    CHANGE,
    LOGIN,
    ME,
    NEW_PASSWORD,
    PASSWORD,
    Service,
    Start,
    hash_of,
    running,
    settings_for,
)

from keyturn.accounts.builtin import AccountRow, SessionRow
from keyturn.database import now
from keyturn.reset.records.models import AuditRow
from keyturn.settings import AccountSettings, LimitSettings, Secret, TableSettings

pytestmark = pytest.mark.any_database

SETTINGS = "/security-settings"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)


async def signed_in(service: Service, user_agent: str = FIREFOX, email: str = ADA) -> Visitor:
    client = service.anywhere(headers={"user-agent": user_agent})
    answer = await client.post(LOGIN, json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200
    return Visitor(client)


def keys(page: httpx.Response) -> list[str]:
    """Return the keys of the devices that can be signed out."""
    return re.findall(r'name="device" value="([0-9a-f]*)"', page.text)


def card(page: httpx.Response, name: str) -> str:
    """Return what a card says."""
    found = re.search(rf'<section class="card" aria-labelledby="{name}">(.*?)</section>', page.text, re.DOTALL)
    assert found, page.text
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


async def test_each_signed_in_device_is_listed_and_this_one_is_named(service: Service) -> None:
    here, _ = await signed_in(service), await signed_in(service, IPHONE)
    page = await here.get(SETTINGS)
    devices = card(page, "devices")
    assert "Mobile Safari on iOS Signed in:" in devices
    assert re.search(r"Firefox on Windows Signed in: .{10,40} This device", devices)
    assert len(keys(page)) == 1


async def test_a_browser_that_is_not_recognised_is_an_unknown_device(service: Service) -> None:
    here, _ = await signed_in(service), await signed_in(service, "<script>alert(1)</script>")
    page = await here.get(SETTINGS)
    assert "Unknown device" in card(page, "devices")
    assert "alert(1)" not in page.text


async def test_one_device_is_signed_out_and_the_others_stay(service: Service) -> None:
    here, phone = await signed_in(service), await signed_in(service, IPHONE)
    other = await signed_in(service, "curl/8.0")
    listed = keys(await here.get(SETTINGS))
    digests = {row["digest"].hex() for row in await service.rows(select(SessionRow.digest))}
    assert set(listed) < digests
    # The newest comes first, so the phone's is the last.
    page = await here.follow(await here.submit(SETTINGS, f"{SETTINGS}/sign-out", device=listed[-1]))
    assert "The device was signed out." in words(page)
    assert (await phone.get(ME)).status_code == 401
    assert [(await one.get(ME)).status_code for one in (here, other)] == [200, 200]
    assert "was signed out" not in words(await here.get(SETTINGS))


async def test_everything_but_this_device_is_signed_out_and_the_password_stays(service: Service) -> None:
    here, phone = await signed_in(service), await signed_in(service, IPHONE)
    page = await here.get(SETTINGS)
    assert "This signs out all devices on this list except this one. Your password stays the same." in words(page)
    page = await here.follow(await here.submit(SETTINGS, f"{SETTINGS}/sign-out-elsewhere"))
    assert "We signed out all other devices." in words(page)
    assert "Sign out everywhere else" not in words(page)
    assert [(await one.get(ME)).status_code for one in (here, phone)] == [200, 401]
    assert await service.knows(PASSWORD)


async def test_another_user_s_device_stays_signed_in(service: Service) -> None:
    await service.add("eve@northwind.test")
    eve, ada = await signed_in(service, email="eve@northwind.test"), await signed_in(service, IPHONE)
    page = await eve.get(SETTINGS)
    assert "Safari" not in page.text
    (owner,) = await service.rows(select(AccountRow.id).where(AccountRow.email == ADA))
    (row,) = await service.rows(select(SessionRow.digest).where(SessionRow.account_id == owner["id"]))
    await eve.submit(SETTINGS, f"{SETTINGS}/sign-out", device=row["digest"].hex())
    await eve.submit(SETTINGS, f"{SETTINGS}/sign-out-elsewhere")
    assert [(await one.get(ME)).status_code for one in (eve, ada)] == [200, 200]


@pytest.mark.parametrize("key", ["", "no hex", "00", "f" * 64, "\N{DIGIT ONE}\N{ARABIC-INDIC DIGIT ONE}", "0" * 9_000])
async def test_an_unknown_device_changes_nothing_and_is_no_fault(key: str, service: Service) -> None:
    here, phone = await signed_in(service), await signed_in(service, IPHONE)
    page = await here.follow(await here.submit(SETTINGS, f"{SETTINGS}/sign-out", device=key))
    assert "was signed out" not in words(page)
    assert [(await one.get(ME)).status_code for one in (here, phone)] == [200, 200]


@pytest.mark.parametrize("path", ["/sign-out", "/sign-out-elsewhere"])
async def test_a_form_without_its_token_signs_nobody_out(path: str, service: Service) -> None:
    here, phone = await signed_in(service), await signed_in(service, IPHONE)
    (key,) = keys(await here.get(SETTINGS))
    assert (await here.client.post(SETTINGS + path, data={"device": key})).status_code == 403
    assert (await phone.get(ME)).status_code == 200


@pytest.mark.parametrize("path", ["/sign-out", "/sign-out-elsewhere"])
async def test_who_is_signed_out_meanwhile_is_led_to_the_sign_in(path: str, service: Service) -> None:
    here = await signed_in(service)
    form = await here.get(SETTINGS)
    await service.write(update(SessionRow).values(expires_at=now()))
    token = form.text.partition('_csrf_token" value="')[2].partition('"')[0]
    answer = await here.client.post(SETTINGS + path, data={"_csrf_token": token})
    assert answer.headers["location"] == "/login?next=%2Fsecurity-settings"


async def test_signing_out_is_limited(start: Start) -> None:
    service = await start(limits=LimitSettings(validate="2/minute", login="100/minute"))
    here = await signed_in(service)
    statuses = [(await here.submit(SETTINGS, f"{SETTINGS}/sign-out", device="00")).status_code for _ in range(3)]
    assert statuses == [303, 303, 429]


async def test_at_most_twenty_devices_are_listed(service: Service) -> None:
    here = await signed_in(service)
    (ada,) = await service.rows(select(SessionRow.account_id))
    old, until = now() - timedelta(hours=1), now() + timedelta(hours=1)
    rows = [{"digest": bytes([number] * 32), **ada, "created_at": old, "expires_at": until} for number in range(1, 25)]
    await service.write(insert(SessionRow).values(rows))
    page = await here.get(SETTINGS)
    assert len(keys(page)) == 19
    await here.submit(SETTINGS, f"{SETTINGS}/sign-out-elsewhere")
    assert await service.rows(select(func.count().label("left")).select_from(SessionRow)) == [{"left": 1}]


async def test_the_last_change_is_told_once_there_was_one(service: Service) -> None:
    here = await signed_in(service)
    assert "Last changed" not in card(await here.get(SETTINGS), "change-password")
    changed = await here.client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})
    assert changed.status_code == 200
    page = await here.get(SETTINGS)
    (row,) = await service.rows(select(AccountRow.password_changed_at).where(AccountRow.email == ADA))
    assert row["password_changed_at"].isoformat() in page.text
    assert "Last changed:" in card(page, "change-password")
    assert "Firefox on Windows" in card(page, "devices")


async def test_a_new_password_signs_out_the_others_as_the_page_says(service: Service) -> None:
    here, phone = await signed_in(service), await signed_in(service, IPHONE)
    assert "A new password signs out all other devices." in words(await here.get(SETTINGS))
    await here.client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})
    assert [(await one.get(ME)).status_code for one in (here, phone)] == [200, 401]


async def test_recent_events_are_told_newest_first_with_their_device_and_without_an_address(service: Service) -> None:
    attacker = service.at("203.0.113.66", headers={"user-agent": IPHONE})
    await attacker.post(LOGIN, json={"email": ADA, "password": "a wrong guess"})
    await service.link()
    here, phone = await signed_in(service), await signed_in(service, IPHONE)
    await phone.client.post(CHANGE, json={"currentPassword": "a wrong guess", "newPassword": NEW_PASSWORD})
    page = await here.follow(await here.submit(SETTINGS, f"{SETTINGS}/sign-out-elsewhere"))
    told = re.findall(r"<b>(.*?)</b>", page.text[page.text.index('id="events"') :])
    assert told == [
        "Signed out on other devices",
        "Wrong current password entered",
        "Signed in",
        "Signed in",
        "Password reset link sent",
        "Sign-in with a wrong password",
    ]
    assert "Mobile Safari on iOS" in card(page, "events")
    assert "203.0.113.66" not in page.text
    assert "198.18." not in page.text


async def test_an_operator_s_request_shows_no_device(service: Service) -> None:
    here = await signed_in(service)
    (row,) = await service.rows(select(AuditRow.account_id))
    entry = {"at": now(), "event": "operator_reset", "outcome": "link_mailed", "email": ADA, "ip_address": ""}
    await service.write(insert(AuditRow).values(**entry, **row, user_agent=IPHONE, request_id="", operator="grace"))
    page = await here.get(SETTINGS)
    assert "Password reset link sent" in card(page, "events")
    assert "Safari" not in card(page, "events")
    assert "grace" not in page.text


async def test_ten_events_are_told_whatever_else_the_trail_has(service: Service) -> None:
    here = await signed_in(service)
    (row,) = await service.rows(select(AuditRow.account_id))
    entry = {"at": now(), "email": ADA, "ip_address": "", "user_agent": "", "request_id": "", **row}
    many = [{**entry, "event": "sign_in", "outcome": "rejected"}] * 12
    unknown = [{**entry, "event": "mail_report", "outcome": "delivered"}] * 12
    await service.write(insert(AuditRow).values([*many, *unknown]))
    page = await here.get(SETTINGS)
    assert len(re.findall(r"<li><p><b>", page.text)) == 10


async def test_events_of_another_account_are_not_told(service: Service) -> None:
    await service.add("eve@northwind.test")
    await signed_in(service, IPHONE, "eve@northwind.test")
    here = await signed_in(service)
    assert card(await here.get(SETTINGS), "events").count("Signed in") == 1
    assert "Safari" not in (await here.get(SETTINGS)).text


async def test_the_events_are_found_by_an_index(service: Service) -> None:
    asked = "SELECT id FROM keyturn_audit WHERE account_id = 'a' ORDER BY id DESC LIMIT 10"
    explained = text(f"{'EXPLAIN QUERY PLAN' if service.parts.database.is_sqlite else 'EXPLAIN'} {asked}")

    def explain(connection: Connection) -> str:
        if not service.parts.database.is_sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(str(row) for row in connection.execute(explained))

    told = await service.parts.database.read(explain)
    assert "ix_keyturn_audit_account_id_id" in told
    assert "TEMP B-TREE" not in told
    assert "Sort" not in told


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("changed_at", "2026-11-20 08:46:42", "20 November 2026"),
        ("changed_at", 1795164402000, "20 November 2026"),
        ("changed_at", None, ""),
        ("changed_at", "once upon a time", ""),
        ("", "2026-11-20 08:46:42", ""),
    ],
)
async def test_a_table_tells_the_last_change_if_a_column_has_it(
    column: str, value: object, shown: str, database_url: str, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "app.db") as app:
        app.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT, changed_at)")
        app.execute("INSERT INTO users VALUES (1, ?, ?, ?)", (ADA, hash_of(PASSWORD), value))
    app.close()
    table = TableSettings(url=Secret(f"sqlite:///{tmp_path / 'app.db'}"), table="users", changed_at=column)
    accounts = AccountSettings(store="table", table=table)
    async with running(settings_for(database_url, accounts=accounts, sign_in_url="{base_url}/login")) as service:
        here = await signed_in(service)
        page = await here.get(SETTINGS)
        assert (f"Last changed: {shown}" if shown else "Request password change") in card(page, "change-password")
        assert ("Last changed" in words(page)) == bool(shown)
        assert "Only sign-ins on these pages are listed. Sign-ins in our apps are not." in card(page, "devices")
