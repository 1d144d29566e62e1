"""What an inbox shows of a mail: what it cuts, and what it adds."""

import pytest

from keyturn.mail.rendering.compiling import to_html
from keyturn.studio.web.pages.inbox_rows import CLIENTS, Row, rows

PADDING = "&#847;&zwnj;&nbsp;&#8199;&shy;" * 40
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
    "client", [client for client in CLIENTS if client.line is None], ids=lambda client: client.name
)
def test_what_is_longer_than_a_client_shows_is_cut_with_a_mark(client: object) -> None:
    assert isinstance(client, type(CLIENTS[0]))
    cut = row(client.name, "S" * 200, "P" * 200, body("P" * 200))
    assert cut.subject == "S" * (client.subject - 1) + "…"
    assert cut.preheader == "P" * (client.preheader - 1) + "…"
    assert cut.bleed == ""


def test_in_gmail_a_long_subject_leaves_less_of_the_preheader() -> None:
    preheader = "The link works until 14:32 today. If you did not ask for it, leave this mail alone."
    short, long = (row("Gmail in", subject, preheader, body(preheader)) for subject in ("Reset it", "R" * 70))
    assert short.preheader == preheader
    assert long.preheader == preheader[:49].rstrip() + "…"


def test_after_a_short_preheader_the_words_of_the_body_fill_the_row() -> None:
    assert row("Outlook", preheader="Ready.", html=body("Ready.")).bleed == "Hello Ada, somebody asked f…"


def test_without_a_preheader_all_of_the_row_is_the_body() -> None:
    outlook = row("Outlook", html=body(""))
    assert outlook.preheader == ""
    assert outlook.bleed == "Hello Ada, somebody asked for a ne…"


def test_padding_after_the_preheader_keeps_the_body_out() -> None:
    for each in rows("Welcome", "Ready.", body("Ready. " + PADDING)):
        assert (each.preheader, each.bleed) == ("Ready.", "")


def test_padding_within_the_preheader_is_not_shown() -> None:
    padding = "\u200c\u00a0" * 200
    each = row("Outlook", preheader=f"Ready. {padding}", html=body(f"Ready. {padding}"))
    assert (each.preheader, each.bleed) == ("Ready.", "")


def test_styles_titles_and_comments_are_not_read_and_images_are_by_their_text() -> None:
    html = body("", '<!-- [if mso]>x<![endif]--><style>p{}</style><img src="l.png" alt="Northwind"><p>Hel<b>lo</b></p>')
    assert row("Outlook", html=html).bleed == "Northwind Hello"


def test_a_mail_without_words_has_nothing_to_bleed() -> None:
    assert {each.bleed for each in rows("Welcome", "", "")} == {""}


def test_the_preheader_of_a_compiled_mail_is_found_in_it() -> None:
    mjml = (
        "<mjml><mj-head><mj-preview>It&#8217;s  ready</mj-preview></mj-head><mj-body><mj-section><mj-column>"
        "<mj-text>Hello Ada</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    assert row("Apple", preheader="It’s ready", html=to_html(mjml)).bleed == "Hello Ada"
