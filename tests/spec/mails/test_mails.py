"""Which account gets which mail, and what the mail contains."""

import asyncio
from datetime import timedelta

import pytest
from tests.driver.inbox import TOKEN, links_in, token_in
from tests.driver.service import (
    ADA,
    GRACE,
    NEW_PASSWORD,
    NO_COOLDOWN,
    RESET,
    Service,
    Start,
    problem,
)

pytestmark = [pytest.mark.any_database, pytest.mark.long]

BASE = "https://account.northwind.test"


async def test_a_user_with_a_password_gets_one_mail_with_one_link(service: Service) -> None:
    token = await service.link()
    (mail,) = service.inbox.mails
    assert (mail.to, mail.tags["template"]) == (ADA, "password_reset")
    link = f"http://127.0.0.1:8000/reset-password/{token}"
    assert link in mail.text
    assert f'href="{link}"' in mail.html
    assert set(TOKEN.findall(mail.html)) == {token}
    assert token not in mail.subject
    assert mail.headers["Auto-Submitted"] == "auto-generated"  # RFC 3834
    service.let_time_pass(seconds=61)
    assert await service.link() != token, "after a minute the mailbox gets another"
    first, second = (mail.headers["X-Entity-Ref-ID"] for mail in service.inbox.mails)
    assert first != second, "mail programs do not fold them into one"


async def test_an_account_that_signs_in_elsewhere_is_told_how_and_gets_no_link(
    service: Service,
) -> None:
    for _ in range(3):
        await service.ask(GRACE)
    await service.deliver()
    (mail,) = service.inbox.mails
    assert (mail.to, mail.tags["template"]) == (GRACE, "sign_in_with_provider")
    for part in (mail.text, mail.html):
        assert "Google" in part
        assert not TOKEN.search(part)
        assert "reset-password" not in part


@pytest.mark.parametrize(
    ("pattern", "link"),
    [
        ("{base_url}/reset-password/{token}", BASE + "/reset-password/{token}"),
        (
            "{base_url}/reset?token={token}&email={email}",
            BASE + "/reset?token={token}&email={email}",
        ),
        ("{base_url}/app#token={token}", BASE + "/app#token={token}"),
        (
            "https://www.northwind.test/{email}/{token}",
            "https://www.northwind.test/{email}/{token}",
        ),
    ],
    ids=["path", "query", "fragment", "elsewhere"],
)
async def test_the_link_follows_the_pattern_of_the_settings(
    start: Start, pattern: str, link: str
) -> None:
    service = await start(base_url=BASE + "/", reset_url=pattern)
    await service.add("a+b&c%=d'#?/{}@northwind.test")
    token = await service.link("a+b&c%=d'#?/{}@northwind.test")
    expected = link.format(token=token, email="a%2Bb%26c%25%3Dd%27%23%3F%2F%7B%7D%40northwind.test")
    (mail,) = service.inbox.mails
    assert expected in mail.text.split()
    assert expected in links_in(mail)


async def test_a_name_is_text_and_never_markup_a_header_or_a_line_of_its_own(
    service: Service,
) -> None:
    await service.add("zoe@northwind.test", name='<b class="x">Eve {{ link }} <mj-raw> & Co')
    await service.link("zoe@northwind.test")
    (mail,) = service.inbox.mails
    assert "&lt;b class=" in mail.html
    assert "{{ link }} &lt;mj-raw&gt; &amp; Co" in mail.html
    assert '<b class="x">Eve {{ link }} <mj-raw> & Co' in mail.text
    await service.add("eve@northwind.test", name="Eve\r\nBcc: all of you\r\n\r\nSecond\u2028Third")
    await service.link("eve@northwind.test")
    mail = service.inbox.mails[-1]
    for line in (mail.subject, mail.to, mail.sender, *mail.headers.values()):
        assert len(line.splitlines()) == 1
    assert not any(line.startswith(("Bcc:", "Second", "Third")) for line in mail.text.splitlines())
    assert "Bcc:" in mail.text


