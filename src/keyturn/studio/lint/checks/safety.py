"""An audit for mails that carry a reset link (OWASP Forgot Password Cheat Sheet; OWASP ASVS 5.0,
6.4).
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from keyturn.hosts import host_in, is_loopback, is_loopback_host, site_of
from keyturn.mail.rendering.html_tree import NOT_SHOWN, Element, Text
from keyturn.studio.lint.checks.links import (
    addresses_in,
    anchors,
    has_token,
    is_between,
    secret_in,
    texts_in,
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
_TRACKS = re.compile(
    r"/(?:open|pixel|track|beacon|wf/open|e/o)\b|[?&](?:utm_|mc_eid|mkt_tok)", re.IGNORECASE
)

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

    A mail is one if `audits` says "reset" of its name, or if a value is a link with a token and
    `audits` is silent.
    """
    declared = audits.get(document.template, "")
    # Guessed values do not count.
    texts = texts_in(document.sample.values) if document.sample.is_complete and not declared else ()
    tokens = (
        text
        for text in texts
        if has_token(text) and not _FOR_SOMETHING_ELSE.search(text.partition("?")[0])
    )
    if declared != "reset" and not any(tokens):
        return ()
    every = ((says, next(iter(faults), None)) for says, faults in _requirements(document).items())
    return tuple(
        AuditItem(
            says,
            document.finding(fault.at, f"safety/{fault.rule}", host=fault.host) if fault else None,
        )
        for says, fault in every
    )


class _Fault(NamedTuple):
    rule: str
    at: int | Place
    host: str = ""


def _requirements(document: Document) -> Mapping[str, Iterable[_Fault]]:
    """Return the requirements on a reset mail, each with what fails it."""
    body, in_text, links = document.body.offset, addresses_in(document.text), anchors(document)
    known = {
        text: secret for text in texts_in(document.sample.values) if (secret := secret_in(text))
    }
    hosts = {*map(host_in, known)}
    sites = {site_of(host) for host in {*hosts, *(host_in(one.address) for one in links)}}
    with_secret, buttons = (
        [one for one in links if one.secret],
        [one for one in links if one.is_button],
    )
    calls, secrets = (
        with_secret or buttons[:1],
        {*known.values(), *(one.secret for one in with_secret)},
    )
    receivers = [(one.offset, host_in(one.address)) for one in with_secret]
    images = [*document.elements("mj-image"), *document.html_elements("img")]
    sources = [(one.offset, host_in(one.get("src"))) for one in images]
    wrong_call: Sequence[_Fault] = ()
    if not calls:
        wrong_call = [_Fault("no-call-to-action", body)]
    elif secrets and not with_secret:
        wrong_call = [_Fault("link-without-token", calls[0].offset)]
    elif len(buttons) > 1:
        wrong_call = [_Fault("calls-to-action", buttons[1].offset)]
    unsafe = (
        one for one in calls if not (one.address.startswith("https://") or is_loopback(one.address))
    )
    foreign = (one for one in receivers if is_between(one[1]) or (hosts and one[1] not in hosts))
    from_others = (
        one
        for one in sources
        if one[1] and site_of(one[1]) not in sites and not is_loopback_host(one[1])
    )
    return {
        "one button": wrong_call,
        "https": (_Fault("not-https", one.offset) for one in unsafe),
        "allowed host": (_Fault("foreign-host", *one) for one in foreign),
        "same link in HTML and text": (
            _Fault("link-differs", one.offset) for one in calls if one.address not in in_text
        ),
        "no token in subject or preheader": _tokens_in_the_envelope(document, secrets),
        "lifetime of the link": () if _says_a_time(document) else [_Fault("no-expiry", body)],
        "what to do if you did not request it": ()
        if _says_not_you(document)
        else [_Fault("not-you", body)],
        "no tracker": (_Fault("tracker", one.offset) for one in images if _is_tracker(one)),
        "images from own host": (_Fault("foreign-image", *one) for one in from_others),
    }


def _tokens_in_the_envelope(document: Document, secrets: Iterable[str]) -> Iterator[_Fault]:
    """Yield the places of tokens in the subject and the preheader.

    In plain HTML the preheader is the first text.
    """
    file, body = document.subject, document.body
    title = document.root.find("mj-title" if document.files.is_mjml else "title")
    preview = document.root.find("mj-preview")
    for secret in secrets:
        if secret in document.mail.subject:
            at = title.inner.start if title else body.offset
            yield _Fault(
                "token-in-subject",
                document.place(max(file.find(secret), 0), "subject") if file else at,
            )
        if secret in document.mail.preheader:
            texts = (
                node.offset
                for node in body.below(NOT_SHOWN)
                if isinstance(node, Text) and secret in node.text
            )
            yield _Fault(
                "token-in-preheader", preview.inner.start if preview else next(texts, body.offset)
            )


def _says_a_time(document: Document) -> bool:
    visible, values = document.compiled.text(), document.sample.values.values()
    times = [document.language.clock(value) for value in values if isinstance(value, datetime)]
    times += [document.language.duration(value) for value in values if isinstance(value, timedelta)]
    return any(time in visible for time in times) or bool(_TIME.search(visible))


def _says_not_you(document: Document) -> bool:
    """Look for the usual words in the mail's language. Unknown languages pass."""
    words = _NOT_YOU.get(document.language.locale.language, "")
    visible = document.compiled.text().replace("\u2011", "-")  # a hyphen that breaks no line
    return bool(re.search(words, visible, re.IGNORECASE))


def _is_tracker(image: Element) -> bool:
    source, sides = (
        image.get("src"),
        {image.get(side).removesuffix("px") for side in ("width", "height")},
    )
    is_tiny = sides != {""} and sides <= {"0", "1", ""}
    return is_tiny or is_between(host_in(source)) or bool(_TRACKS.search(source))
