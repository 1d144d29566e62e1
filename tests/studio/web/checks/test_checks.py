"""What the studio shows of the checks: of its templates, and of captured mails with their headers
and files.
"""

import re
from pathlib import Path

import pytest
from tests.studio.inbox.mails import mail
from tests.studio.web.fixtures import AT_ONCE, RIGHT, WRONG, Client, checked_page, opened, save

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.inbox.captured_mail import Envelope
from keyturn.studio.inbox.mail import MailContent
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.web.app import Studio
from keyturn.studio.web.checks.captured_checks import check_message

pytestmark = pytest.mark.slow


def words(page: str) -> str:
    """Return what a reader sees of the tab."""
    detail = page[page.index('data-region="detail"') : page.index("</aside>")]
    return " ".join(re.sub(r"<[^>]+>", " ", detail).split())


def test_the_tab_shows_what_is_wrong_how_bad_it_is_and_leads_to_its_line(
    client: Client, folder: Path
) -> None:
    page = client.get("/studio/templates/greeting?sample=ada&tab=checks", headers=AT_ONCE).text
    assert words(page).endswith("Checking this mail.")
    assert 'data-checks="/studio/templates/greeting?sample=ada&amp;tab=checks"' in page
    save(folder, "<mj-button href", "<mj-buton href")
    said = words(client.get("/studio/templates/greeting?tab=checks").text)
    assert (
        "Error mjml/unknown-element MJML has no element &lt;mj-buton&gt;. Did you mean "
        "&lt;mj-button&gt;?" in said
    )
    assert (
        "greeting.mjml:6:1 &lt;mj-text&gt;Hello {{ name }}&lt;/mj-text&gt; &lt;mj-buton href="
        in said
    )

    save(folder, "<mj-buton href", "<mj-button href")
    save(folder, ' lang="{{ lang }}"', "", "_layout/base.mjml")
    save(folder, RIGHT, WRONG)
    page = checked_page(client, "templates/greeting?sample=ada&tab=checks")
    shown, _, rest = page.partition('<details id="notes" class="notes">')
    assert re.findall(r'class="severity (\w+)"', shown) == ["error", "warning"]
    assert set(re.findall(r'class="severity (\w+)"', rest.partition("</details>")[0])) == {"note"}
    tab = page[page.index('id="tab-checks"') : page.index('id="tab-links"')]
    assert 'title="1 error, 1 warning"' in tab
    assert '<span class="count error">1<span class="hidden"> error</span></span>' in tab
    listed = page[page.index('id="findings-of-greeting"') : page.index('id="template-notice"')]
    assert (
        '<span class="count error">1 error</span> <span class="count warning">1 warning</span>'
        in listed
    )

    save(folder, "<mj-section>", "<mj-sektion>", "_layout/base.mjml")
    save(folder, "</mj-section>", "</mj-sektion>", "_layout/base.mjml")
    page = client.get("/studio/templates/greeting?sample=ada&tab=checks&pane=details").text
    own, shared = (
        "greeting?sample=ada&amp;show=source&amp;tab=checks#L8",
        "_layout/base.mjml?tab=checks#L12",
    )
    assert f'<a href="/studio/templates/{own}">greeting.mjml:8:10</a>' in page
    assert f'<a href="/studio/files/{shared}">_layout/base.mjml:12:5</a>' in page
    assert (
        '<li id="L8">'
        in client.get("/studio/templates/greeting?sample=ada&show=source&tab=checks").text
    )


def test_the_text_part_and_the_samples_have_places_too(client: Client, folder: Path) -> None:
    (folder / "greeting" / "greeting.txt").write_text("Hello {{ nmae }}\n")
    page = client.get("/studio/templates/greeting?sample=ada&tab=checks").text
    assert '&amp;show=source&amp;file=text&amp;tab=checks#L1"' in page
    (folder / "greeting" / "samples.toml").write_text("[ada]\nname = \n")
    page = client.get("/studio/templates/greeting?tab=checks").text
    assert "Error samples/invalid" in words(page)
    assert '?show=source&amp;file=samples&amp;tab=checks#L2"' in page


def test_a_reset_mail_says_what_makes_it_safe_and_what_is_missing(
    client: Client, folder: Path
) -> None:
    token = "https://account.northwind.example/reset/kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"
    save(folder, "https://account.northwind.example/open/one", token, "greeting/samples.toml")
    said = words(client.get("/studio/templates/greeting?sample=ada&tab=checks").text)
    assert (
        "Safety of a reset mail 7 of 9 Warning Missing: lifetime of the link · what to do if you "
        "did not request it "
        "one button" in said
    )
    save(folder, "The end", "It works for 30 minutes. If it was not you, ignore this mail.")
    said = words(client.get("/studio/templates/greeting?sample=ada&tab=checks").text)
    assert "Safety of a reset mail 9 of 9 one button · https · " in said
    assert "Safety of a reset mail" not in words(
        client.get("/studio/templates/notice?tab=checks").text
    )


