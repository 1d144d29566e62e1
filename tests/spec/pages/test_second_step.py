"""The second step on the hosted page, for a browser without scripts."""

import re
from functools import partial
from pathlib import Path

import pytest
from tests.driver.inbox import text_in_file
from tests.driver.second_factors import BUILTIN, builtin_factors, code_of, enrol, wrong_code
from tests.driver.service import ADA, NEW_PASSWORD, Service
from tests.driver.visitor import Visitor, heading, words
from tests.spec.pages.school import OpenSchool, save, visiting

from keyturn import Account

pytestmark = pytest.mark.long

PAGE = "/reset-password"
PHONE = "+44 7700 900123"


@pytest.fixture
def open_school(open_school: OpenSchool, tmp_path: Path) -> OpenSchool:
    mail = {"transport": "capture", "capture_dir": str(tmp_path / "mail")}
    return partial(open_school, second_step=BUILTIN | {"sms": {"account": "AC1"}}, mail=mail)


@pytest.fixture
async def ada(school: Service, visitor: Visitor) -> Account:
    """Give Ada a TOTP, and let a visitor have opened a link of hers."""
    await school.add(ADA, name="Ada")
    ada = await enrol(school)
    await visitor.get(f"{PAGE}/{await school.link()}")
    return ada


async def test_the_form_asks_for_the_code_beside_the_password(
    visitor: Visitor, school: Service, ada: Account
) -> None:
    page = await visitor.get(PAGE)
    assert "Authenticator app" in words(page)
    assert re.search(r'<input id="code"[^>]* autocomplete="one-time-code"', page.text)
    saved = await save(visitor, method="totp", code=code_of())
    assert "Your password was changed" in words(await visitor.follow(saved))
    assert await school.knows(NEW_PASSWORD, ada.email)


async def test_a_missing_or_wrong_code_is_told_and_link_lives(
    visitor: Visitor, school: Service, ada: Account
) -> None:
    for answer in ({}, {"method": "totp"}, {"method": "nonsense", "code": "123456"}):
        missing = await save(visitor, **answer)
        assert missing.status_code == 422
        assert "Enter a code." in words(missing)
    wrong = await save(visitor, method="totp", code=wrong_code())
    assert "This code is wrong, or was used before. You have 4 more attempts." in words(wrong)
    assert NEW_PASSWORD not in wrong.text
    assert "Enter the new password again, too." in words(wrong)
    assert re.findall(r'<input id="(\w+)"[^>]* autofocus', wrong.text) == ["password"]
    mismatch = await save(visitor, again="other", method="totp", code=code_of())
    assert "The two passwords don’t match." in words(mismatch)
    assert not await school.knows(NEW_PASSWORD, ada.email)
    last = [await save(visitor, method="totp", code=wrong_code()) for _ in range(4)][-1]
    assert heading(last) == "This link does not work"
    assert (
        "Too many wrong codes were entered. This link no longer works, and your password was not "
        "changed." in words(last)
    )


async def test_a_script_is_told_where_to_go_on_and_keeps_it(
    visitor: Visitor, school: Service, ada: Account
) -> None:
    visitor.client.headers["Accept"] = "application/json"
    wrong = await save(visitor, method="totp", code=wrong_code())
    assert wrong.json() == {
        "complaint": "This code is wrong, or was used before. You have 4 more attempts.",
        "sent": False,
    }
    saved = await save(visitor, method="totp", code=code_of())
    assert (saved.status_code, list(saved.json())) == (200, ["next"])
    visitor.client.headers["Accept"] = "text/html"
    assert "Your password was changed" in words(await visitor.get(saved.json()["next"]))
    assert await school.knows(NEW_PASSWORD, ada.email)


async def test_a_message_brings_one_code_to_the_phone(
    visitor: Visitor, school: Service, ada: Account, tmp_path: Path
) -> None:
    await builtin_factors(school).set_phone(ada.id, PHONE)
    page = await visitor.get(PAGE)
    assert "Text message to …23" in words(page)
    assert "Send a code to …23" in words(page)
    assert PHONE not in page.text
    sent = await visitor.submit(PAGE, f"{PAGE}/code", email=ada.email, method="sms")
    assert "We sent a code to …23." in words(sent)
    assert re.search(r'value="sms" checked', sent.text)
    again = await visitor.submit(PAGE, f"{PAGE}/code", email=ada.email)
    assert again.status_code == 429
    assert re.search(r"You can try again in [\w ]+", words(again))
    assert f'<a class="button" href="{PAGE}">Go back</a>' in again.text
    assert 55 <= int(again.headers["retry-after"]) <= 60
    (message,) = (tmp_path / "mail").glob("*.eml")
    assert (await save(visitor, method="sms", code=text_in_file(message)[:6])).status_code == 303
    assert await school.knows(NEW_PASSWORD, ada.email)


async def test_no_live_link_means_no_code_sent(
    visitor: Visitor, school: Service, ada: Account, tmp_path: Path
) -> None:
    await builtin_factors(school).set_phone(ada.id, PHONE)
    for link in ("", f"{PAGE}/{'x' * 43}"):
        visitor.client.cookies.clear()
        if link:
            await visitor.get(link)
        refused = await visitor.submit("/forgot-password", f"{PAGE}/code", email=ada.email)
        assert (refused.status_code, heading(refused)) == (400, "This link does not work")
    assert not (tmp_path / "mail").exists()


async def test_no_form_if_a_factor_is_beyond_us(
    visitor: Visitor, school: Service, open_school: OpenSchool
) -> None:
    zoe = await school.add("zoe@northwind.test")
    await builtin_factors(school).set_phone(zoe.id, "unlisted")
    token = await school.link(zoe.email)
    await visitor.get(f"{PAGE}/{token}")
    page = await visitor.get(PAGE)
    assert "second step that we can’t check here. Contact support: help@northwind.example" in words(
        page
    )
    assert '<a href="mailto:help@northwind.example">' in page.text
    assert '<input id="password"' not in page.text
    other = visiting(await open_school(brand={"name": "Northwind School"}))
    await other.get(f"{PAGE}/{token}")
    page = await other.get(PAGE)
    assert "second step that we can’t check here. Contact support." in words(page)
    assert re.search('<a href="/login">Back to sign-in</a>', page.text)
    assert "mailto:" not in page.text
