"""Asking for a link."""

import re

import pytest
from tests.driver.service import ADA, Service
from tests.driver.visitor import Visitor, cookie, heading, words
from tests.spec.pages.school import asked, visiting

pytestmark = pytest.mark.long

FORGOT = "/forgot-password"


async def test_asking_writes_down_one_wish_and_says_to_check_the_mail(
    visitor: Visitor, school: Service
) -> None:
    answer = await visitor.submit(FORGOT, email=ADA)
    held = cookie(answer, "keyturn_asked")
    assert (held["path"], held["max-age"], "httponly" in held) == (FORGOT, "600", True), (
        "for this page alone"
    )
    page = await visitor.follow(answer)
    assert heading(page) == "Check your email"
    assert (
        f"If an account exists for {ADA} , a link is on its way. It works for 30 minutes."
        in words(page)
    )
    assert "Look in your spam folder, too." in words(page)
    assert " sent" not in words(page), "whether it was is not for everybody to know"
    page = await visitor.follow(await visitor.submit(FORGOT, email=ADA.upper()))
    assert heading(page) == "Check your email"
    assert await asked(school) == [ADA], "during the wait nothing more is sent"
    assert heading(await visitor.get(f"{FORGOT}?another")) == "Forgot your password?"
    page = await visitor.follow(await visitor.submit(FORGOT, email="bob@northwind.test"))
    assert "bob@northwind.test" in words(page)
    assert await asked(school) == [ADA, "bob@northwind.test"], "another address need not wait"


@pytest.mark.usefixtures("ada")
async def test_every_address_gets_the_same_answer_and_the_same_page(school: Service) -> None:
    seen, waits = [], []
    for email in (ADA, "bob@northwind.test"):
        visitor = visiting(school)
        answer = await visitor.submit(FORGOT, email=email)
        page = await visitor.follow(answer)
        # The seconds until one may ask again differ by those that passed between the two.
        own = re.compile(rf'[0-9a-f]{{128}}|{email}|data-countdown="\d+"|<b>\d+ \w+</b>')
        waits += [int(seconds) for seconds in re.findall(r'data-countdown="(\d+)"', page.text)]
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        seen.append((answer.status_code, headers, own.sub("", page.text)))
    assert seen[0] == seen[1]
    assert len(waits) == 2
    assert all(50 <= seconds <= 60 for seconds in waits)


async def test_after_the_wait_another_is_sent_and_no_cookie_makes_it_longer(
    visitor: Visitor, school: Service
) -> None:
    visitor.client.cookies.set("keyturn_asked", f"99999999999:{ADA}")
    assert "You can request it again in 1 minute" in words(await visitor.get(FORGOT))
    visitor.client.cookies.set("keyturn_asked", f"100:{ADA}")
    page = await visitor.get(FORGOT)
    assert "You can request it again." in words(page)
    await visitor.submit(FORGOT, email=ADA)
    assert await asked(school) == [ADA]


async def test_what_is_no_address_is_said_where_it_stays_escaped_and_sends_nothing(
    visitor: Visitor, school: Service
) -> None:
    for typed in ("", "ada", "ada@", f"{ADA},bob@northwind.test", f"{ADA}\r\nBcc: eve@x.test"):
        page = await visitor.submit(FORGOT, email=typed)
        assert page.status_code == 422
        assert "Enter a full email address, such as name@example.org." in words(page)
        assert 'aria-invalid="true" aria-describedby="email-error" autofocus' in page.text
        assert "<title>Error: Forgot your password?" in page.text
    assert await asked(school) == []
    page = await visitor.submit(FORGOT, email='"><script>alert(1)</script>')
    assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in page.text
