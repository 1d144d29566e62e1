"""What receivers said of a captured mail, and what they will look at, in words for people who design mails.

Receivers write their results into headers: Authentication-Results (RFC 8601), Received-SPF (RFC 7208, 9.1), and those
of ARC (RFC 8617) and of spam filters. Anyone can write such headers, so they are read up to a bound and never decide
anything. Nothing is looked up, and no score is made up.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Literal

import msgspec

from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.summary import Summary
from keyturn.emails.lint.checks.links import site_of

Tone = Literal["good", "bad", "open"]
"""In order, a problem, or nothing that the mail shows."""

_LONGEST = 4 * 1024
_MOST_HEADERS = 20
_MOST_RESULTS = 30
_MOST_TESTS = 20
_SHORT = 120


class SpamTest(msgspec.Struct, frozen=True):
    name: str
    points: float | None


class Remark(msgspec.Struct, frozen=True):
    """A sentence on a mail.

    `by`: the server that says so, or empty. `result`: its own word, such as "softfail". `tests`: those of a spam filter
    that added or took off most points.
    """

    topic: str
    tone: Tone
    words: str
    by: str = ""
    result: str = ""
    tests: tuple[SpamTest, ...] = ()


class Receivers(msgspec.Struct, frozen=True):
    """`results`: of servers that received the mail. `spam`: of their filters. `looks_at`: what the next one sees."""

    results: tuple[Remark, ...]
    spam: tuple[Remark, ...]
    looks_at: tuple[Remark, ...]


def receivers_of(content: MailContent, summary: Summary) -> Receivers:
    results = tuple(dict.fromkeys(islice(_results(content), _MOST_RESULTS)))
    return Receivers(results, tuple(_spam_scores(content)), tuple(_looks_at(content, summary)))


_NAMES = {"iprev": "Reverse DNS", "auth": "Login"}
"""Of methods that are no abbreviation."""

_WORDS = {
    "spf pass": "The server that sent the mail may send for {domain}.",
    "spf fail": "The SPF record of {domain} does not allow the server that sent the mail. Add the server to it.",
    "spf softfail": "The SPF record of {domain} does not expect mail from this server. Add the server to it.",
    "spf neutral": "The SPF record of {domain} leaves open whether this server may send for it.",
    "spf none": "There is no SPF record for {domain}, which would list its servers.",
    "spf permerror": "The SPF record of {domain} has a mistake.",
    "dkim pass": "The signature of {domain} is valid, so the mail was not changed on the way.",
    "dkim fail": "The signature of {domain} is not valid: the mail was changed on the way, or DNS has another key.",
    "dkim none": "The mail has no signature.",
    "dkim permerror": "The signature of {domain} or its key in DNS has a mistake.",
    "dmarc pass": "From is proven: SPF or DKIM passed for {domain}.",
    "dmarc fail": "From is not proven: neither SPF nor DKIM passed for {domain}. Many servers refuse such mails.",
    "dmarc none": "There is no DMARC record for {domain}. Gmail and Yahoo require one of those who send in bulk.",
    "dmarc permerror": "The DMARC record of {domain} has a mistake.",
    "arc pass": "The servers on the way sealed their results, and the seals are valid.",
    "arc fail": "A seal of the servers on the way is not valid.",
    "arc none": "No server on the way sealed its results.",
    "iprev pass": "The address and the name of the sending server belong together in DNS.",
    "iprev fail": "The address and the name of the sending server do not belong together in DNS.",
    "auth pass": "The sender was logged in at the server.",
}
"""The words of a method's result. A result without them is quoted."""

_LATER = "The record in DNS could not be read at that moment. Servers usually try again."
_BAD = frozenset(("spf none", "dkim none", "dmarc none"))
_BAD_RESULTS = ("fail", "hardfail", "softfail", "permerror")
_DOMAINS = {
    "spf": ("smtp.mailfrom", "smtp.helo"), "dkim": ("header.d", "header.i"), "dmarc": ("header.from",),
}  # fmt: skip
_RESULT = re.compile(r"\s*([A-Za-z][\w-]{0,30})\s*(?:/\s*\d{1,3}\s*)?=\s*([A-Za-z][\w-]{0,30})")
_PROPERTY = re.compile(r"\b([a-z]{1,10}\.[\w-]{1,30})\s*=\s*\"?([^\s\";]{1,300})")
_OF_ENVELOPE = re.compile(r"\benvelope-from\s*=\s*\"?<?([^\s\"<>;]{1,300})")


