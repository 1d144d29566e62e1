"""How mail clients list a mail: where they cut the subject and the text that follows it."""

import re
from collections.abc import Iterator

from msgspec import Struct

from keyturn.mail.rendering.html_tree import parse_html

# Invisible characters that senders put after a preheader, so that the text of the body does not follow it.
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff]")


# Clients cut by the width of the letters and of the window, so numbers of characters are approximate. Subjects and
# preheaders on the iPhone: EmailTooltester's measurements (iPhone 14, upright). Outlook for Windows and Gmail's
# preheader: the table that Litmus made and others keep ("Outlook 2013 and up: 35", "Gmail in a browser: 97"). Gmail
# puts both on one line, about 120 letters in a window of 1280 pixels; its app on a phone shows about 37 and 40 of each.
_CLIENTS = (
    ("Gmail in a browser", 70, 97, 120),
    ("Apple Mail, iPhone", 48, 99, 0),
    ("Outlook, Windows", 60, 35, 0),
    ("Gmail, Android", 37, 40, 0),
)
"""The characters that a client shows: of a subject, of a preheader, and of both if they share a line."""


class Row(Struct, frozen=True):
    """A mail in the list of a client. `bleed`: text of the body that fills the row after the preheader."""

    client: str
    on_one_line: bool
    subject: str
    preheader: str
    bleed: str


def rows(subject: str, preheader: str, html: str) -> Iterator[Row]:
    """Yield the row of each client, which shows the text of the HTML from its beginning, hidden text first."""
    text, own = (" ".join(part.split()) for part in (parse_html(html).lines(), preheader))
    hidden = len(own) if text.startswith(own) else 0
    for client, of_subject, of_preheader, of_line in _CLIENTS:
        shown = _truncate(subject, of_subject)
        room = min(of_preheader, of_line - len(shown)) if of_line else of_preheader
        bleed = _visible(_truncate(text[hidden:], room - hidden))
        begun = _truncate(_visible(own), room)
        yield Row(client, of_line > 0, shown, begun, "" if bleed == "…" else bleed)


def _truncate(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…" if room > 0 else ""


def _visible(text: str) -> str:
    return " ".join(_UNSEEN.sub("", text).split())
