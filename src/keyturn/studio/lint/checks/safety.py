"""An audit for mails that carry a reset link (OWASP Forgot Password Cheat Sheet; OWASP ASVS 5.0,
6.4).
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from keyturn.hosts import host_in, is_loopback, is_loopback_host, site_of
from keyturn.mail.rendering.html_tree import NOT_SHOWN, Element, Text
from keyturn.studio.lint.checks.addresses import addresses_in, has_token, is_between, secret_in
from keyturn.studio.lint.checks.anchors import Anchor, anchors
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place
from keyturn.studio.lint.report import AuditItem

# Other purposes of links with tokens, where no password is chosen.
_FOR_SOMETHING_ELSE = re.compile(
    r"book|calendar|cart|download|event|feedback|file|invoice|optout|opt-out|order|pay|prefer"
    r"|receipt|reserv|review|rsvp|shar|subscri|survey|ticket|track|view",
    re.IGNORECASE,
)
_TRACKS = re.compile(
    r"/(?:open|pixel|track|beacon|wf/open|e/o)\b|[?&](?:utm_|mc_eid|mkt_tok)", re.IGNORECASE
)

# A clock, a date, or a number with a unit of time, in the languages whose mails can be judged.
_TIME = re.compile(
    r"\b20\d\d\b|\b\d{1,2}[:.]\d{2}\b|(?<!\d)\d+\s*(?:min|hour|hr|day|stunde|tag|hora|día"
    r"|heure|jour|分|時間|日|or[ae]|giorn|dia|uur|uren|dag|tim|dygn|døgn|tun|päiv|hodin"
    r"|den|dn|godz|dzie|menit|jam|hari|dakika|saat|gün"
    r"|мин|час|день|дн|хв|год|доб|λεπτ|ώρ|ημέρ|דק|שע|יו|ימ|मिनट|घंट|दिन|분|시간|일|小[时時]|天)"
    r"|دقيق|دقائق|ساع|يوم|أيام|\b(?:an|one|half an) hour\b|\bone day\b",
    re.IGNORECASE,
)
_NOT_YOU = tomllib.loads(Path(__file__).with_name("not_you.toml").read_text("utf-8"))


def check_safety(document: Document, audits: Mapping[str, str] = {}) -> Iterator[Finding]:
    for item in audit(document, audits):
        if item.finding:
            yield item.finding


def audit(document: Document, audits: Mapping[str, str] = {}) -> tuple[AuditItem, ...]:
    """Return the requirements on a reset mail, passed or not; an empty tuple for other mails.

    A mail is one if `audits` says "reset" of its name, or if a value is a link with a token and
    `audits` is silent.
    """
    declared = audits.get(document.template, "")
    if declared and declared != "reset":
        return ()
    if not declared and not _has_reset_link(document):
        return ()
    items = []
    for says, fault in _requirements(_ResetMail.read(document)).items():
        finding = None
        if fault:
            finding = document.finding(fault.at, f"safety/{fault.rule}", host=fault.host)
        items.append(AuditItem(says, finding))
    return tuple(items)


def _has_reset_link(document: Document) -> bool:
    """Tell whether a value of a written sample is a link with a token. Guessed values do not
    count.
    """
    if not document.sample.is_complete:
        return False
    for text in document.texts_of_values():
        without_query = text.partition("?")[0]
        if has_token(text) and not _FOR_SOMETHING_ELSE.search(without_query):
            return True
    return False


class _Fault(NamedTuple):
    rule: str
    at: int | Place
    host: str = ""


@dataclass(frozen=True, kw_only=True)
class _ResetMail:
    """The parts of a reset mail that the requirements judge.

    `links`: all links, in order. `with_secret`: those of them that grant access. `buttons`: those
    that look like buttons. `calls`: those that the mail wants the reader to follow.
    `secrets`: the secrets in links and in values of the sample. `hosts`: the hosts of links with
    secrets in values of the sample, which are the app's own. `images`: all images.
    """

    document: Document
    links: Sequence[Anchor]
    with_secret: Sequence[Anchor]
    buttons: Sequence[Anchor]
    secrets: Sequence[str]
    hosts: Collection[str]
    images: Sequence[Element]

    @classmethod
    def read(cls, document: Document) -> "_ResetMail":
        links = anchors(document)
        with_secret = [link for link in links if link.secret]
        hosts: set[str] = set()
        secrets = [link.secret for link in with_secret]
        for text in document.texts_of_values():
            secret = secret_in(text)
            if secret:
                hosts.add(host_in(text))
                secrets.append(secret)
        return cls(
            document=document,
            links=links,
            with_secret=with_secret,
            buttons=[link for link in links if link.is_button],
            secrets=secrets,
            hosts=hosts,
            images=[*document.elements("mj-image"), *document.html_elements("img")],
        )

    @property
    def calls(self) -> Sequence[Anchor]:
        return self.with_secret or self.buttons[:1]


def _requirements(mail: _ResetMail) -> Mapping[str, _Fault | None]:
    """Return the requirements on a reset mail, each with the first place that fails it."""
    return {
        "one button": _wrong_call(mail),
        "https": _call_without_https(mail),
        "allowed host": _foreign_receiver(mail),
        "same link in HTML and text": _call_not_in_text(mail),
        "no token in subject or preheader": _token_in_the_envelope(mail),
        "lifetime of the link": _missing_lifetime(mail),
        "what to do if you did not request it": _missing_advice(mail),
        "no tracker": _tracker(mail),
        "images from own host": _foreign_image(mail),
    }


def _wrong_call(mail: _ResetMail) -> _Fault | None:
    if not mail.calls:
        return _Fault("no-call-to-action", mail.document.body.offset)
    elif mail.secrets and not mail.with_secret:
        return _Fault("link-without-token", mail.calls[0].offset)
    elif len(mail.buttons) > 1:
        return _Fault("calls-to-action", mail.buttons[1].offset)
    return None


def _call_without_https(mail: _ResetMail) -> _Fault | None:
    for call in mail.calls:
        if not (call.address.startswith("https://") or is_loopback(call.address)):
            return _Fault("not-https", call.offset)
    return None


def _foreign_receiver(mail: _ResetMail) -> _Fault | None:
    """Find a link that gives its secret to another host, which could use it (OWASP Forgot
    Password Cheat Sheet, "URL Tokens").
    """
    for link in mail.with_secret:
        host = host_in(link.address)
        is_foreign = bool(mail.hosts) and host not in mail.hosts
        if is_foreign or is_between(host):
            return _Fault("foreign-host", link.offset, host)
    return None


def _call_not_in_text(mail: _ResetMail) -> _Fault | None:
    in_text = addresses_in(mail.document.text)
    for call in mail.calls:
        if call.address not in in_text:
            return _Fault("link-differs", call.offset)
    return None


def _token_in_the_envelope(mail: _ResetMail) -> _Fault | None:
    """Find a token in the subject and the preheader, which lists of mails and locked
    screens show.
    """
    for secret in mail.secrets:
        if secret in mail.document.mail.subject:
            return _Fault("token-in-subject", _place_in_subject(mail.document, secret))
        if secret in mail.document.mail.preheader:
            return _Fault("token-in-preheader", _place_in_preheader(mail.document, secret))
    return None


def _place_in_subject(document: Document, secret: str) -> int | Place:
    if document.subject:
        return document.place(max(document.subject.find(secret), 0), "subject")
    title = document.root.find("mj-title" if document.files.is_mjml else "title")
    return title.inner.start if title else document.body.offset


def _place_in_preheader(document: Document, secret: str) -> int:
    """Return where the preheader has a token. In plain HTML the preheader is the first text."""
    preview = document.root.find("mj-preview")
    if preview:
        return preview.inner.start
    for node in document.body.below(NOT_SHOWN):
        if isinstance(node, Text) and secret in node.text:
            return node.offset
    return document.body.offset


def _missing_lifetime(mail: _ResetMail) -> _Fault | None:
    if not _says_a_time(mail.document):
        return _Fault("no-expiry", mail.document.body.offset)
    return None


def _missing_advice(mail: _ResetMail) -> _Fault | None:
    if not _says_not_you(mail.document):
        return _Fault("not-you", mail.document.body.offset)
    return None


def _tracker(mail: _ResetMail) -> _Fault | None:
    for image in mail.images:
        if _is_tracker(image):
            return _Fault("tracker", image.offset)
    return None


def _foreign_image(mail: _ResetMail) -> _Fault | None:
    """Find an image of another site, which learns who opens the mail."""
    own_sites = {site_of(host) for host in mail.hosts}
    own_sites |= {site_of(host_in(link.address)) for link in mail.links}
    for image in mail.images:
        host = host_in(image.get("src"))
        is_own = site_of(host) in own_sites or is_loopback_host(host)
        if host and not is_own:
            return _Fault("foreign-image", image.offset, host)
    return None


def _says_a_time(document: Document) -> bool:
    visible = document.compiled.text()
    for value in document.sample.values.values():
        if isinstance(value, datetime) and document.language.clock(value) in visible:
            return True
        if isinstance(value, timedelta) and document.language.duration(value) in visible:
            return True
    return bool(_TIME.search(visible))


def _says_not_you(document: Document) -> bool:
    """Look for the usual words in the mail's language. Unknown languages pass."""
    words = _NOT_YOU.get(document.language.locale.language, "")
    visible = document.compiled.text().replace("\u2011", "-")  # a hyphen that breaks no line
    return bool(re.search(words, visible, re.IGNORECASE))


def _is_tracker(image: Element) -> bool:
    source = image.get("src")
    sides = {image.get(side).removesuffix("px") for side in ("width", "height")}
    is_tiny = sides != {""} and sides <= {"0", "1", ""}
    return is_tiny or is_between(host_in(source)) or bool(_TRACKS.search(source))