def failed_results(content: MailContent) -> Iterator[Remark]:
    """Yield the results of SPF, DKIM and DMARC that are a problem of the sender."""
    found = islice(_authentication_results(content, "authentication-results"), _MOST_RESULTS)
    return (one for one in found if one.topic in ("SPF", "DKIM", "DMARC") and one.result in _BAD_RESULTS)


def _results(content: MailContent) -> Iterator[Remark]:
    yield from _authentication_results(content, "authentication-results")
    if not content.header("authentication-results"):
        for value in _values(content, "received-spf"):
            envelope = _OF_ENVELOPE.search(value)
            yield _remark("spf", value.split(" ", 1)[0].lower()[:_SHORT], "", envelope[1] if envelope else "")
    yield from _authentication_results(content, "arc-authentication-results")


def _authentication_results(content: MailContent, name: str) -> Iterator[Remark]:
    for value in _values(content, name):
        parts = _without_comments(value).split(";")
        if re.match(r"\s*i\s*=\s*\d", parts[0]):  # ARC's number of the server on the way (RFC 8617, 4.1.1)
            parts = parts[1:]
        server = (parts or [""])[0].split()[:1]
        for part in parts[1:]:
            if found := _RESULT.match(part):
                method, result = found[1].lower(), found[2].lower()
                properties = dict(_PROPERTY.findall(part.lower()))
                domain = next((properties[one] for one in _DOMAINS.get(method, ()) if one in properties), "")
                yield _remark(method, result, "".join(server), domain)


def _remark(method: str, result: str, server: str, address: str) -> Remark:
    kind = f"{method} {result}"
    words = _LATER if result == "temperror" else _WORDS.get(kind, "The server says: {result}.")
    domain = address.rpartition("@")[2].strip("<>.")[:_SHORT] or "the sender's domain"
    tone: Tone = "good" if result == "pass" else "bad" if result in _BAD_RESULTS or kind in _BAD else "open"
    words = words.format(domain=domain, result=result)
    return Remark(_NAMES.get(method, method.upper()), tone, words, server[:_SHORT], result)


def _values(content: MailContent, name: str) -> list[str]:
    return [value[:_LONGEST] for key, value in content.headers if key.lower() == name][:_MOST_HEADERS]


def _without_comments(value: str) -> str:
    """Return a header without comments, which may nest, and without the semicolons in quotes (RFC 5322, 3.2)."""
    kept, depth, quoted = list[str](), 0, False
    for character in _ESCAPED.sub("?", value):
        if character == '"' and not depth:
            quoted = not quoted
        elif character in "()" and not quoted:
            depth = max(depth + (1 if character == "(" else -1), 0)
        elif not depth:
            kept.append("," if quoted and character == ";" else character)
    return "".join(kept)


_ESCAPED = re.compile(r"\\.", re.DOTALL)
_NUMBER = r"-?\d{1,6}(?:\.\d{1,6})?"
_SCORE = re.compile(rf"\b(?:score|hits)=({_NUMBER})")
_REQUIRED = re.compile(rf"\brequired=({_NUMBER})")
_OF_RSPAMD = re.compile(rf"\[\s?({_NUMBER})\s?/")
_LIMIT_OF_RSPAMD = re.compile(rf"/\s?({_NUMBER})\s?\]")
_SCORES = {
    "x-spam-status": (
        "SpamAssassin",
        "calls a mail spam",
        (_SCORE, _REQUIRED),
    ),
    "x-spamd-result": (
        "Rspamd",
        "refuses a mail",
        (_OF_RSPAMD, _LIMIT_OF_RSPAMD),
    ),
}
"""The headers of a score with its limit: the filter, what it does then, and where both stand."""

_ALONE = re.compile(rf"\s*({_NUMBER})")
_TEST = re.compile(rf"\b([A-Z][A-Z0-9_]{{2,60}})(?:[=(]({_NUMBER}))?")
_LEVEL = re.compile(r"\bSCL:(-?\d)\b")
_JUNK_LEVEL = 5
"""Of Microsoft's spam confidence level, from -1 to 9."""


def _spam_scores(content: MailContent) -> Iterator[Remark]:
    read = [score for name in _SCORES for score in _scores_with_limit(content, name)]
    yield from read
    for name in () if read else ("x-spam-score", "x-rspamd-score"):
        for value in _values(content, name)[:1]:
            if found := _ALONE.match(value):
                words = f"It gave {float(found[1]):g} points, without its limit. More points are worse."
                yield Remark("Spam filter", "open", words)
    if not read and content.header("x-spam-flag").strip().lower() == "yes":
        yield Remark("Spam filter", "bad", "It calls this mail spam.")
    for value in _values(content, "x-forefront-antispam-report")[:1]:
        if (found := _LEVEL.search(value)) and (level := int(found[1])) > -_JUNK_LEVEL:
            words = f"The spam confidence level is {level}, from -1 to 9. From {_JUNK_LEVEL} on, the mail is junk."
            yield Remark("Microsoft", "bad" if level >= _JUNK_LEVEL else "good", words)


