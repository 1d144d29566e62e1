"""The sending domain: what its DNS tells receivers about mails from it."""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import parseaddr
from typing import Any

from keyturn import addresses
from keyturn.doctor import dkim, dmarc, spf
from keyturn.doctor.dns import Dns, Unanswered
from keyturn.finding import Finding
from keyturn.mail.port.provider import Provider, Spf
from keyturn.problems.requests import InputInvalid

_MOST_REDIRECTS = 10
"""RFC 7208 4.6.4 allows so many look-ups for one record."""

_LOOK_AT_A_MAIL = "Look for dkim=pass in the headers of a mail that has arrived."


def domain_of(address: str) -> str:
    """Return the domain of an address as the DNS knows it; "" of what is no address."""
    try:
        return addresses.parse(parseaddr(address)[1]).rpartition("@")[2]
    except InputInvalid:
        return ""


async def check_spf(domain: str, provider: Provider[Any], dns: Dns) -> list[Finding]:
    if not (record := provider.spf):
        message = f"not checked: the return path of {provider.name} is its own, and DKIM alone satisfies DMARC"
        return [Finding("spf", "skip", message, _LOOK_AT_A_MAIL)]
    return await _judge_answer("spf", domain, dns, lambda: _spf(domain, record, dns))


async def check_dkim(domain: str, provider: Provider[Any], dns: Dns) -> list[Finding]:
    if not (key := provider.dkim):
        message = "not checked: only the mail server knows the name of its key"
        return [Finding("dkim", "skip", message, _LOOK_AT_A_MAIL)]
    name = f"{key.selector}._domainkey.{domain}"

    async def judge() -> Finding:
        return dkim.judge(name, await dns.texts(name), f"Copy TXT {name} from {key.page} into the DNS.")

    return await _judge_answer("dkim", domain, dns, judge)


async def check_dmarc(domain: str, dns: Dns) -> list[Finding]:
    async def judge() -> Finding:
        names = dmarc.walk(domain)
        texts = await asyncio.gather(*(dns.texts(f"_dmarc.{name}") for name in names))
        return dmarc.judge(domain, dict(zip(names, texts, strict=True)))

    return await _judge_answer("dmarc", domain, dns, judge)


async def check_replies(domain: str, dns: Dns) -> list[Finding]:
    """Check the domain of an address that people are asked to write to."""
    try:
        if await dns.takes_mail(domain):
            return [Finding("replies", "ok", f"{domain} takes mail")]
    except Unanswered as error:
        return [_no_answer_finding("replies", error)]
    mend = f"Add MX {domain} with its mail server, or correct mail.reply_to and brand.support_address."
    return [Finding("replies", "warn", f"{domain} takes no mail, so answers to it are lost", mend)]


async def _spf(domain: str, record: Spf, dns: Dns) -> Finding:
    name = f"{record.host}.{domain}" if record.host else domain
    texts = await dns.texts(name)
    for _ in range(_MOST_REDIRECTS):
        following = spf.redirect(texts)
        if not following:
            break
        name, texts = following, await dns.texts(following)
    return spf.judge(name, texts, needed=record.term, missing=record.missing)


async def _judge_answer(check: str, domain: str, dns: Dns, judge: Callable[[], Awaitable[Finding]]) -> list[Finding]:
    """Return the finding, unless nobody answers, or the domain itself is not in the DNS: then nothing is known."""
    try:
        finding = await judge()
        if finding.verdict == "ok" or await dns.exists(domain):
            return [finding]
    except Unanswered as error:
        return [_no_answer_finding(check, error)]
    return [Finding(check, "warn", f"could not be checked: {domain} is not in the DNS", finding.mend)]


def _no_answer_finding(check: str, error: Unanswered) -> Finding:
    mend = "Let this machine ask a nameserver (port 53), and run `keyturn doctor` again."
    return Finding(check, "warn", f"could not be checked: {error}", mend)
