"""An audit for mails that carry a reset link (OWASP Forgot Password Cheat Sheet; OWASP ASVS 5.0, 6.4)."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from keyturn.mail.rendering.html_tree import NOT_SHOWN, Element, Text
from keyturn.studio.lint.addresses import host_of, site_of
from keyturn.studio.lint.checks.links import LOOPBACK, addresses_in, anchors, has_token, is_between, secret_in, texts_in
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
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
        return tuple(AuditItem(says, next(iter(fails), None)) for says, fails in _requirements(document))
    return ()


def _holds_token(document: Document) -> bool:
    """Tell whether the sample has a link with a token. Guessed values do not count."""
    if not document.sample.is_complete:
        return False
    links = (text for text in texts_in(document.sample.values) if has_token(text))
    return any(not _FOR_SOMETHING_ELSE.search(link.partition("?")[0]) for link in links)


def _requirements(document: Document) -> Iterator[tuple[str, Iterable[Finding]]]:
    """Yield the requirements on a reset mail, each with what fails it."""
    find, body, in_text = document.finding, document.body.offset, addresses_in(document.text)
    known = {text: secret for text in texts_in(document.sample.values) if (secret := secret_in(text))}
    hosts, links = set(map(host_of, known)), anchors(document)
    with_secret, buttons = [one for one in links if one.secret], [one for one in links if one.is_button]
    calls, secrets = with_secret or buttons[:1], {*known.values(), *(one.secret for one in with_secret)}
    one_call: Sequence[Finding] = ()
    if not calls:
        one_call = [find(body, "safety/no-call-to-action")]
    elif secrets and not with_secret:
        one_call = [find(calls[0].offset, "safety/link-without-token")]
    elif len(buttons) > 1:
        one_call = [find(buttons[1].offset, "safety/calls-to-action")]
    yield "one button", one_call
    yield (
        "https",
        (
            find(one.offset, "safety/not-https")
            for one in calls
            if not (one.address.startswith("https://") or host_of(one.address) in LOOPBACK)
        ),
    )
    yield (
        "allowed host",
        (
            find(one.offset, "safety/foreign-host", host=host)
            for one in with_secret
            if is_between(host := host_of(one.address)) or (hosts and host not in hosts)
        ),
    )
    differing = (one for one in calls if one.address not in in_text)
    yield "same link in HTML and text", (find(one.offset, "safety/link-differs") for one in differing)
    yield "no token in subject or preheader", _tokens_in_the_envelope(document, secrets)
    yield "lifetime of the link", [] if _says_a_time(document) else [find(body, "safety/no-expiry")]
    yield "what to do if you did not request it", [] if _says_not_you(document) else [find(body, "safety/not-you")]
    yield from _requirements_on_images(document, {*hosts, *(host_of(one.address) for one in links)})


def _requirements_on_images(document: Document, own: Iterable[str]) -> Iterator[tuple[str, Iterable[Finding]]]:
    sites, images = set(map(site_of, own)), (*document.elements("mj-image"), *document.html_elements("img"))
    yield "no tracker", (document.finding(one.offset, "safety/tracker") for one in images if _is_tracker(one))
    yield (
        "images from own host",
        (
            document.finding(one.offset, "safety/foreign-image", host=host)
            for one in images
            if (host := host_of(one.get("src"))) and site_of(host) not in sites and host not in LOOPBACK
        ),
    )


def _tokens_in_the_envelope(document: Document, secrets: Iterable[str]) -> Iterator[Finding]:
    """Yield the places of tokens in the subject and the preheader. In plain HTML the preheader is the first text."""
    file, body = document.subject_file, document.body
    title, preview = (document.root.find(tag) for tag in ("mj-title" if document.is_mjml else "title", "mj-preview"))
    for secret in (one for one in secrets if one in document.mail.subject):
        place = title.inner.start if title else body.offset
        at = document.subject_place(max(file.find(secret), 0)) if file else place
        yield document.finding(at, "safety/token-in-subject")
    for secret in (one for one in secrets if one in document.mail.preheader):
        texts = (node for node in body.below(NOT_SHOWN) if isinstance(node, Text) and secret in node.text)
        place = preview.inner.start if preview else next((node.offset for node in texts), body.offset)
        yield document.finding(place, "safety/token-in-preheader")


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
    source, sides = image.get("src"), {image.get(side).removesuffix("px") for side in ("width", "height")}
    is_tiny = sides != {""} and sides <= {"0", "1", ""}
    return is_tiny or is_between(host_of(source)) or bool(_TRACKS.search(source))
