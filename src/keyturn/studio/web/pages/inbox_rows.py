"""How mail clients list a mail: where they cut the subject and preheader, and what they add."""

import re

from msgspec import Struct

from keyturn.mail.rendering.html_tree import parse_html

# Invisible characters that senders put after a preheader, beside non-breaking spaces, so that the text of the body does
# not follow it.
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff]")
_BLANKS = re.compile(r"[ \t\r\n\f]+")


class MailClient(Struct, frozen=True):
    """The number of characters that a client shows. `line`: for both, if they share one line."""

    name: str
    subject: int
    preheader: int
    line: int | None = None


# Clients cut by the width of the letters and of the window, so numbers of characters are approximate. Subjects and
# preheaders on the iPhone: EmailTooltester's measurements (iPhone 14, upright). Outlook for Windows and Gmail's
# preheader: the table that Litmus made and others keep ("Outlook 2013 and up: 35", "Gmail in a browser: 97"). Gmail
# puts both on one line, about 120 letters in a window of 1280 pixels; its app on a phone shows about 37 and 40 of each.
CLIENTS = (
    MailClient("Gmail in a browser", 70, 97, line=120),
    MailClient("Apple Mail, iPhone", 48, 99),
    MailClient("Outlook, Windows", 60, 35),
    MailClient("Gmail, Android", 37, 40),
)


class Row(Struct, frozen=True):
    """A mail in the list of a client. `bleed`: text of the body that fills the row after the preheader."""

    client: str
    on_one_line: bool
    subject: str
    preheader: str
    bleed: str
    subject_cut: int
    preheader_cut: int


def rows(subject: str, preheader: str, html: str) -> list[Row]:
    """Return the row of each client. `*_cut`: the number of characters that it leaves out."""
    said = _without_filling(preheader)
    after = _body_after(said, _words_of(html))
    return [_row(client, subject, said, after) for client in CLIENTS]


def _row(client: MailClient, subject: str, preheader: str, after: str) -> Row:
    shown = _truncate(subject, client.subject)
    room = client.preheader if client.line is None else max(0, min(client.preheader, client.line - len(shown)))
    begun = _truncate(preheader, room)
    bleed = "" if len(preheader) > room else _visible_words(_truncate(after, room - len(preheader)))
    return Row(
        client=client.name,
        on_one_line=client.line is not None,
        subject=shown,
        preheader=begun,
        bleed=bleed,
        subject_cut=max(0, len(subject) - client.subject),
        preheader_cut=max(0, len(preheader) - room),
    )


def _truncate(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)].rstrip() + "…" if room else ""


def _visible_words(text: str) -> str:
    """Return the visible text, or nothing if only the mark of the cut is left."""
    words = " ".join(_UNSEEN.sub("", text).split())
    return "" if words == "…" else words


def _without_filling(preheader: str) -> str:
    end = len(preheader)
    while end and _is_filling(preheader[end - 1]):
        end -= 1
    return preheader[:end]


def _body_after(preheader: str, words: str) -> str:
    at = 0
    for letter in preheader:
        if _is_filling(letter):
            continue
        while at < len(words) and _is_filling(words[at]):
            at += 1
        if words[at : at + 1] != letter:
            return words
        at += 1
    return words[at:].lstrip(" ")


def _is_filling(letter: str) -> bool:
    return letter.isspace() or _UNSEEN.match(letter) is not None


def _words_of(html: str) -> str:
    return _BLANKS.sub(" ", parse_html(html).lines()).strip()
