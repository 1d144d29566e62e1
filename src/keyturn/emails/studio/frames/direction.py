"""A mail turned, for what does not turn by itself."""

from typing import Literal

from keyturn.emails.studio.frames.heads import insert_in_head
from keyturn.emails.studio.frames.rewriting import Rewriting


def set_direction(html: str, direction: Literal["ltr", "rtl"]) -> str:
    """Return the HTML with the direction on its page, and on what holds all of it where that waits for the text.

    MJML without a direction of its own compiles to `dir="auto"` on the element below the body.
    """
    rewriting = Rewriting(html)
    page = [tag for tag in rewriting.tags if tag.tag in ("html", "body")]
    waiting = [tag for body in page for tag in body.children if tag.get("dir") == "auto"]
    for tag in (*page, *waiting):
        rewriting.set(tag, "dir", direction)
    return rewriting.text() if page else insert_in_head(html, f"<style>html{{direction:{direction}}}</style>")
