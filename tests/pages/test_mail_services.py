"""Well-known mail services: the way to an inbox, and addresses that may be mistyped."""

import pytest
from tests.driver.service import Service
from tests.driver.visitor import Visitor, words
from tests.pages.school import asked

from keyturn.service.api.mail_services import inbox_of, known_services, meant_by

FORGOT = "/forgot-password"


@pytest.mark.parametrize(
    ("email", "url"),
    [
        ("ada@gmail.com", "https://mail.google.com/mail/"),
        ("ada@GMAIL.COM", "https://mail.google.com/mail/"),
        ("ada@hotmail.co.uk", "https://outlook.live.com/mail/"),
        ("a***@yahoo.co.jp", "https://mail.yahoo.co.jp/"),
    ],
)
def test_a_known_domain_tells_where_the_inbox_is(email: str, url: str) -> None:
    found = inbox_of(email)
    assert found
    assert found.url == url


@pytest.mark.parametrize("email", ["ada@northwind.test", "ada@notgmail.com", "gmail.com@northwind.example", "", "ada"])
def test_any_other_domain_tells_nothing(email: str) -> None:
    assert inbox_of(email) is None
    assert meant_by(email) == ""


@pytest.mark.parametrize(
    "typed", ["gmail.con", "gmail.co", "gmai.com", "gmaill.com", "gamil.com", "gmial.com", "Gmail.Comm", "fmail.com"]
)
def test_a_keystroke_away_from_a_known_domain_that_one_may_be_meant(typed: str) -> None:
    assert meant_by(f"ada+x@{typed}") == "ada+x@gmail.com"


@pytest.mark.parametrize(
    "email",
    [
        "ada@gmail.com",
        "ada@ymail.com",  # near gmail.com, and known
        "ada@mail.com",
        "ada@email.com",  # near gmail.com, and no mistake
        "ada@cloud.com",
        "ada@hotmail.be",
        "ada@mce.com",  # near a short domain
        "ada@gmali.co",  # two keystrokes
        "ada@",
    ],
)
def test_other_addresses_are_taken_as_they_are(email: str) -> None:
    assert meant_by(email) == ""


def test_every_service_has_an_address_and_no_domain_two() -> None:
    services = known_services().services
    domains = [domain for service in services for domain in service.domains]
    assert len(domains) == len(set(domains))
    assert all(service.url.startswith("https://") and service.name for service in services)
    assert not set(known_services().others) & set(domains)


async def test_after_a_request_the_page_leads_to_the_inbox(visitor: Visitor) -> None:
    page = await visitor.follow(await visitor.submit(FORGOT, email="ada@gmail.com"))
    link = 'href="https://mail.google.com/mail/" target="_blank" rel="noopener">Open Gmail</a>'
    assert link in page.text
    assert "Did you mean" not in words(page)


async def test_an_address_that_may_be_mistyped_is_asked_about_and_requested_all_the_same(
    visitor: Visitor, school: Service
) -> None:
    page = await visitor.follow(await visitor.submit(FORGOT, email="ada@gmial.com"))
    assert "Did you mean ada@gmail.com ?" in words(page)
    assert 'name="email" value="ada@gmail.com"' in page.text
    assert "Open Gmail" not in words(page)
    await visitor.submit(FORGOT, email="ada@gmail.com")
    assert await asked(school) == ["ada@gmial.com", "ada@gmail.com"]


async def test_any_other_address_is_neither_led_nor_asked_about(visitor: Visitor) -> None:
    page = await visitor.follow(await visitor.submit(FORGOT, email="ada@northwind.test"))
    assert "Open " not in words(page)
    assert "Did you mean" not in words(page)


async def test_what_is_typed_is_text_and_never_markup(visitor: Visitor) -> None:
    page = await visitor.follow(await visitor.submit(FORGOT, email="a&b'c@gmial.com"))
    assert "a&amp;b&#39;c@gmail.com" in page.text
