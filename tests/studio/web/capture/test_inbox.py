"""What an inbox shows of a mail: what it cuts, and what it adds."""

import pytest

from keyturn.studio.web.frames.client_models import Row, rows

PADDING, BLANKS = "&#847;&zwnj;&nbsp;&#8199;&shy;" * 40, "\u200c\u00a0" * 200
SAYS = "<p>Hello Ada, somebody asked for a new password for your account. If it was you, choose it here.</p>"


def row(client: str, subject: str = "Welcome", preheader: str = "", html: str = SAYS) -> Row:
    return next(each for each in rows(subject, preheader, html) if each.client.startswith(client))


def body(preheader: str, after: str = SAYS) -> str:
    hidden = f'<div style="display:none">{preheader}</div>' if preheader else ""
    return f"<html><head><title>T</title><style>p {{}}</style></head><body>{hidden}{after}</body></html>"


@pytest.mark.parametrize(
    ("client", "of_subject", "of_preheader"), [("Apple", 48, 99), ("Outlook", 60, 35), ("Gmail, A", 37, 40)]
)
def test_what_is_longer_than_a_client_shows_is_cut_with_a_mark(client: str, of_subject: int, of_preheader: int) -> None:
    cut = row(client, "S" * 200, "P" * 200, body("P" * 200))
    assert cut.subject == "S" * (of_subject - 1) + "…"
    assert (cut.preheader, cut.bleed) == ("P" * (of_preheader - 1) + "…", "")


IMAGE = '<!-- [if mso]>x<![endif]--><style>p{}</style><img src="l.png" alt="Northwind"><p>Hel<b>lo</b></p>'


@pytest.mark.parametrize(
    ("preheader", "html", "shown", "bleed"),
    [
        ("x" * 35, body("x" * 35), "x" * 35, ""),
        ("Ready.", body("Ready."), "Ready.", "Hello Ada, somebody asked f…"),
        ("", body(""), "", "Hello Ada, somebody asked for a ne…"),
        ("Ready.", body("Ready. " + PADDING), "Ready.", ""),
        (f"Ready. {BLANKS}", body(f"Ready. {BLANKS}"), "Ready.", ""),
        ("", body("", IMAGE), "", "Northwind Hello"),
        ("", "", "", ""),
    ],
    ids=["long", "short", "none", "padding after it", "padding within it", "styles and images", "no words"],
)
def test_the_words_of_the_body_fill_what_the_preheader_leaves(
    preheader: str, html: str, shown: str, bleed: str
) -> None:
    outlook = row("Outlook", preheader=preheader, html=html)
    assert (outlook.preheader, outlook.bleed) == (shown, bleed)
