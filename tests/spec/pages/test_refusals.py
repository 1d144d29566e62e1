"""What goes wrong is a page too: with a reason, a way back, and nothing of the inside."""

import asyncio
import re

import httpx2
import pytest
from sqlalchemy import text
from tests.driver.elsewhere import Faulty
from tests.driver.held_hashes import first_hash_held
from tests.driver.logs import logging_as_json
from tests.driver.service import ADA, CHEAPEST, NEW_PASSWORD, Service
from tests.driver.visitor import Visitor, cookie, form_token, heading, words
from tests.spec.pages.school import OpenSchool, asked, visiting

from keyturn import Account

pytestmark = pytest.mark.long

FORGOT, RESET, LOGIN = "/forgot-password", "/reset-password", "/login"


async def test_every_limit_ends_in_a_page_that_says_how_long_to_wait(
    open_school: OpenSchool,
) -> None:
    for path, kind in ((FORGOT, "request"), (LOGIN, "login"), (RESET, "client")):
        school = await open_school(limits={kind: "1/minute"})
        visitor = visiting(school)
        school.let_time_pass(minutes=5)
        await visitor.get(
            f"{RESET}/{await school.link((await school.add(f'{kind}@northwind.test')).email)}"
        )
        await visitor.submit(path, email=ADA, password="wrong")
        token = {"_csrf_token": visitor.client.cookies["keyturn_form"]}
        page = await visitor.client.post(path, data=token | {"email": "bob@northwind.test"})
        assert page.status_code == 429
        assert heading(page) == "Too many requests"
        assert not reference(page)
        seconds = int(page.headers["retry-after"])
        assert 0 < seconds <= 60
        assert re.search(
            rf"You can try again in ({seconds} seconds|1 minute|1 second)", words(page)
        )
        assert re.search(r'<a class="button" href="[^"]+">Go back</a>', page.text)


@pytest.mark.parametrize("field", ["email=%E9cole@northwind.test", "email=\xe9cole@northwind.test"])
async def test_form_in_another_encoding(visitor: Visitor, school: Service, field: str) -> None:
    """A form that is not in UTF-8 is refused, and no address is made of it."""
    await visitor.get(FORGOT)
    body = f"_csrf_token={visitor.client.cookies['keyturn_form']}&{field}".encode("latin-1")
    form = {"content-type": "application/x-www-form-urlencoded"}
    page = await visitor.client.post(FORGOT, content=body, headers=form)
    assert page.status_code == 400
    assert await school.messages() == []


async def test_a_full_queue_of_hashes_is_busy_and_the_link_survives(
    open_school: OpenSchool,
) -> None:
    school = await open_school(hashing={"cost": CHEAPEST, "workers": 1, "queue": 1})
    visitor = visiting(school)
    await school.add(ADA)
    await visitor.get(f"{RESET}/{await school.link()}")
    with first_hash_held("hashpw") as held:
        waiting = [
            asyncio.create_task(school.container.hasher.hash(NEW_PASSWORD)) for _ in range(2)
        ]
        await held.computed()
        page = await visitor.submit(RESET, password=NEW_PASSWORD, again=NEW_PASSWORD)
    assert page.status_code == 503
    assert heading(page) == "We’re busy right now"
    assert not reference(page)
    assert page.headers["retry-after"] == "5"
    assert "Nothing was changed. You can try again in 5 seconds" in words(page)
    await asyncio.gather(*waiting)
    assert (await visitor.get(RESET)).status_code == 200


