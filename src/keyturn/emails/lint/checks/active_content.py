"""What runs in a page and never in a mail: scripts, event handlers, frames. Forms are judged by client."""

import re
from collections.abc import Iterator

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, RuleGroup
from keyturn.mail.rendering.html_tree import Element

RULES = RuleGroup("active", "applet", "event-handler", "frame", "password-field", "refresh", "script")

_DATA = ("application/ld+json", "application/json")
"""Scripts that are data: Gmail reads what a mail is about from one (Schema.org in JSON-LD)."""

_HANDLER = re.compile(
    r"on(?:abort|animation|auxclick|before|blur|c(?:ancel|hange|lick|lose|ontextmenu|opy|ut)|dblclick|drag|drop|ended|error"
    r"|focus|hash|input|invalid|key|load|message|mouse|page|paste|pause|play|pointer|popstate|reset|resize|scroll|search"
    r"|select|submit|toggle|touch|transition|unload|wheel)[a-z]*",
    re.IGNORECASE,
)
_FRAMES = ("iframe", "frame", "frameset")


def check_active_content(document: Document) -> Iterator[Finding]:
    for tag in document.html_elements():
        yield from _of_tag(document, tag)
        handler = next((name for name in tag.attributes if _HANDLER.fullmatch(name)), None)
        if handler:
            yield document.finding(
                tag.attributes[handler].offset,
                RULES["event-handler"],
                "warning",
                f"Mail clients remove {handler}: nothing happens.",
                "Leave it out; link to a page that does it.",
            )


def _of_tag(document: Document, tag: Element) -> Iterator[Finding]:
    if tag.tag == "script" and tag.get("type").strip().lower() not in _DATA:
        yield document.finding(
            tag.offset,
            RULES["script"],
            "error",
            "Mail clients remove scripts, and filters distrust a mail that holds one.",
            "Take it out; what it does belongs on a page that the mail links to.",
        )
    elif tag.tag in _FRAMES:
        yield document.finding(
            tag.offset,
            RULES["frame"],
            "error",
            f"Mail clients remove <{tag.tag}>: what it shows is missing.",
            "Link an image to the page that it shows.",
        )
    elif tag.tag == "applet":
        yield document.finding(tag.offset, RULES["applet"], "error", "No mail client runs <applet>.", "Link to a page.")
    elif tag.tag == "meta" and tag.get("http-equiv").strip().lower() == "refresh":
        yield document.finding(
            tag.offset,
            RULES["refresh"],
            "warning",
            "Mail clients follow no refresh, and filters distrust it.",
            "Take it out.",
        )
    elif tag.tag == "input" and tag.get("type").strip().lower() == "password":
        yield document.finding(
            tag.offset,
            RULES["password-field"],
            "error",
            "A mail that asks for a password is taken for phishing, and teaches people to trust it.",
            "Link to a page of yours that asks for it.",
        )
