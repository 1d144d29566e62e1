"""The fixture `mailbox`: what an app sends, waited for in its tests."""

import asyncio
import smtplib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.studio.inbox.mails import WatchedMails, mail

from keyturn.testing.mailbox import Mailbox, running_mailbox

pytest_plugins = ["pytester"]


@pytest.fixture(scope="module")
def running() -> Iterator[Mailbox]:
    with running_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(running: Mailbox) -> Mailbox:
    running.clear()
    return running


def send(
    mailbox: Mailbox,
    subject: str,
    to: str = "ada@northwind.example",
    text: str = "Hello",
    html: str = "",
) -> None:
    with smtplib.SMTP(mailbox.host, mailbox.port, timeout=10) as client:
        client.send_message(mail(subject, to, text, html))


def test_a_mail_is_waited_for_and_read() -> None:
    html = '<a href="https://a.example/reset?token=x">Reset</a> <a href="https://a.example/help">Help</a>'
    to, text = "Ada <ada+login@northwind.example>", "https://a.example/reset?token=x"
    mails = WatchedMails()
    mails.then = lambda: mails.add(bytes(mail("Your code is 482913", to, text, html)))
    received = Mailbox("127.0.0.1", 0, mails).wait_for(
        to="ADA+login@northwind.example", subject="code", timeout=600
    )
    assert (received.subject, received.sender) == (
        "Your code is 482913",
        "no-reply@northwind.example",
    )
    assert received.to == ["ada+login@northwind.example"]
    assert received.code == "482913"
    assert received.link("token=") == "https://a.example/reset?token=x"
    assert received.header("From") == "Northwind School <no-reply@northwind.example>"
    assert "Reset</a>" in received.html
    with pytest.raises(AssertionError, match="has 2 links"):
        received.link()


def test_each_mail_is_returned_once_and_the_oldest_first(mailbox: Mailbox) -> None:
    for number in ("111111", "222222"):
        send(mailbox, f"Your code is {number}")
    codes = [mailbox.wait_for(to="ada@northwind.example").code for _ in range(2)]
    assert codes == ["111111", "222222"]
    with pytest.raises(AssertionError, match="returned before"):
        mailbox.wait_for(to="ada@northwind.example", timeout=0.01)
    assert [received.codes for received in mailbox.all()] == [["222222"], ["111111"]]


def test_threads_that_wait_for_the_same_get_a_mail_each(mailbox: Mailbox) -> None:
    for number in range(40):
        send(mailbox, f"Hello {number}")
    with ThreadPoolExecutor(40) as threads:
        received = [threads.submit(mailbox.wait_for, timeout=60) for _ in range(40)]
    assert len({each.result().subject for each in received}) == 40


def test_a_mail_that_does_not_come_is_told_with_those_that_did(mailbox: Mailbox) -> None:
    send(mailbox, "Welcome", to="grace@northwind.example")
    with pytest.raises(AssertionError) as missing:
        mailbox.wait_for(to="ada@northwind.example", subject="Welcome", timeout=0.01)
    assert str(missing.value) == (
        "No mail with to 'ada@northwind.example', subject 'Welcome' came in 0.01 s. "
        "There are: 'Welcome' to grace@northwind.example."
    )
    with pytest.raises(AssertionError, match="has no code"):
        _ = mailbox.wait_for(to="grace@northwind.example").code


def test_none_is_expected(mailbox: Mailbox) -> None:
    mailbox.expect_none(to="ada@northwind.example", seconds=0.01)
    send(mailbox, "Welcome")
    with pytest.raises(AssertionError, match="No mail was expected, but this one came: <'Welcome'"):
        mailbox.expect_none(to="ada@northwind.example", seconds=0.01)


async def test_a_loop_goes_on_while_it_waits(mailbox: Mailbox) -> None:
    waiting = asyncio.create_task(mailbox.wait_for_async(subject="Welcome", timeout=30))
    await asyncio.sleep(0)
    send(mailbox, "Welcome")
    assert (await waiting).subject == "Welcome"


def test_the_fixture_is_empty_for_each_test_and_says_where_to_send(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest("pytest_plugins = ['keyturn.testing']")
    pytester.makepyfile("""
        import smtplib
        import pytest

        @pytest.mark.parametrize("number", ["1111", "2222"])
        def test_it(mailbox, number):
            assert mailbox.all() == []
            with smtplib.SMTP(mailbox.host, mailbox.port) as client:
                mail = f"Subject: code {number}\\r\\n\\r\\nHello"
                client.sendmail("app@a.example", ["ada@a.example"], mail)
            assert mailbox.wait_for(to="ada@a.example").code == number
    """)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=2)