GOOD = (
    b"From: App <app@a.example>\r\nTo: ada@b.example\r\nDate: Fri, 20 Nov 2026 14:02:11 +0000\r\n"
    b"Message-ID: <1@a>\r\nSubject: Hi\r\n"
)
BODY = b"\r\nHello\r\n"
UNSUBSCRIBE = b"List-Unsubscribe: <https://a.example/off>\r\n"


def rules(raw: bytes, return_path: str) -> list[str]:
    envelope = Envelope(sender=return_path, recipients=("ada@b.example",))
    return [
        finding.rule.partition("/")[2]
        for finding in check_message(MailContent(envelope.headers + raw))
    ]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (GOOD + BODY, []),
        (GOOD + BODY * (26 * 1024**2 // len(BODY) + 1), ["too-big"]),
        (
            BODY,
            ["missing-header", "missing-header", "missing-header", "no-subject", "no-recipient"],
        ),
        (GOOD + b"Subject: again\r\n" + BODY, ["repeated-header"]),
        (GOOD.replace(b"Hi", b"Gr\xc3\xbc\xc3\x9fe") + BODY, ["unencoded-header"]),
        (GOOD.replace(b"\r", b"") + b"\nGr\xc3\xbc\xc3\x9fe\n", []),
        (GOOD + b"DKIM-Signature: v=1; d=mailer.example; s=x\r\n" + BODY, ["dkim-unaligned"]),
        (GOOD + b"DKIM-Signature: v=1; d=mail.a.example; s=x\r\n" + BODY, []),
        (
            GOOD.replace(b"@a.example", b"@a.test")
            + b"DKIM-Signature: v=1; d=mail.a.test\r\n"
            + BODY,
            ["spf-unaligned"],
        ),
        (GOOD + b"Precedence: bulk\r\n" + BODY, ["bulk-without-unsubscribe"]),
        (GOOD + b"\r\nhttps://a.example/unsubscribe?u=1\r\n", ["bulk-without-unsubscribe"]),
        (
            GOOD + b"List-Unsubscribe: <mailto:off@a.example>\r\n" + BODY,
            ["unsubscribe-not-one-click"],
        ),
        (GOOD + UNSUBSCRIBE + BODY, ["unsubscribe-not-one-click"]),
        (GOOD + UNSUBSCRIBE + b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + BODY, []),
        (GOOD + b"\r\n<!doctype html><p>Hello</p>\r\n", ["html-as-text"]),
        (GOOD + b"\r\n <table class=x>\r\n<tr>", ["html-as-text"]),
        (GOOD + b"\r\nHello, <a href='https://a.example/'>open it</a>\r\n", ["html-as-text"]),
        (GOOD + b"\r\nUse <p> for paragraphs, and <https://a.example/> for <b>links</b>.\r\n", []),
        (GOOD + b"Content-Type: text/html\r\n\r\n<!doctype html><p>Hello</p>\r\n", []),
        (GOOD + b"\r\n" + b"x" * 999 + b"\r\n", ["long-line"]),
        (GOOD + b"\r\n" + b"x" * 998 + b"\r\n", []),
    ],
)
def test_each_is_found(raw: bytes, found: list[str]) -> None:
    assert rules(raw, "app@a.example") == found
    if raw == GOOD + BODY:
        assert [rules(raw, to) for to in ("bounce@mailer.test", "")] == [["spf-unaligned"], []]


def test_a_file_that_gmail_refuses_is_named() -> None:
    message = mail()
    for name in ("report.pdf", "setup.EXE"):
        message.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename=name)
    found = {each.rule: each.message for each in check_message(MailContent(bytes(message)))}
    assert found["message/attachment-refused"] == "Gmail refuses mails with a file like setup.EXE."


def test_the_page_has_the_findings_with_their_lines(
    client: Client, captured: CapturedMails
) -> None:
    html = (
        '<html><body>\n<a href="/reset">Reset</a><img src="https://a.example/lamp.png" '
        'alt=""></body></html>'
    )
    mail_id = captured.add(bytes(mail(text="", html=html)))
    page = client.get(f"/studio/inbox/{mail_id}?tab=checks", headers=AT_ONCE).text
    assert "Checking this mail." in page
    page = client.get(f"/studio/inbox/{mail_id}?tab=checks", headers={"prefer": "wait"}).text
    rules = ("links/relative", "message/missing-header", "sizes/image-without-width")
    for said in (
        *rules,
        "HTML:2:4",
        "&lt;a",
        "Add a text/plain part",
        "before Gmail cuts the mail",
    ):
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
    assert (
        "The HTML was not checked: it has more than 512 KB."
        in client.get(f"/studio/inbox/{long}?tab=checks").text
    )


def test_the_severities_of_a_team_hold_for_captured_mails(
    studio: Studio, captured: CapturedMails
) -> None:
    severity = {"message/missing-header": "note", "message/no-subject": "off"}
    with opened(studio, settings=StudioSettings(severity=severity)) as client:
        shown, _, notes = client.get(
            f"/studio/inbox/{captured.add(BODY)}?tab=checks"
        ).text.partition('id="notes"')
    assert ["message/missing-header" in part for part in (shown, notes)] == [False, True]
    assert "message/no-subject" not in shown + notes
