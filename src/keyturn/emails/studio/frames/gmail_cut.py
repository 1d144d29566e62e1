"""Where Gmail cuts a mail that is too long: the element that it shows no more, marked for the page around the frame."""

from keyturn.emails.lint.checks.sizes import CLIPPED_AT
from keyturn.emails.studio.frames.rewriting import Rewriting

MARK = "data-gmail-cut"


def mark_cut(sent: str, drawn: str) -> str:
    """Return the mail that is drawn with a mark on the first element behind the cut.

    `sent` is counted: in bytes of UTF-8, before any transfer encoding. `drawn` has the same tags, with attributes more.
    """
    behind = _offset_of_cut(sent)
    if behind is None:
        return drawn
    rewriting = Rewriting(drawn)
    shown = [number for number, tag in enumerate(Rewriting(sent).tags) if tag.offset < behind]
    tags = list(rewriting.tags)
    # Without a tag behind it, the cut is in the words of the last one.
    rewriting.set(tags[min(len(shown), len(tags) - 1)], MARK, "")
    return rewriting.text()


def _offset_of_cut(html: str) -> int | None:
    encoded = html.encode()
    return len(encoded[:CLIPPED_AT].decode(errors="ignore")) if len(encoded) > CLIPPED_AT else None