async def test_a_database_without_its_tables_is_a_page_without_details(
    visitor: Visitor, school: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await school.write(text("DROP TABLE keyturn_outbox"))
    page = await visitor.submit(FORGOT, email=ADA)
    assert page.status_code == 503
    assert heading(page) == "Something went wrong"
    assert reference(page)
    assert "outbox" not in page.text
    assert "the database has not been migrated" in caplog.text


async def test_an_error_nobody_foresaw_is_logged_and_shown_as_a_page(
    open_school: OpenSchool, caplog: pytest.LogCaptureFixture
) -> None:
    school = await open_school(store=Faulty(Account(id="u-1", email=ADA)))
    visitor, token = visiting(school), await school.link()
    await visitor.get(f"{RESET}/{token}")
    page = await visitor.get(RESET)
    assert page.status_code == 500
    assert heading(page) == "Something went wrong"
    assert "help@northwind.example" in words(page)
    assert "Traceback" in caplog.text
    assert token not in caplog.text
    assert "inside" not in page.text


def reference(page: httpx2.Response) -> str:
    """Return the reference that the page shows, or nothing. It is the one in the page's header."""
    shown = re.search(r"Reference: ([0-9a-f]{32})", words(page))
    assert (shown[1] if shown else None) == page.headers.get("x-request-id")
    return shown[1] if shown else ""


async def test_a_refused_form_shows_the_reference_of_its_line_and_a_flood_writes_one(
    visitor: Visitor,
) -> None:
    with logging_as_json() as lines:
        shown = [
            reference(await visitor.client.post(FORGOT, data={"email": ADA})) for _ in range(3)
        ]
    assert len({*shown, ""}) == 4
    assert [line["request_id"] for line in lines if line["event"] == "page.refused"] == shown[:1]


async def test_a_form_without_its_token_is_refused_with_a_way_back(visitor: Visitor) -> None:
    for path in (FORGOT, RESET, f"{RESET}/open", LOGIN, "/logout", "/viewer-settings/security"):
        page = await visitor.client.post(path, data={"email": ADA})
        assert page.status_code == 403
        assert heading(page) == "This form is out of date"
        (back,) = re.findall(r'<a class="button" href="([^"]+)">Load the page again', page.text)
        assert (await visitor.client.get(back, follow_redirects=True)).status_code == 200


WRONG_TOKENS = ("", "x", "0" * 128, "ä" * 200, "🌲" * 128)
WRONG_HEADERS = (b"x", b"\xe4" * 200, "🌲".encode() * 128)
ODD_COOKIE = [(b"cookie", b"keyturn_form=" + b"\xe4" * 200)]


async def test_a_wrong_token_is_refused(visitor: Visitor, school: Service) -> None:
    own, others = [form_token(await one.get(FORGOT)) for one in (visitor, visiting(school))]
    wrong: list[tuple[str, bytes]] = [(token, b"") for token in (*WRONG_TOKENS, others)]
    for token, header in (*wrong, *((own, header) for header in WRONG_HEADERS)):
        data, headers = (
            {"_csrf_token": token, "email": ADA},
            [(b"x-csrftoken", header)] if header else [],
        )
        answer = await visitor.client.post(FORGOT, data=data, headers=headers)
        assert answer.status_code == 403, (token, header)
    visitor.client.cookies.clear()
    assert (await visitor.client.get(FORGOT, headers=ODD_COOKIE)).status_code == 200
    answer = await visitor.client.post(
        FORGOT, data={"_csrf_token": own, "email": ADA}, headers=ODD_COOKIE
    )
    assert answer.status_code == 403
    assert cookie(answer, "keyturn_form")["max-age"] == "0"
    assert await asked(school) == []


async def test_a_cookie_of_an_old_key_is_replaced_for_the_next_try(
    school: Service, open_school: OpenSchool
) -> None:
    visitor = visiting(await open_school(secret_key="an older secret " * 4))
    await visitor.get(FORGOT)
    old = visitor.client.cookies["keyturn_form"]
    visitor = visiting(school)
    visitor.client.cookies.set("keyturn_form", old)
    refused = await visitor.submit(FORGOT, email=ADA)
    assert refused.status_code == 403
    assert cookie(refused, "keyturn_form")["max-age"] == "0"
    visitor.client.cookies.delete("keyturn_form")
    assert (await visitor.submit(FORGOT, email=ADA)).status_code == 303


async def test_a_field_that_comes_twice_or_a_body_that_is_no_form_is_refused(
    visitor: Visitor, school: Service
) -> None:
    token = form_token(await visitor.get(FORGOT))
    page = await visitor.client.post(
        FORGOT,
        content=f"_csrf_token={token}&email={ADA}&email=eve@x.test",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert page.status_code == 400
    assert heading(page) == "The form arrived damaged"
    assert await asked(school) == []
    for content_type in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        page = await visitor.client.post(
            FORGOT,
            content=b'{"email": "a@b.test"}',
            headers={"content-type": content_type, "x-csrftoken": token},
        )
        assert page.status_code in {400, 422}
        assert page.headers["content-type"].startswith("text/html")


async def test_a_huge_form_is_refused_before_anything_is_done_with_it(
    visitor: Visitor, ada: Account
) -> None:
    page = await visitor.submit(LOGIN, email=ada.email, password="x" * 1_000_000)
    assert page.status_code == 413
    assert heading(page) == "That is too long"
