"""A captured mail's headers, envelope, lines and files against what receivers ask of them."""

import re
from collections.abc import Iterator
from functools import partial

from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.summary import Summary
from keyturn.emails.lint.checks.anchors import site_of
from keyturn.emails.lint.finding import Finding, Place, RuleGroup

HEADERS = "headers"
"""What the places of findings name, in place of a file."""

RULES = RuleGroup(
    "message",
    "attachment-refused",
    "authentication-failed",
    "bulk-without-unsubscribe",
    "dkim-unaligned",
    "long-line",
    "missing-header",
    "no-recipient",
    "no-subject",
    "repeated-header",
    "spf-unaligned",
    "too-big",
    "unencoded-header",
    "unsubscribe-not-one-click",
)

_LONGEST_LINE = 998  # RFC 5322, 2.1.1, without its CRLF
_TOO_BIG = 25 * 1024**2  # what Gmail and others take, as it was encoded
_ONCE = ("date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject")
_REFUSED = re.compile(
    r"\.(?:ade|adp|apk|appx|bat|cab|chm|cmd|com|cpl|dll|dmg|exe|hta|ins|iso|isp|jar|jse?|lib|lnk|mde|msc|msi|msix|msp"
    r"|mst|nsh|pif|ps1|scr|sct|shb|sys|vbe?|vbs|vhdx?|vxd|wsc|wsf|wsh)$",
    re.IGNORECASE,
)  # support.google.com/mail/answer/6590
_UNSUBSCRIBE = re.compile(
    r"unsubscri|opt.?out|abmelden|abbestellen|désabonn|désinscri|darse de baja|cancelar (?:la )?suscripción"
    r"|disiscriv|配信停止|إلغاء الاشتراك",
    re.IGNORECASE,
)
_SIGNED_BY = re.compile(r"(?:^|;)\s*d\s*=\s*([\w.-]+)")
_VERDICT = re.compile(r"\b(spf|dkim|dmarc)\s*=\s*(fail|softfail|permerror|temperror)\b", re.IGNORECASE)


def check_message(content: MailContent, summary: Summary) -> Iterator[Finding]:
    yield from _check_headers(content, summary)
    yield from _check_alignment(content, summary)
    yield from _check_bulk(content)
    yield from _check_bytes(content)


def _check_headers(content: MailContent, summary: Summary) -> Iterator[Finding]:
    """Compare with RFC 5322, 3.6."""
    names = [name.lower() for name, _ in content.headers]
    for name, severity in (("From", "error"), ("Date", "error"), ("Message-ID", "warning")):
        if name.lower() not in names:
            yield RULES["missing-header"].finding(
                Place(HEADERS),
                "error" if severity == "error" else "warning",
                f"There is no {name}.",
                "Let the library that makes the mail write it: receivers take a mail without it for spam.",
            )
    for name in _ONCE:
        if names.count(name) > 1:
            yield RULES["repeated-header"].finding(
                _place(content, name),
                "error",
                f"{name.title()} stands there {names.count(name)} times.",
                "Write it once (RFC 5322, 3.6): Gmail refuses such a mail.",
            )
    if not content.header("subject").strip():
        yield RULES["no-subject"].finding(
            Place(HEADERS), "warning", "There is no subject.", "Say what the mail is about."
        )
    if not (summary.to or summary.cc):
        yield RULES["no-recipient"].finding(
            Place(HEADERS),
            "note",
            "Nobody stands in To or Cc.",
            "Write who gets it: filters mistrust a mail to nobody.",
        )
    if any(byte > 127 for byte in content.raw.partition(b"\r\n\r\n")[0][:65_536]):  # ASCII's last
        yield RULES["unencoded-header"].finding(
            Place(HEADERS),
            "warning",
            "A header has letters beyond ASCII that are not encoded.",
            "Encode them (RFC 2047): not every server takes them as they are (RFC 6532).",
        )


