"""An audit for mails that carry a reset link (OWASP Forgot Password Cheat Sheet; OWASP ASVS 5.0, 6.4)."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from keyturn.mail.rendering.html_tree import NOT_SHOWN, Text
from keyturn.studio.lint.addresses import host_of, site_of
from keyturn.studio.lint.checks.links import (
    LOOPBACK,
    addresses_in,
    anchors,
    has_certain_token,
    is_between,
    secret_in,
    strings_of,
)
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place
from keyturn.studio.lint.report import AuditItem

# Other purposes of links with tokens, where no password is chosen.
_FOR_SOMETHING_ELSE = re.compile(
    r"book|calendar|cart|download|event|feedback|file|invoice|optout|opt-out|order|pay|prefer|receipt|reserv|review|rsvp"
    r"|shar|subscri|survey|ticket|track|view",
    re.IGNORECASE,
)
_TRACKS = re.compile(r"/(?:open|pixel|track|beacon|wf/open|e/o)\b|[?&](?:utm_|mc_eid|mkt_tok)", re.IGNORECASE)

# A clock, a date, or a number with a unit of time, in the languages whose mails can be judged.
_TIME = re.compile(
    r"\b20\d\d\b|\b\d{1,2}[:.]\d{2}\b|(?<!\d)\d+\s*(?:min|hour|hr|day|stunde|tag|hora|día|heure|jour|分|時間|日"
    r"|or[ae]|giorn|dia|uur|uren|dag|tim|dygn|døgn|tun|päiv|hodin|den|dn|godz|dzie|menit|jam|hari|dakika|saat|gün"
    r"|мин|час|день|дн|хв|год|доб|λεπτ|ώρ|ημέρ|דק|שע|יו|ימ|मिनट|घंट|दिन|분|시간|일|小[时時]|天)"
    r"|دقيق|دقائق|ساع|يوم|أيام|\b(?:an|one|half an) hour\b|\bone day\b",
    re.IGNORECASE,
)
_NOT_YOU = tomllib.loads(Path(__file__).with_name("not_you.toml").read_text("utf-8"))


def check_safety(document: Document, audits: Mapping[str, str] = {}) -> Iterator[Finding]:
    yield from (item.finding for item in audit(document, audits) if item.finding)


def audit(document: Document, audits: Mapping[str, str] = {}) -> tuple[AuditItem, ...]:
    """Return the requirements on a reset mail, passed or not; an empty tuple for other mails.

    A mail is a reset mail if `audits` declares it "reset" by name, or if its values have a link with a token and
    `audits` does not say "off". The link may lead to the host of the link in the values.
    """
    declared = audits.get(document.template, "")
    if declared == "reset" or (not declared and _holds_token(document)):
        return tuple(_Audit(document).items())
    return ()


def _holds_token(document: Document) -> bool:
    """Tell whether the sample has a link with a token. Guessed values do not count."""
    if not document.sample.is_complete:
        return False
    links = (text for text in strings_of(document.sample.values) if has_certain_token(text))
    return any(not _FOR_SOMETHING_ELSE.search(link.partition("?")[0]) for link in links)


class _Audit:
    """Checks the requirements on a reset mail. Each fails with its first finding."""

    def __init__(self, document: Document) -> None:
        self._document = document
        secrets = [text for text in strings_of(document.sample.values) if secret_in(text)]
        self._anchors = list(anchors(document))
        self._buttons = [anchor for anchor in self._anchors if anchor.is_button]
        self._with_secret = [anchor for anchor in self._anchors if anchor.secret]
        self._links = self._with_secret or self._buttons[:1]
        self._hosts = {host_of(address) for address in secrets}
        self._secrets = {secret_in(address) for address in secrets} | {anchor.secret for anchor in self._with_secret}
        self._visible = document.compiled.text()

    def items(self) -> Iterator[AuditItem]:
        requirements = (
            ("one button", self._one_call_to_action()),
            ("https", self._https()),
            ("allowed host", self._allowed_host()),
            ("same link in HTML and text", self._same_link_in_both_parts()),
            ("no token in subject or preheader", self._no_token_in_the_envelope()),
            ("lifetime of the link", self._expiry()),
            ("what to do if you did not request it", self._not_you()),
            ("no tracker", self._no_tracker()),
            ("images from own host", self._own_images()),
        )
        return (AuditItem(says, next(findings, None)) for says, findings in requirements)

    def _one_call_to_action(self) -> Iterator[Finding]:
        if not self._links:
            yield self._finding("safety/no-call-to-action")
        elif self._secrets and not self._with_secret:
            yield self._finding("safety/link-without-token", self._links[0].offset)
        elif len(self._buttons) > 1:
            yield self._finding("safety/calls-to-action", self._buttons[1].offset)

    def _https(self) -> Iterator[Finding]:
        for anchor in self._links:
            address = anchor.address or ""
            if not address.startswith("https://") and host_of(address) not in LOOPBACK:
                yield self._finding("safety/not-https", anchor.offset)

    def _allowed_host(self) -> Iterator[Finding]:
        for anchor in self._with_secret:
            host = host_of(anchor.address or "")
            if is_between(host) or (self._hosts and host not in self._hosts):
                yield self._finding("safety/foreign-host", anchor.offset, host=host)

    def _same_link_in_both_parts(self) -> Iterator[Finding]:
        in_text = addresses_in(self._document.text)
        for anchor in self._links:
            if anchor.address not in in_text:
                yield self._finding("safety/link-differs", anchor.offset)

    def _no_token_in_the_envelope(self) -> Iterator[Finding]:
        envelope = (
            ("subject", self._document.mail.subject, self._title),
            ("preheader", self._document.mail.preheader, self._preview),
        )
        for name, text, place in envelope:
            if secret := next((secret for secret in self._secrets if secret and secret in text), ""):
                yield self._finding(f"safety/token-in-{name}", place(secret))

    def _title(self, secret: str) -> int | Place | None:
        if self._document.subject_file:
            return self._document.subject_place(max(self._document.subject_file.find(secret), 0))
        title = self._document.root.find("mj-title" if self._document.is_mjml else "title")
        return title.inner.start if title else None

    def _preview(self, secret: str) -> int | None:
        """Return the offset of the preheader. In plain HTML it is the first text."""
        if self._document.is_mjml:
            preview = self._document.root.find("mj-preview")
            return preview.inner.start if preview else None
        texts = (node for node in self._document.body.below(NOT_SHOWN) if isinstance(node, Text))
        return next((text.offset for text in texts if secret in text.text), None)

    def _expiry(self) -> Iterator[Finding]:
        values, language = self._document.sample.values.values(), self._document.language
        times = [language.clock(value) for value in values if isinstance(value, datetime)]
        times += [language.duration(value) for value in values if isinstance(value, timedelta)]
        if not (any(time in self._visible for time in times) or _TIME.search(self._visible)):
            yield self._finding("safety/no-expiry")

    def _not_you(self) -> Iterator[Finding]:
        """Look for the usual words in the mail's language. Unknown languages pass."""
        words = _NOT_YOU.get(self._document.language.locale.language, "")
        if not re.search(words, self._visible.replace("\u2011", "-"), re.IGNORECASE):  # a hyphen that breaks no line
            yield self._finding("safety/not-you")

    def _no_tracker(self) -> Iterator[Finding]:
        for offset, source, *sides in self._images():
            tiny = any(sides) and {side.removesuffix("px") for side in sides} <= {"0", "1", ""}
            if tiny or is_between(host_of(source)) or _TRACKS.search(source):
                yield self._finding("safety/tracker", offset)

    def _own_images(self) -> Iterator[Finding]:
        sites = {site_of(host_of(anchor.address or "")) for anchor in self._anchors} | set(map(site_of, self._hosts))
        for offset, source, *_ in self._images():
            host = host_of(source)
            if host and site_of(host) not in sites and host not in LOOPBACK:
                yield self._finding("safety/foreign-image", offset, host=host)

    def _images(self) -> Iterator[tuple[int, str, str, str]]:
        for element in self._document.elements("mj-image"):
            yield element.offset, element.get("src"), element.get("width"), element.get("height")
        for tag in self._document.html_elements("img"):
            yield tag.offset, tag.get("src"), tag.get("width"), tag.get("height")

    def _finding(self, rule: str, at: int | Place | None = None, *, host: str = "") -> Finding:
        at = self._document.body.offset if at is None else at
        return self._document.finding(at, rule, host=host)