async def test_the_mail_is_from_whom_the_settings_name_and_says_how_long_the_link_lives(
    start: Start,
) -> None:
    mail_settings = {"transport": "capture", "from": "Northwind School <no-reply@northwind.test>"}
    service = await start(
        mail=mail_settings,
        brand={"support_address": "help@northwind.test"},
        token={"ttl": timedelta(hours=1)},
    )
    await service.link()
    (mail,) = service.inbox.mails
    assert "1 hour" in mail.text
    assert "1 hour" in mail.html
    assert (mail.sender, mail.reply_to) == (
        "Northwind School <no-reply@northwind.test>",
        "help@northwind.test",
    )


async def test_sender_name_with_a_dot(start: Start) -> None:
    """A mail names its sender as every mail program reads it: a name with a dot is in quotation
    marks.
    """
    service = await start(
        mail={"transport": "capture", "from": "Northwind Inc. <no-reply@b\u00fccher.test>"}
    )
    await service.link()
    (mail,) = service.inbox.mails
    assert mail.sender == '"Northwind Inc." <no-reply@xn--bcher-kva.test>'


async def test_two_workers_together_keep_to_one_mail_a_minute(start: Start) -> None:
    one, other = await start(), await start()
    for _ in range(12):
        await one.ask()
    await asyncio.gather(one.deliver(), other.deliver())
    assert len(one.inbox.mails + other.inbox.mails) == 1


async def test_a_refused_reset_leaves_the_wait_as_it_was_and_so_does_a_used_link(
    service: Service,
) -> None:
    used = await service.link()
    assert problem(await service.reset(used, "short")) == "422 password-rejected"
    assert problem(await service.reset("x" * 43)) == "400 link-dead"
    await service.ask_and_deliver()
    assert len(service.inbox.mails) == 1
    await service.reset(used)
    await service.link()
    assert problem(await service.reset(used)) == "400 link-dead"
    await service.ask_and_deliver()
    assert len(service.inbox.sent_to(ADA, "password_reset")) == 2


async def test_after_a_finished_reset_another_comes_at_once_within_the_mails_of_the_day(
    start: Start,
) -> None:
    service = await start(limits={"mailbox_daily": 2})
    for number in range(2):
        assert (await service.reset(await service.link(), f"{NEW_PASSWORD} {number}")).is_success
        await service.purge()
    assert ("keyturn_limits.key", b"1697524ac569dd0b53b9ee07f8181740") in await service.dump(), (
        "an upgrade forgets it"
    )
    await service.ask_and_deliver()
    assert len(service.inbox.sent_to(ADA, "password_reset")) == 2


async def test_a_cooldown_of_days_is_not_shortened_and_the_mails_of_a_day_refill_evenly(
    start: Start,
) -> None:
    service = await start(limits={"mailbox_cooldown": timedelta(days=7)})
    for days, mails in ((0, 1), (6.9, 1), (0.2, 2)):
        service.let_time_pass(days=days)
        await service.purge()
        await service.ask_and_deliver()
        assert len(service.inbox.mails) == mails
    service = await start(limits=NO_COOLDOWN | {"mailbox_daily": 3})
    eve = (await service.add("eve@northwind.test")).email
    for hours, mails in ((0, 3), (8.1, 4)):
        service.let_time_pass(hours=hours)
        for _ in range(4):
            await service.ask_and_deliver(eve)
        assert len(service.inbox.mails) == mails


async def test_the_confirmation_says_when_from_where_and_what_to_do(service: Service) -> None:
    firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
    token = await service.link()
    client = service.at("203.0.113.24", headers={"User-Agent": firefox})
    assert (
        problem(await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD}))
        == "200"
    )
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "password_changed")
    for part in (mail.text, mail.html):
        assert "203.0.113.24" in part
        assert "Firefox" in part
        assert str(service.now().year) in part
        assert "http://127.0.0.1:8000/secure-your-account/" in part
        assert "We signed out all other devices." in " ".join(part.split())
        assert "eleven" not in part
        assert {*TOKEN.findall(part)} == {token_in(mail)} != {token}