def _scores_with_limit(content: MailContent, name: str) -> Iterator[Remark]:
    title, then, patterns = _SCORES[name]
    for value in _values(content, name)[:1]:
        numbers = [float(found[1]) for pattern in patterns if (found := pattern.search(value))]
        if len(numbers) == len(patterns):
            score, limit = numbers
            tests = [SpamTest(test, float(points) if points else None) for test, points in _TEST.findall(value)]
            tests.sort(key=lambda test: -abs(test.points or 0))
            words = f"It gave {score:g} points. From {limit:g} points on, it {then}."
            yield Remark(title, "bad" if score >= limit else "good", words, tests=tuple(tests[:_MOST_TESTS]))


def _looks_at(content: MailContent, summary: Summary) -> Iterator[Remark]:
    """Yield what the mail itself shows to a receiver, and what it cannot show."""
    bounces = summary.return_path or content.header("return-path").strip("<>")
    sender = domain_of(next((one.address for one in content.addresses("from")), ""))
    yield _on_alignment(sender, domain_of(bounces))
    yield _on_signature(content, sender)
    missing = [name for name in ("Message-ID", "Date", "Subject") if not content.header(name.lower()).strip()]
    told = f"Missing: {', '.join(missing)}. Let your mail library write them." if missing else ""
    yield Remark("Headers", "bad" if told else "good", told or "The mail has a Message-ID, a date and a subject.")
    if content.html and not content.text.strip():
        yield Remark("Text part", "bad", "The mail has HTML alone. Add a text part: spam filters compare both.")
    else:
        yield Remark("Text part", "good", "The mail has a text part.")
    yield _on_unsubscribing(content)
    yield Remark("Reputation", "open", _REPUTATION)


_REPUTATION = (
    "The reputation of your domain and server counts most, and what readers do with your mails. The mail shows neither,"
    " so no tool can tell a receiver's score from it."
)


def _on_alignment(sender: str, bounces: str) -> Remark:
    if not sender:
        return Remark("Sender", "bad", "From has no address.")
    if not bounces:
        return Remark("Sender", "open", f"From is at {sender}. The mail does not show where bounces go (Return-Path).")
    if site_of(sender) == site_of(bounces):
        return Remark("Sender", "good", f"From is at {sender}, and bounces go to {bounces}: SPF can prove From.")
    told = f"From is at {sender}, but bounces go to {bounces}: SPF cannot prove From, so only a DKIM signature of"
    return Remark("Sender", "open", f"{told} {sender} can.")


_SIGNED_BY = re.compile(r"(?:^|;)\s*d\s*=\s*([\w.-]{1,253})")


def signers_of(content: MailContent) -> list[str]:
    """Return the domains that signed the mail with DKIM (RFC 6376, 3.5). The signatures are not verified."""
    found = (_SIGNED_BY.search(value) for value in _values(content, "dkim-signature"))
    return [one[1].lower() for one in found if one]


def _on_signature(content: MailContent, sender: str) -> Remark:
    signers = signers_of(content)
    if not signers:
        told = "The mail has no DKIM signature. Your mail provider adds it when it sends, if you have set it up"
        return Remark("Signature", "open", f"{told} for {sender or 'your domain'}.")
    named = ", ".join(dict.fromkeys(signers))
    if any(site_of(domain) == site_of(sender) for domain in signers):
        return Remark("Signature", "good", f"The mail is signed by {named}, which can prove From. Receivers verify it.")
    return Remark("Signature", "bad", f"The mail is signed by {named}, which cannot prove From at {sender}.")


def _on_unsubscribing(content: MailContent) -> Remark:
    header = content.header("list-unsubscribe").lower()
    if "<https:" in header and content.header("list-unsubscribe-post"):
        return Remark("Unsubscribing", "good", "Mail clients can offer to unsubscribe with one click.")
    if header:
        return Remark("Unsubscribing", "bad", "Unsubscribing takes more than one click (RFC 8058).")
    told = "No List-Unsubscribe header. A mail that its reader asked for, such as a receipt or a code, needs none;"
    return Remark("Unsubscribing", "open", f"{told} Gmail and Yahoo require it of newsletters.")


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()[:_SHORT]
