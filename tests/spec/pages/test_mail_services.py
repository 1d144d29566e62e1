"""Well-known mail services: the way to an inbox, and addresses that may be mistyped."""

import re

from tests.driver.service import Service
from tests.driver.visitor import Visitor, words
from tests.spec.pages.school import asked

FORGOT = "/forgot-password"

INBOXES = {
    "ada@gmail.com": "https://mail.google.com/mail/",
    "ada@GMAIL.COM": "https://mail.google.com/mail/",
    "ada@hotmail.co.uk": "https://outlook.live.com/mail/",
    "ada@yahoo.co.jp": "https://mail.yahoo.co.jp/",
}
TYPED = (
    "gmail.con",
    "gmail.co",
    "gmai.com",
    "gmaill.com",
    "gamil.com",
    "gmial.com",
    "Gmail.Comm",
    "fmail.com",
)
OTHERS = (
    "northwind.test",
    "notgmail.com",
    "gmail.com.example",
    "mail.com",
    "cloud.com",
    "hotmail.be",
)
NEAR = (
    "ymail.com",
    "email.com",
    "mce.com",
    "gmali.co",
)  # known, no mistake, a short domain, two keystrokes away
MEANT = {f"ada+x@{domain}": "ada+x@gmail.com" for domain in TYPED} | {
    f"ada@{domain}": "" for domain in OTHERS + NEAR
}


async def test_after_a_request_the_page_leads_to_the_inbox(visitor: Visitor) -> None:
    for email, inbox in INBOXES.items():
        page = await visitor.follow(await visitor.submit(FORGOT, email=email))
        assert re.search(
            rf'href="{inbox}" target="_blank" rel="noopener">Open [^<]+</a>', page.text
        ), email
        assert "Did you mean" not in words(page)


async def test_an_address_a_keystroke_away_is_asked_about_and_requested(
    visitor: Visitor, school: Service
) -> None:
    for email, meant in MEANT.items():
        page = await visitor.follow(await visitor.submit(FORGOT, email=email))
        assert re.findall(r"Did you mean (\S+) \?", words(page)) == ([meant] if meant else []), (
            email
        )
        assert (f'name="email" value="{meant}"' in page.text) == bool(meant)
        assert not (meant and "Open " in words(page))
        assert not ("Open " in words(page) and email.partition("@")[2] in OTHERS[:3])
    page = await visitor.follow(await visitor.submit(FORGOT, email="a&b'c@gmial.com"))
    assert "a&amp;b&#39;c@gmail.com" in page.text
    assert [email.lower() for email in await asked(school)][:-1] == [
        email.lower() for email in MEANT
    ]
