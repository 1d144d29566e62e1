"""What is said of a captured mail: its HTML as of any mail, and its headers, lines and files as receivers see them."""

from contextlib import closing
from email.message import EmailMessage

import pytest
from tests.studio.inbox.mails import mail
from tests.studio.web.fixtures import Client

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.inbox.captured_mail import Envelope
from keyturn.studio.inbox.mail import MailContent
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.lint.check import examine
from keyturn.studio.renderers import LimitExceeded, Limits, RendererPool, Runner
from keyturn.studio.web.checks.captured_checks import CapturedChecks, check_message

pytestmark = pytest.mark.slow

GOOD = (
    b"From: App <app@a.example>\r\nTo: ada@b.example\r\nDate: Fri, 20 Nov 2026 14:02:11 +0000\r\n"
    b"Message-ID: <1@a>\r\nSubject: Hi\r\n"
)
BODY = b"\r\nHello\r\n"


def rules(raw: bytes, return_path: str) -> list[str]:
    envelope = Envelope(sender=return_path, recipients=("ada@b.example",))
    return [finding.rule.partition("/")[2] for finding in check_message(MailContent(envelope.headers + raw))]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (GOOD + BODY, []),
        (GOOD + BODY * (26 * 1024**2 // len(BODY) + 1), ["too-big"]),
        (BODY, ["missing-header", "missing-header", "missing-header", "no-subject", "no-recipient"]),
        (GOOD + b"Subject: again\r\n" + BODY, ["repeated-header"]),
        (GOOD.replace(b"Hi", b"Gr\xc3\xbc\xc3\x9fe") + BODY, ["unencoded-header"]),
        (GOOD + b"DKIM-Signature: v=1; d=mailer.example; s=x\r\n" + BODY, ["dkim-unaligned"]),
        (GOOD + b"DKIM-Signature: v=1; d=mail.a.example; s=x\r\n" + BODY, []),
        (GOOD.replace(b"@a.example", b"@a.test") + b"DKIM-Signature: v=1; d=mail.a.test\r\n" + BODY, ["spf-unaligned"]),
        (GOOD + b"Precedence: bulk\r\n" + BODY, ["bulk-without-unsubscribe"]),
        (GOOD + b"\r\nhttps://a.example/unsubscribe?u=1\r\n", ["bulk-without-unsubscribe"]),
        (GOOD + b"List-Unsubscribe: <mailto:off@a.example>\r\n" + BODY, ["unsubscribe-not-one-click"]),
        (GOOD + b"List-Unsubscribe: <https://a.example/off>\r\n" + BODY, ["unsubscribe-not-one-click"]),
        (
            GOOD
            + b"List-Unsubscribe: <https://a.example/off>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            + BODY,
            [],
        ),
        (GOOD + b"\r\n" + b"x" * 999 + b"\r\n", ["long-line"]),
        (GOOD + b"\r\n" + b"x" * 998 + b"\r\n", []),
    ],
)
def test_each_is_found(raw: bytes, found: list[str]) -> None:
    assert rules(raw, "app@a.example") == found


@pytest.mark.parametrize(("return_path", "found"), [("bounce@mailer.test", ["spf-unaligned"]), ("", [])])
def test_bounces_that_go_elsewhere_are_told(return_path: str, found: list[str]) -> None:
    assert rules(GOOD + BODY, return_path) == found


def test_a_file_that_gmail_refuses_is_named() -> None:
    message = EmailMessage()
    message.set_content("x")
    for name in ("report.pdf", "setup.EXE"):
        message.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename=name)
    found = {each.rule: each.message for each in check_message(MailContent(bytes(message)))}
    assert found["message/attachment-refused"] == "Gmail refuses mails with a file like setup.EXE."


def test_html_is_checked_as_that_of_a_template_and_told_without_one() -> None:
    html = '<html><body><a href="/reset">Reset</a>\n<img src="https://a.example/x.png"></body></html>'
    found = {finding.rule: finding for finding in examine(None, html, "", "x")}
    assert {"links/relative", "parity/no-text", "sizes/image-without-width"} <= found.keys()
    assert str(found["sizes/image-without-width"].place) == "HTML:2:1"
    assert "template" not in found["parity/no-text"].fix


def test_checks_that_would_not_end_are_ended() -> None:
    css = "".join(f".c{number} .d{number}{{color:#123}}" for number in range(2_000))
    endless = f"<style>{css}</style>" + '<p class="c1">x</p>' * 2_000
    with closing(RendererPool(None, Limits(), most=1)) as runner, pytest.raises(LimitExceeded):
        runner.run_for(0.5, examine, endless, "x", "x")


def test_the_page_has_the_findings_with_their_lines(client: Client, captured: CapturedMails) -> None:
    html = '<html><body>\n<a href="/reset">Reset</a><img src="https://a.example/lamp.png" alt=""></body></html>'
    mail_id = captured.add(bytes(mail(html=html)))
    page = client.get(f"/studio/inbox/{mail_id}?tab=checks").text
    rules = ("links/relative", "message/missing-header")
    for said in (*rules, "HTML:2:4", "&lt;a", "before Gmail cuts the mail"):
        assert said in page
    page = client.get(f"/studio/inbox/{mail_id}").text
    assert 'class="count error"' in page
    assert "Apple Mail, iPhone" in page, "its row in inboxes"


@pytest.mark.long
def test_a_mail_without_html_or_with_too_much_is_checked_as_far_as_possible(
    client: Client, captured: CapturedMails
) -> None:
    plain, long = captured.add(bytes(mail())), captured.add(bytes(mail(html="<p>x</p>" * 70_000)))
    page = client.get(f"/studio/inbox/{plain}?tab=checks").text
    assert "message/missing-header" in page
    assert "The text part has 10 bytes." in page
    assert "before Gmail" not in page
    assert "The HTML was not checked: it has more than 512 KB." in client.get(f"/studio/inbox/{long}?tab=checks").text


def test_the_severities_of_a_team_hold_for_captured_mails(captured: CapturedMails) -> None:
    checks = CapturedChecks(
        Runner(None), StudioSettings(severity={"message/missing-header": "note", "message/no-subject": "off"})
    )
    name = captured.add(BODY)
    checks.check(captured.find(name), MailContent(captured.raw(captured.find(name))))
    report = checks.last_report(name)
    assert report
    assert {one.severity for one in report.found if one.rule == "message/missing-header"} == {"note"}
    assert "message/no-subject" not in {one.rule for one in report.findings}
