"""What an inbox shows of a mail: what it cuts, and what it adds."""

import pytest

from keyturn.mail.rendering.compiling import to_html
from keyturn.studio.web.pages.inbox_rows import Row, rows

PADDING, BLANKS = "&#847;&zwnj;&nbsp;&#8199;&shy;" * 40, "\u200c\u00a0" * 200
SAYS = "<p>Hello Ada, somebody asked for a new password for your account. If it was you, choose it here.</p>"


def row(client: str, subject: str = "Welcome", preheader: str = "", html: str = SAYS) -> Row:
    return next(each for each in rows(subject, preheader, html) if each.client.startswith(client))


def body(preheader: str, after: str = SAYS) -> str:
    hidden = f'<div style="display:none">{preheader}</div>' if preheader else ""
    return f"<html><head><title>T</title><style>p {{}}</style></head><body>{hidden}{after}</body></html>"


def test_a_short_subject_and_a_long_preheader_are_shown_as_they_are() -> None:
    preheader = "x" * 35
    outlook = row("Outlook", "Welcome", preheader, body(preheader))
    assert (outlook.subject, outlook.preheader, outlook.bleed) == ("Welcome", preheader, "")


@pytest.mark.parametrize(
    ("client", "of_subject", "of_preheader"), [("Apple", 48, 99), ("Outlook", 60, 35), ("Gmail, A", 37, 40)]
)
def test_what_is_longer_than_a_client_shows_is_cut_with_a_mark(client: str, of_subject: int, of_preheader: int) -> None:
    cut = row(client, "S" * 200, "P" * 200, body("P" * 200))
    assert cut.subject == "S" * (of_subject - 1) + "…"
    assert cut.preheader == "P" * (of_preheader - 1) + "…"
    assert cut.bleed == ""


def test_in_gmail_a_long_subject_leaves_less_of_the_preheader() -> None:
    preheader = "The link works until 14:32 today. If you did not ask for it, leave this mail alone."
    short, long = (row("Gmail in", subject, preheader, body(preheader)) for subject in ("Reset it", "R" * 70))
    assert short.preheader == preheader
    assert long.preheader == preheader[:49].rstrip() + "…"


IMAGE = '<!-- [if mso]>x<![endif]--><style>p{}</style><img src="l.png" alt="Northwind"><p>Hel<b>lo</b></p>'


@pytest.mark.parametrize(
    ("preheader", "html", "shown", "bleed"),
    [
        ("Ready.", body("Ready."), "Ready.", "Hello Ada, somebody asked f…"),
        ("", body(""), "", "Hello Ada, somebody asked for a ne…"),
        ("Ready.", body("Ready. " + PADDING), "Ready.", ""),
        (f"Ready. {BLANKS}", body(f"Ready. {BLANKS}"), "Ready.", ""),
        ("", body("", IMAGE), "", "Northwind Hello"),
        ("", "", "", ""),
    ],
    ids=["a short preheader", "none", "padding after it", "padding within it", "styles and images", "no words"],
)
def test_the_words_of_the_body_fill_what_the_preheader_leaves(
    preheader: str, html: str, shown: str, bleed: str
) -> None:
    outlook = row("Outlook", preheader=preheader, html=html)
    assert (outlook.preheader, outlook.bleed) == (shown, bleed)


def test_the_preheader_of_a_compiled_mail_is_found_in_it() -> None:
    mjml = (
        "<mjml><mj-head><mj-preview>It&#8217;s  ready</mj-preview></mj-head><mj-body><mj-section><mj-column>"
        "<mj-text>Hello Ada</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    assert row("Apple", preheader="It’s ready", html=to_html(mjml)).bleed == "Hello Ada"