def _check_alignment(content: MailContent, summary: Summary) -> Iterator[Finding]:
    """Compare the domains that DMARC compares (RFC 7489, 3.1), as far as the mail tells them."""
    sender = _domain(summary.sender.address)
    return_path = _domain(summary.return_path)
    if sender and return_path and site_of(sender) != site_of(return_path):
        yield RULES["spf-unaligned"].finding(
            _place(content, "from"),
            "note",
            f"From says {sender}, and bounces go to {return_path}: SPF alone cannot pass DMARC.",
            f"Sign with DKIM as {sender}, or let bounces go to a host below it.",
        )
    signed = [
        found[1].lower()
        for name, value in content.headers
        if name.lower() == "dkim-signature" and (found := _SIGNED_BY.search(value))
    ]
    if signed and sender and all(site_of(domain) != site_of(sender) for domain in signed):
        yield RULES["dkim-unaligned"].finding(
            _place(content, "dkim-signature"),
            "warning",
            f"It is signed by {', '.join(signed)}, and From says {sender}: that signature does not pass DMARC.",
            f"Have the provider sign as {sender}.",
        )
    for name, value in content.headers:
        if name.lower() == "authentication-results":
            for verdict in _VERDICT.finditer(value):
                yield RULES["authentication-failed"].finding(
                    _place(content, "authentication-results"),
                    "warning",
                    f"A receiver found {verdict[0]}.",
                    "Mend the entry in the DNS that it speaks of.",
                )


def _check_bulk(content: MailContent) -> Iterator[Finding]:
    """Compare with what Gmail and Yahoo ask of bulk since February 2024: RFC 2369 and RFC 8058."""
    unsubscribe = content.header("list-unsubscribe")
    find = partial(RULES["bulk-without-unsubscribe"].finding, Place(HEADERS))
    fix = "Add List-Unsubscribe with an https address, and List-Unsubscribe-Post: List-Unsubscribe=One-Click."
    if not unsubscribe:
        bulk = content.header("precedence").lower() in ("bulk", "list") or content.header("list-id")
        if bulk:
            yield find("error", "It says that it is bulk, and has no List-Unsubscribe.", fix)
        elif any(_UNSUBSCRIBE.search(f"{link.label} {link.address}") for link in content.links):
            yield find("warning", "It has a link to unsubscribe, and no List-Unsubscribe.", fix)
    elif "<https:" not in unsubscribe.lower() or not content.header("list-unsubscribe-post"):
        yield RULES["unsubscribe-not-one-click"].finding(
            _place(content, "list-unsubscribe"), "warning", "Nobody can unsubscribe with one click (RFC 8058).", fix
        )


def _check_bytes(content: MailContent) -> Iterator[Finding]:
    longest = max(map(len, content.raw.splitlines()), default=0)
    if longest > _LONGEST_LINE:
        yield RULES["long-line"].finding(
            Place("source"),
            "error",
            f"A line has {longest:,} bytes; {_LONGEST_LINE} are allowed (RFC 5322, 2.1.1).",
            "Send the part as quoted-printable or base64: servers refuse such a line, or break it anywhere.",
        )
    if len(content.raw) > _TOO_BIG:
        yield RULES["too-big"].finding(
            Place("source"),
            "error",
            f"It has {len(content.raw) // 1024**2} MB; many take {_TOO_BIG // 1024**2}.",
            "Link to files instead of attaching them.",
        )
    for part in content.attachments:
        if _REFUSED.search(part.name):
            yield RULES["attachment-refused"].finding(
                Place("files"), "error", f"Gmail refuses mails with a file like {part.name}.", "Link to it instead."
            )


def _place(content: MailContent, name: str) -> Place:
    """Return the place of a header: its number among them."""
    numbers = (number for number, (each, _) in enumerate(content.headers, 1) if each.lower() == name)
    return Place(HEADERS, next(numbers, 1))


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
