"""Findings in captured mails: made on request, and kept for the mails that were checked last."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from keyturn.hosts import site_of
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.inbox.captured_mail import RETURN_PATH, CapturedMail
from keyturn.studio.inbox.mail import MailContent
from keyturn.studio.lint.finding import Finding, Place, Severity
from keyturn.studio.lint.mail_checks import check_sent_mail
from keyturn.studio.lint.report import Report
from keyturn.studio.lint.rules import RULES
from keyturn.studio.renderers import LimitExceeded, Runner
from keyturn.studio.web.rendering.latest_values import LatestValues

_MOST = 500
_LONGEST = 512 * 1024  # characters of HTML and of text that are checked
_SECONDS = 10.0
_TOO_LONG = f"The HTML was not checked: it has more than {_LONGEST // 1024} KB."
_TOO_MUCH = "The HTML was not checked: it takes too much time or memory."


class CapturedChecks:
    """Checks captured mails in the renderers, one at a time, and keeps the latest reports.

    Threads may share it.
    """

    def __init__(self, runner: Runner[object], settings: StudioSettings) -> None:
        self._runner = runner
        self._settings = settings
        self._known: LatestValues[str, Report] = LatestValues(_MOST)
        self._one_at_a_time = threading.Lock()

    def last_report(self, mail_id: str) -> Report | None:
        return self._known.get(mail_id)

    def check(self, mail: CapturedMail, content: MailContent) -> bool:
        """Check a mail, which may take seconds. Return False if its report is known."""
        with self._one_at_a_time:
            if self._known.get(mail.id):
                return False
            report = self._examine(mail, content)
            self._known.put(mail.id, report.with_severities(self._settings.severity))
            return True

    def _examine(self, mail: CapturedMail, content: MailContent) -> Report:
        findings = tuple(check_message(content))
        if not content.html:
            return Report(findings)
        if max(len(content.html), len(content.text)) > _LONGEST:
            return Report(findings, not_checked=_TOO_LONG)
        clients = self._settings.clients
        try:
            of_html = self._runner.run_for(
                _SECONDS, check_sent_mail, content.html, content.text, mail.subject, clients
            )
        except (LimitExceeded, RecursionError):
            return Report(findings, not_checked=_TOO_MUCH)
        return Report((*findings, *of_html))


_HEADERS = "headers"  # stands in the place of a finding, instead of a file

_LONGEST_LINE = 998  # RFC 5322, 2.1.1, without its CRLF
_SEARCHED_HEAD = 64 * 1024  # bytes of the head that are searched for other characters than ASCII
_SEARCHED_TEXT = 64 * 1024  # characters of the text that are searched for HTML
_DOCUMENT = re.compile(
    r"\s*+(?P<tag><(?:!doctype|html|head|body|table|div|p|h[1-6]|center|style|br)\b[^<>\n]{0,40})",
    re.IGNORECASE,
)
_LINK_IN_TEXT = re.compile(
    r"(?P<tag><a\s[^<>]{0,200}?href\s{0,9}=[^<>]{1,2000}>)[^<>]{0,500}</a>", re.IGNORECASE
)
_LONG_LINES = re.compile(rb"[^\r\n]{999,}")
_MEGABYTE = 1024**2
_TOO_BIG = 25 * _MEGABYTE  # what Gmail and others take, as it was encoded
_REQUIRED: Mapping[str, Severity] = {"From": "error", "Date": "error", "Message-ID": "warning"}
_ONCE = (
    "date",
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "message-id",
    "in-reply-to",
    "references",
    "subject",
)
# Support.google.com/mail/answer/6590.
_REFUSED = re.compile(
    r"\.(?:ade|adp|apk|appx|bat|cab|chm|cmd|com|cpl|dll|dmg|exe|hta|ins|iso|isp|jar|jse?|lib"
    r"|lnk|mde|msc|msi|msix|msp|mst|nsh|pif|ps1|scr|sct|shb|sys|vbe?|vbs|vhdx?|vxd|wsc|wsf|wsh)$",
    re.IGNORECASE,
)
_UNSUBSCRIBE = re.compile(
    r"unsubscri|opt.?out|abmelden|abbestellen|désabonn|désinscri|darse de baja|cancelar (?:la "
    r")?suscripción"
    r"|disiscriv|配信停止|إلغاء الاشتراك",
    re.IGNORECASE,
)
_SIGNATURE = "dkim-signature"
_SIGNED_BY = re.compile(r"(?:^|;)\s*d\s*=\s*([\w.-]{1,253})")  # RFC 6376, 3.5
_READ = 4 * 1024  # characters of a header that are read, of so many headers of one name
_MOST_HEADERS = 20
_LONGEST_DOMAIN = 120


def check_message(content: MailContent) -> Iterator[Finding]:
    yield from _check_headers(content)
    yield from _check_alignment(content)
    yield from _check_bulk(content)
    yield from _check_text(content)
    yield from _check_bytes(content)


def _check_headers(content: MailContent) -> Iterator[Finding]:
    """Compare with RFC 5322, 3.6."""
    place = Place(_HEADERS)
    counts = Counter(name.lower() for name, _ in content.headers)
    for name, severity in _REQUIRED.items():
        if not counts[name.lower()]:
            yield RULES.finding(place, "message/missing-header", severity=severity, name=name)
    for name in _ONCE:
        count = counts[name]
        if count > 1:
            rule = "message/repeated-header"
            yield _of_header(content, name, rule, name=name.title(), count=count)
    if not content.header("subject").strip():
        yield RULES.finding(place, "message/no-subject")
    if not (content.addresses("to") or content.addresses("cc")):
        yield RULES.finding(place, "message/no-recipient")
    if not content.head[:_SEARCHED_HEAD].isascii():
        yield RULES.finding(place, "message/unencoded-header")


def _check_alignment(content: MailContent) -> Iterator[Finding]:
    """Compare the domains that DMARC compares (RFC 7489, 3.1), as far as the mail shows them."""
    senders = content.addresses("from")
    sender = _domain_of(senders[0].address) if senders else ""
    if not sender:
        return
    site = site_of(sender)
    return_path = _domain_of(content.header(RETURN_PATH).strip("<> "))
    if return_path and site_of(return_path) != site:
        rule = "message/spf-unaligned"
        yield _of_header(content, "from", rule, sender=sender, return_path=return_path)
    signers = _signers(content)
    if signers and site not in map(site_of, signers):
        rule = "message/dkim-unaligned"
        names = ", ".join(signers)
        yield _of_header(content, _SIGNATURE, rule, signers=names, sender=sender)


def _signers(content: MailContent) -> list[str]:
    """Return the domains that signed the mail."""
    signatures = [value for name, value in content.headers if name.lower() == _SIGNATURE]
    signers = []
    for signature in signatures[:_MOST_HEADERS]:
        signed_by = _SIGNED_BY.search(signature[:_READ])
        if signed_by:
            signers.append(signed_by[1].lower())
    return signers


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()[:_LONGEST_DOMAIN]


def _check_bulk(content: MailContent) -> Iterator[Finding]:
    """Compare with what Gmail and Yahoo require of bulk mail since February 2024: RFC 2369 and RFC
    8058.
    """
    unsubscribe = content.header("list-unsubscribe")
    if unsubscribe:
        has_address = "<https:" in unsubscribe.lower()
        if not has_address or not content.header("list-unsubscribe-post"):
            yield _of_header(content, "list-unsubscribe", "message/unsubscribe-not-one-click")
        return
    rule = "message/bulk-without-unsubscribe"
    precedence = content.header("precedence").lower()
    if precedence in ("bulk", "list") or content.header("list-id"):
        yield RULES.finding(Place(_HEADERS), rule)
    elif any(_UNSUBSCRIBE.search(f"{link.label} {link.address}") for link in content.links):
        yield RULES.finding(Place(_HEADERS), rule, "link", severity="warning")


def _check_text(content: MailContent) -> Iterator[Finding]:
    """Find HTML in the text part.

    A text that speaks of HTML has tags in its sentences, but is no document.
    """
    text = content.text[:_SEARCHED_TEXT]
    found = _DOCUMENT.match(text) or _LINK_IN_TEXT.search(text)
    if found:
        tag = " ".join(found["tag"].split())
        yield RULES.finding(Place("text"), "message/html-as-text", shown=tag[:40])


def _check_bytes(content: MailContent) -> Iterator[Finding]:
    place = Place("source")
    longest = max((len(line[0]) for line in _LONG_LINES.finditer(content.raw)), default=0)
    if longest:
        yield RULES.finding(place, "message/long-line", longest=longest, most=_LONGEST_LINE)
    if len(content.raw) > _TOO_BIG:
        size = len(content.raw) // _MEGABYTE
        yield RULES.finding(place, "message/too-big", size=size, most=_TOO_BIG // _MEGABYTE)
    for part in content.attachments:
        if _REFUSED.search(part.name):
            yield RULES.finding(Place("files"), "message/attachment-refused", name=part.name)


def _of_header(content: MailContent, header: str, rule: str, **words: Any) -> Finding:
    """Return a finding at the first header of a name, in small letters; its line is the number of
    the header.
    """
    names = [name.lower() for name, _ in content.headers]
    line = names.index(header) + 1 if header in names else 1
    return RULES.finding(Place(_HEADERS, line), rule, **words)
