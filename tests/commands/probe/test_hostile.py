"""An application that is hostile to the probe: it neither ends nor holds it, nor leads it to
another host.
"""

import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.commands.probe.faulty_app import ANN, BOB, Shop
from tests.commands.probe.test_attacks import FORMS, PATIENCE, inbox, names, story
from tests.servers.serving import send_answer, serving

from keyturn.probe.attack import AttackVerdict, CannotProbe
from keyturn.probe.browser import Web
from keyturn.probe.calls import forms_of
from keyturn.probe.mails import ReceivedMails
from keyturn.probe.page import Page
from keyturn.probe.probe import play
from keyturn.probe.run import Run
from keyturn.probe.target import Target
from keyturn.studio.inbox.captured_mail import CapturedMail
from keyturn.studio.inbox.store import CapturedMails

pytestmark = pytest.mark.long


@pytest.mark.parametrize("permission", ["<!doctype html>", "a" * 31, "a" * 31 + "é"])
async def test_permission_is_minted(permission: str) -> None:
    """A permission that the probe did not make is refused, before the other host is asked."""
    web = Web("https://shop.invalid", 1)
    with pytest.raises(CannotProbe, match="not one that the probe made"):
        await web.require_permission(permission)
    await web.aclose()


async def test_localhost_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name below localhost leads to this machine, even if the resolver names another (RFC 6761,
    6.3).
    """
    hosts = []

    async def app(scope: Any, _: Any, send: Any) -> None:
        hosts.append(dict(scope["headers"])[b"host"].decode())
        await send_answer(send, 200, b"here", {})

    resolve = socket.getaddrinfo

    def elsewhere(host: Any, *args: Any, **options: Any) -> Any:
        is_named = str(host).endswith("localhost")
        return resolve("203.0.113.5" if is_named else host, *args, **options)

    with serving(app) as url:
        port = url.rpartition(":")[2]
        monkeypatch.setattr(socket, "getaddrinfo", elsewhere)
        web = Web(f"http://victim.localhost:{port}", 10)
        page = await web.send("GET", f"{web.origin}/")
        await web.aclose()

    assert page.body == "here"
    assert hosts == [f"victim.localhost:{port}"]


def test_page_of_many_forms() -> None:
    """Of a page, the first fifty forms are looked at."""
    body = "<form method=post><input name=email>" * 10_000
    headers = (("content-type", "text/html"),)
    page = Page(
        method="GET",
        url="http://127.0.0.1/",
        sent="",
        status=200,
        headers=headers,
        body=body,
        seconds=0,
    )
    assert len(forms_of(page)) == 50


def test_long_mail() -> None:
    """Of a mail, a report has a short subject, its text is cut, and an endless token counts as
    none.
    """
    mails = CapturedMails()
    link = f"http://127.0.0.1/reset?token={'1' * 5_000}"
    mails.add(f"Subject: {'s' * 900}\nTo: {ANN}\n\n{link}\n{'x' * 300_000}\n".encode())
    (mail,) = ReceivedMails(mails).mails

    assert len(mail.subject) == 200
    assert len(mail.text) == 200_000
    assert mail.token == ""


class BrokenMails(CapturedMails):
    """Mails of which those after the first story cannot be read, as if Python's own parser
    failed.
    """

    def raw(self, row: CapturedMail) -> bytes:
        if row.number > 2:
            raise ValueError("Exceeds the limit (4300 digits) for integer string conversion")
        return super().raw(row)


async def test_failing_attack_is_not_tried() -> None:
    """Whatever an attack raises is its outcome: it was not tried, and the others are."""
    async with AsyncExitStack() as stack:
        mails, port = inbox(stack, BrokenMails())
        shop = Shop(port)
        shop.base_url = stack.enter_context(serving(shop.app()))
        target = Target(url=shop.base_url, accounts=[ANN, BOB], **FORMS)
        report = await play(
            Run(target, mails, PATIENCE), only=["link-twice", "page-framed", "token-in-cookie"]
        )

    assert names(report, AttackVerdict.FAILED) == set(), story(report)
    assert (
        "link-twice: not-tried: The probe does not understand an answer or a mail of the "
        "application (ValueError)." in (story(report))
    )
    assert "page-framed: passed" in story(report)
