"""Where links lead, as far as their addresses tell: nothing is fetched, since a GET may use a reset link up."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import partial

from keyturn.emails.lint.checks.anchors import Anchor, anchors, host_of, site_of
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, RuleGroup, Severity
from keyturn.emails.lint.source.sample_values import is_sample_value, is_unfilled

RULES = RuleGroup(
    "links",
    "doubled-scheme",
    "empty",
    "forbidden-scheme",
    "http",
    "malformed-mailto",
    "no-host",
    "no-href",
    "no-text",
    "relative",
    "same-text",
    "third-party",
    "this-machine",
    "unknown-scheme",
    "vague-text",
)

_SCHEMES = ("https", "http", "mailto", "tel", "sms")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_MAILBOX = re.compile(r"[^\s@,<>]+@[^\s@,<>]+\.[^\s@,<>.]+")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_INSIDE = re.compile(
    r"localhost|.+\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1|host\.docker\.internal"
    r"|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+"
)
"""This machine, and networks that no reader is in (RFC 6761, 6.3; RFC 1122, 3.2.1.3; RFC 1918)."""

# "https://https://a.example", "https:https//a.example", and an address of its own behind a base: "https://a/https://b".
_TWICE = re.compile(r"https?:/*(?:https?(?::|/|%3a)|[^/?#]*https?:|[^/?#]+/https?:/)", re.IGNORECASE)

# Services that stand between a link and where it leads: they see every token that passes.
BETWEEN = frozenset((
    "bit.ly", "buff.ly", "cutt.ly", "goo.gl", "is.gd", "lnkd.in", "ow.ly", "rb.gy", "rebrand.ly", "shorturl.at", "t.co",
    "t.ly", "tiny.cc", "tinyurl.com", "clicks.mlsend.com", "ct.sendgrid.net", "email.mg", "hubspotlinks.com",
    "list-manage.com", "mandrillapp.com", "mjt.lu", "postmarkapp.com", "r.mailjet.com", "sendibm1.com", "sendgrid.net",
    "sparkpostmail.com", "awstrack.me", "createsend1.com", "klclick.com", "rs6.net",
))  # fmt: skip

# What says nothing of where a link leads when it is read alone (WCAG 2.2, 2.4.4), in the languages of the mails.
_VAGUE = frozenset((
    "click", "click here", "click this link", "here", "link", "more", "press here", "read more", "tap here", "this",
    "this link", "hier", "hier klicken", "klicken sie hier", "mehr", "aquí", "haz clic aquí", "haga clic aquí", "más",
    "cliquez ici", "cliquer ici", "ici", "en savoir plus", "こちら", "こちらをクリック", "ここをクリック",
    "هنا", "اضغط هنا", "انقر هنا",
))  # fmt: skip


def check_links(document: Document) -> Iterator[Finding]:
    targets: dict[str, str] = {}
    for anchor in anchors(document):
        find = partial(document.finding, anchor.offset)
        if anchor.address is None:
            yield find(
                RULES["no-href"], "warning", "This link has no href, so it leads nowhere.", "Give it an address."
            )
        elif not is_unfilled(anchor.address):
            yield from _of_address(document, anchor.address, anchor, find)
        yield from _of_label(anchor, targets, find)


def _of_address(document: Document, address: str, anchor: Anchor, find: "partial[Finding]") -> Iterator[Finding]:
    scheme = _SCHEME.match(address)
    if address in ("", "#"):
        severity: Severity = "error" if anchor.is_button else "warning"  # what the mail is for, or one link of several
        yield find(RULES["empty"], severity, "This link is empty, so it leads nowhere.", "Give it an address.")
    elif address.startswith("#"):
        return  # a place in this mail: compatibility says who follows it
    elif not scheme:
        yield find(
            RULES["relative"],
            "error",
            "This address has no scheme: a mail has no site that it could be relative to.",
            "Write it out, from https:// on.",
        )
    elif (name := scheme[1].lower()) in ("javascript", "data", "vbscript", "file"):
        yield find(RULES["forbidden-scheme"], "error", f"Mail clients do not follow {name}: links.", "Link to a page.")
    elif name not in _SCHEMES:
        close = get_close_matches(name, _SCHEMES, n=1)
        yield find(
            RULES["unknown-scheme"],
            "error" if close else "warning",
            f"{name}: is no scheme that mail clients follow.",
            f"Did you mean {close[0]}:?" if close else "Link to a page that leads there.",
        )
    elif name == "mailto":
        yield from _of_mailto(address, find)
    elif name in ("http", "https"):
        yield from _of_web_address(document, address, anchor, find)


def _of_mailto(address: str, find: "partial[Finding]") -> Iterator[Finding]:
    named = address.partition(":")[2].partition("?")[0]
    if named.startswith("//") or not all(_MAILBOX.fullmatch(mailbox.strip()) for mailbox in named.split(",")):
        yield find(
            RULES["malformed-mailto"],
            "error",
            "This mailto: names no mail address.",
            "Write mailto:name@host, as RFC 6068 has it.",
        )


def _of_web_address(document: Document, address: str, anchor: Anchor, find: "partial[Finding]") -> Iterator[Finding]:
    host, secret = host_of(address), bool(anchor.secret)
    if _TWICE.match(address):
        yield find(
            RULES["doubled-scheme"],
            "error",
            "This address begins with a scheme twice, so it leads nowhere.",
            "Take one away: what stands before it, a base-url, say, or a value, has one already.",
        )
        return
    if not address.lower().startswith(("http://", "https://")) or not host or " " in address:
        yield find(RULES["no-host"], "error", "This address names no host.", "Write it as https://host/path.")
    elif _INSIDE.fullmatch(host):
        yield from _inside(document, host, find)
    elif address.lower().startswith("http:"):
        open_to = "so others on the way can read its token" if secret else "so others on the way can see it"
        yield find(
            RULES["http"],
            "error" if secret and not document.guessed else "warning",
            f"The link to {host} is not encrypted, {open_to}.",
            "Use https://.",
        )
    if is_between(host):
        severity: Severity = "error" if secret and not document.guessed else "warning"
        seen = "sees the token in this link" if secret else "stands between this link and its page"
        yield find(
            RULES["third-party"],
            severity,
            f"{host} {seen}.",
            "Link straight to your own host, and switch click tracking off.",
        )


def _inside(document: Document, host: str, find: "partial[Finding]") -> Iterator[Finding]:
    """Yield that readers cannot follow a link. Data may lead here: a sample does, and what a developer's app sends."""
    if not is_sample_value(document.values, host):
        yield find(
            RULES["this-machine"],
            "error" if document.template else "note",
            f"{host} is this machine, or its network: nobody who reads the mail can follow the link.",
            "Let the app give its public address.",
        )


def _of_label(anchor: Anchor, targets: dict[str, str], find: "partial[Finding]") -> Iterator[Finding]:
    label = " ".join(anchor.label.casefold().split()).rstrip(".!… »>→")
    if not label and anchor.has_image:
        yield find(
            RULES["no-text"],
            "warning",
            "This link is an image without alt text: nobody hears where it leads.",
            "Say in alt where it leads (WCAG 1.1.1, 2.4.4).",
        )
        return
    if not label:
        yield find(RULES["no-text"], "warning", "This link has no text.", "Say where it leads (WCAG 2.4.4).")
        return
    if label in _VAGUE:
        yield find(
            RULES["vague-text"],
            "warning",
            f'"{anchor.label}" does not say where the link leads.',
            "Say it in the link, as in “Choose a new password” (WCAG 2.4.4).",
        )
    address = (anchor.address or "").rstrip("/")
    if targets.setdefault(label, address) != address:
        yield find(
            RULES["same-text"],
            "note",
            f'"{anchor.label}" leads to different addresses.',
            "Give each link a text of its own.",
        )


def is_between(host: str) -> bool:
    """Tell whether a host shortens or tracks links for others."""
    return host in BETWEEN or site_of(host) in BETWEEN
