"""Where links lead, as far as their addresses tell: nothing is fetched, since a GET may use a reset link up."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import partial

from keyturn.emails.lint.checks.anchors import Anchor, anchors, host_of, site_of
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, RuleGroup, Severity
from keyturn.emails.lint.source.sample_values import is_unfilled

RULES = RuleGroup(
    "links", "empty", "forbidden-scheme", "http", "malformed-mailto", "no-host", "no-href", "no-text", "relative",
    "same-text", "third-party", "unknown-scheme", "vague-text",
)  # fmt: skip

_SCHEMES = ("https", "http", "mailto", "tel", "sms")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_MAILBOX = re.compile(r"[^\s@,<>]+@[^\s@,<>]+\.[^\s@,<>.]+")
LOOPBACK = ("localhost", "127.0.0.1", "::1")

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
            yield from _of_address(anchor.address, anchor, find)
        yield from _of_label(anchor, targets, find)


def _of_address(address: str, anchor: Anchor, find: "partial[Finding]") -> Iterator[Finding]:
    scheme = _SCHEME.match(address)
    if address in ("", "#"):
        yield find(RULES["empty"], "error", "This link is empty, so it leads nowhere.", "Give it an address.")
    elif address.startswith("#"):
        return  # a place in this mail: compatibility says who follows it
    elif not scheme:
        yield find(
            RULES["relative"], "error", "This address has no scheme: a mail has no site that it could be relative to.",
            "Write it out, from https:// on.",
        )  # fmt: skip
    elif (name := scheme[1].lower()) in ("javascript", "data", "vbscript", "file"):
        yield find(RULES["forbidden-scheme"], "error", f"Mail clients do not follow {name}: links.", "Link to a page.")
    elif name not in _SCHEMES:
        close = get_close_matches(name, _SCHEMES, n=1)
        yield find(
            RULES["unknown-scheme"], "error" if close else "warning", f"{name}: is no scheme that mail clients follow.",
            f"Did you mean {close[0]}:?" if close else "Link to a page that leads there.",
        )  # fmt: skip
    elif name == "mailto":
        yield from _of_mailto(address, find)
    elif name in ("http", "https"):
        yield from _of_web_address(address, anchor, find)


def _of_mailto(address: str, find: "partial[Finding]") -> Iterator[Finding]:
    named = address.partition(":")[2].partition("?")[0]
    if named.startswith("//") or not all(_MAILBOX.fullmatch(mailbox.strip()) for mailbox in named.split(",")):
        yield find(
            RULES["malformed-mailto"], "error", "This mailto: names no mail address.",
            "Write mailto:name@host, as RFC 6068 has it.",
        )  # fmt: skip


def _of_web_address(address: str, anchor: Anchor, find: "partial[Finding]") -> Iterator[Finding]:
    host = host_of(address)
    if not address.lower().startswith(("http://", "https://")) or not host or " " in address:
        yield find(RULES["no-host"], "error", "This address names no host.", "Write it as https://host/path.")
    elif address.lower().startswith("http:") and host not in LOOPBACK:
        yield find(RULES["http"], "warning", f"The link to {host} is not encrypted.", "Use https://.")
    if is_between(host):
        severity: Severity = "error" if anchor.secret else "warning"
        seen = "sees the token in this link" if anchor.secret else "stands between this link and its page"
        yield find(
            RULES["third-party"], severity, f"{host} {seen}.",
            "Link straight to your own host, and switch click tracking off.",
        )  # fmt: skip


def _of_label(anchor: Anchor, targets: dict[str, str], find: "partial[Finding]") -> Iterator[Finding]:
    label = " ".join(anchor.label.casefold().split()).rstrip(".!… »>→")
    if not label and anchor.has_image:
        yield find(
            RULES["no-text"], "error", "This link is an image without alt text: nobody hears where it leads.",
            "Say in alt where it leads (WCAG 1.1.1, 2.4.4).",
        )  # fmt: skip
        return
    if not label:
        yield find(RULES["no-text"], "warning", "This link has no text.", "Say where it leads (WCAG 2.4.4).")
        return
    if label in _VAGUE:
        yield find(
            RULES["vague-text"], "warning", f'"{anchor.label}" does not say where the link leads.',
            "Say it in the link, as in “Choose a new password” (WCAG 2.4.4).",
        )  # fmt: skip
    address = (anchor.address or "").rstrip("/")
    if targets.setdefault(label, address) != address:
        yield find(
            RULES["same-text"], "note", f'"{anchor.label}" leads to different addresses.',
            "Give each link a text of its own.",
        )  # fmt: skip


def is_between(host: str) -> bool:
    """Tell whether a host shortens or tracks links for others."""
    return host in BETWEEN or site_of(host) in BETWEEN
