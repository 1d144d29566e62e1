"""The sending domain: what its DNS tells receivers about mails from it."""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import parseaddr
from functools import cached_property
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, LifetimeTimeout, NoAnswer, NoNameservers, NoResolverConfiguration

from keyturn.errors import KeyturnError
from keyturn.mail.port.finding import Finding, Verdict
from keyturn.mail.port.provider import Provider, Spf
from keyturn.service import addresses
from keyturn.service.problems.requests import InputInvalid

# DNS questions with three distinct outcomes: records, none, and no answer


_PATIENCE = 4
"""Seconds for one question, including all nameservers and retries."""


class Unanswered(KeyturnError):
    """The DNS gives no answer: no network, no nameserver, or a failing one."""


class Dns:
    """Asks a nameserver.

    `nameserver`: an IP address and a port; None for the nameservers in this machine's configuration.
    """

    def __init__(self, nameserver: tuple[str, int] | None = None, patience: float = _PATIENCE) -> None:
        self._nameserver = nameserver
        self._patience = patience

    async def exists(self, name: str) -> bool:
        """Tell whether there is anything at or below the name (RFC 8020). Raises Unanswered."""
        return await self._ask(name, "SOA") is not None

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records, each with its strings joined as SPF, DKIM and DMARC say. Raises Unanswered."""
        return [b"".join(record.strings).decode("ascii", "replace") for record in await self._ask(name, "TXT") or ()]

    async def takes_mail(self, name: str) -> bool:
        """Tell whether mail to the domain has somewhere to go (RFC 5321 5.1, RFC 7505). Raises Unanswered."""
        if exchangers := await self._ask(name, "MX"):
            return any(record.exchange.to_text() != "." for record in exchangers)
        return any([await self._ask(name, "A"), await self._ask(name, "AAAA")])

    async def _ask(self, name: str, kind: str) -> list[Any] | None:
        """Return the records, [] if the name has none of that kind, None if the name does not exist."""
        try:
            return list(await self._resolver.resolve(f"{name}.", kind))
        except NXDOMAIN:
            return None
        except NoAnswer:
            return []
        except LifetimeTimeout:
            raise Unanswered("no nameserver answered in time") from None
        except NoNameservers:
            raise Unanswered(f"the nameservers gave an error for {name}") from None
        except NoResolverConfiguration:
            raise Unanswered("this machine has no nameserver configured") from None
        except (DNSException, OSError) as error:
            raise Unanswered(str(error) or type(error).__name__) from None

    @cached_property
    def _resolver(self) -> Resolver:
        resolver = Resolver(configure=self._nameserver is None)
        if self._nameserver:
            address, resolver.port = self._nameserver
            resolver.nameservers = [address]
        resolver.lifetime = self._patience
        return resolver


# DKIM key records (RFC 6376, 3.6.1)


_SHORTEST = 1024
"""Bits: receivers must not accept shorter RSA keys (RFC 8301 3.2)."""

_ED25519 = 32
"""Bytes of an Ed25519 key, which is not wrapped in DER (RFC 8463 4.2)."""


def tags(record: str) -> dict[str, str]:
    """Return the tags of a record in the syntax that DKIM and DMARC share (RFC 6376 3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def judge_dkim(name: str, texts: Sequence[str], remedy: str) -> Finding:
    """Return a finding about the records at `name`, as receivers read them; `remedy` says where to get the record."""
    keys = [found for text in texts if "p" in (found := tags(text))]
    if not keys:
        return _fail_dkim(f"no DKIM key at {name}", remedy)
    if len(keys) > 1:
        return _fail_dkim(f"{len(keys)} DKIM keys at {name}, of which receivers use any", f"Keep one. {remedy}")
    encoded = "".join(keys[0]["p"].split())
    if not encoded:
        return _fail_dkim(f"the DKIM key at {name} was revoked: its p= is empty", remedy)
    kind = keys[0].get("k", "rsa")
    try:
        key = base64.b64decode(encoded, validate=True)
        bits = len(key) * 8 if kind == "ed25519" else _rsa_bits(key)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return _fail_dkim(f"the DKIM key at {name} is not valid: it may be cut off or mistyped", remedy)
    if bits < (_ED25519 * 8 if kind == "ed25519" else _SHORTEST):
        return _fail_dkim(f"the DKIM key at {name} has {bits} bits, too few for receivers", remedy)
    return Finding("dkim", "ok", f"{name} has a key of {bits} bits")


def _rsa_bits(der: bytes) -> int:
    key = load_der_public_key(der)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - the text is wrong, not the caller
    return key.key_size


def _fail_dkim(message: str, mend: str) -> Finding:
    return Finding("dkim", "fail", message, mend)


# DMARC records (RFC 9989), and the names that receivers query for them


_MOST_LABELS = 8
"""A walk up the tree queries at most this many names (RFC 9989 4.10)."""

_POLICIES = {"none", "quarantine", "reject"}


def dmarc_walk(domain: str) -> list[str]:
    """Return the domain and its parents, in the order in which receivers look for a policy (RFC 9989 4.10)."""
    labels = domain.split(".")
    above = range(max(1, len(labels) - _MOST_LABELS + 1), len(labels))
    return [domain, *(".".join(labels[start:]) for start in above)]


def judge_dmarc(domain: str, texts: Mapping[str, Sequence[str]]) -> Finding:
    """Return the policy for mails from `domain`; `texts` holds the _dmarc records of every domain of its walk."""
    found = {name: _dmarc_records(texts.get(name, ())) for name in dmarc_walk(domain)}
    if len(found[domain]) > 1:
        return Finding(
            "dmarc",
            "fail",
            f"{len(found[domain])} DMARC records at _dmarc.{domain}, so receivers ignore them all",
            "Keep one of them.",
        )
    owner = _owner(domain, {name: tags(alone[0]) for name, alone in found.items() if len(alone) == 1})
    if owner is None:
        return Finding(
            "dmarc",
            "warn",
            f"no DMARC record for {domain}, so anyone can send mail in its name",
            f'Add TXT _dmarc.{domain} "v=DMARC1; p=none; rua=mailto:postmaster@{domain}", and when its reports show '
            "only your own mail, change it to p=quarantine.",
        )
    record = tags(found[owner][0])
    tag = "p" if owner == domain or "sp" not in record else "sp"
    return _judge_policy(f"_dmarc.{owner}", tag, record.get(tag, "none" if "rua" in record else "").lower())


def _dmarc_records(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text.replace(" ", "").split(";")[0] == "v=DMARC1"]


def _owner(domain: str, found: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return the domain whose record counts: itself, else its organizational domain (RFC 9989 4.10.1, 4.10.2)."""
    if not found or domain in found:
        return domain if found else None
    owner = None
    for name in dmarc_walk(domain):
        if name not in found:
            continue
        if found[name].get("psd") == "n":
            return name
        if found[name].get("psd") == "y":
            return owner or name
        owner = name
    return owner


def _judge_policy(name: str, tag: str, policy: str) -> Finding:
    if policy not in _POLICIES:
        return Finding(
            "dmarc",
            "fail",
            f"the DMARC record at {name} has no valid {tag}=",
            f"Set {tag}=quarantine in TXT {name}.",
        )
    if policy == "none":
        return Finding(
            "dmarc",
            "warn",
            f"{name} says {tag}=none, so mail with a forged sender is delivered",
            f"When the reports show only your own mail, set {tag}=quarantine in TXT {name}.",
        )
    return Finding("dmarc", "ok", f"{name} says {tag}={policy}")


# SPF records (RFC 7208)


_MECHANISM = re.compile(r"[+?~-]?(all|(include|exists):\S+|(a|mx|ptr)([:/]\S*)?|ip[46]:\S+)", re.IGNORECASE)
_MODIFIER = re.compile(r"[a-z][\w.-]*=\S*", re.IGNORECASE)


def _spf_records(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text.lower().split(" ")[0] == "v=spf1"]


def spf_redirect(texts: Sequence[str]) -> str | None:
    """Return the domain whose record replaces this one (RFC 7208 6.1)."""
    (record,) = _spf_records(texts) if len(_spf_records(texts)) == 1 else ("",)
    terms = record.lower().split()
    if any(term.lstrip("+?~-") == "all" for term in terms):
        return None
    return next((term.partition("=")[2] for term in terms if term.startswith("redirect=")), None)


def judge_spf(name: str, texts: Sequence[str], *, needed: str, missing: Verdict) -> Finding:
    """Return a finding about the records at `name`; `needed`: a term that must be in the record, or ""."""
    found = _spf_records(texts)
    advice = f'"v=spf1 {needed} ~all"' if needed else 'that names your mail server, for example "v=spf1 mx ~all"'
    if not found:
        return Finding("spf", missing, f"no SPF record at {name}", f"Add TXT {name} {advice}.")
    if len(found) > 1:
        # RFC 7208 4.5: several records are an error, and all are ignored.
        return _fail_spf(
            f"{len(found)} SPF records at {name}, so receivers ignore them all", "Merge them into one TXT record."
        )
    terms = found[0].lower().split()[1:]
    for term in terms:
        if not _MECHANISM.fullmatch(term) and not _MODIFIER.fullmatch(term):
            return _fail_spf(
                f"{term} in the SPF record at {name} is not valid SPF", f"Correct the TXT record at {name}."
            )
    if needed and needed not in terms:
        return _fail_spf(
            f"the SPF record at {name} lacks {needed}", f"Add {needed} to the record, before the term all."
        )
    return _judge_all_mechanism(name, terms)


def _judge_all_mechanism(name: str, terms: list[str]) -> Finding:
    """Judge the record's rule for servers that it does not list."""
    last = next((term for term in terms if term.lstrip("+?~-") == "all"), None)
    if last in {"all", "+all"}:
        return _fail_spf(f"the SPF record at {name} allows every server to send", f"Replace {last} with ~all.")
    if last in {"-all", "~all"}:
        return Finding("spf", "ok", f"{name} ends in {last}")
    return Finding(
        "spf",
        "warn",
        f"the SPF record at {name} has no rule for other servers",
        "End the record with ~all." if last is None else f"Replace {last} with ~all.",
    )


def _fail_spf(message: str, mend: str) -> Finding:
    return Finding("spf", "fail", message, mend)


_MOST_REDIRECTS = 10
"""RFC 7208 4.6.4 allows this many look-ups for one record."""

_LOOK_AT_A_MAIL = "Look for dkim=pass in the headers of a delivered mail."


def domain_of(address: str) -> str:
    """Return the domain of an address in its DNS form; "" if the address is invalid."""
    try:
        return addresses.parse(parseaddr(address)[1]).rpartition("@")[2]
    except InputInvalid:
        return ""


async def check_spf(domain: str, provider: Provider[Any], dns: Dns) -> list[Finding]:
    if not (record := provider.spf):
        message = f"not checked: {provider.name} uses a return path of its own, and DKIM is enough for DMARC"
        return [Finding("spf", "skip", message, _LOOK_AT_A_MAIL)]
    return await _judge_answer("spf", domain, dns, lambda: _spf(domain, record, dns))


async def check_dkim(domain: str, provider: Provider[Any], dns: Dns) -> list[Finding]:
    if not (key := provider.dkim):
        message = "not checked: only your mail server knows the name of its DKIM key"
        return [Finding("dkim", "skip", message, _LOOK_AT_A_MAIL)]
    name = f"{key.selector}._domainkey.{domain}"

    async def judge() -> Finding:
        return judge_dkim(name, await dns.texts(name), f"Copy the TXT record {name} from {key.page} into your DNS.")

    return await _judge_answer("dkim", domain, dns, judge)


async def check_dmarc(domain: str, dns: Dns) -> list[Finding]:
    async def judge() -> Finding:
        names = dmarc_walk(domain)
        texts = await asyncio.gather(*(dns.texts(f"_dmarc.{name}") for name in names))
        return judge_dmarc(domain, dict(zip(names, texts, strict=True)))

    return await _judge_answer("dmarc", domain, dns, judge)


async def check_replies(domain: str, dns: Dns) -> list[Finding]:
    """Check the domain of an address that users are asked to write to."""
    try:
        if await dns.takes_mail(domain):
            return [Finding("replies", "ok", f"{domain} accepts mail")]
    except Unanswered as error:
        return [_no_answer_finding("replies", error)]
    mend = f"Add an MX record for {domain}, or correct mail.reply_to and brand.support_address."
    return [Finding("replies", "warn", f"{domain} accepts no mail, so replies are lost", mend)]


async def _spf(domain: str, record: Spf, dns: Dns) -> Finding:
    name = f"{record.host}.{domain}" if record.host else domain
    texts = await dns.texts(name)
    for _ in range(_MOST_REDIRECTS):
        following = spf_redirect(texts)
        if not following:
            break
        name, texts = following, await dns.texts(following)
    return judge_spf(name, texts, needed=record.term, missing=record.missing)


async def _judge_answer(check: str, domain: str, dns: Dns, judge: Callable[[], Awaitable[Finding]]) -> list[Finding]:
    """Return the finding, unless the DNS gives no answer or the domain does not exist: then nothing is known."""
    try:
        finding = await judge()
        if finding.verdict == "ok" or await dns.exists(domain):
            return [finding]
    except Unanswered as error:
        return [_no_answer_finding(check, error)]
    return [Finding(check, "warn", f"could not be checked: the DNS has no {domain}", finding.mend)]


def _no_answer_finding(check: str, error: Unanswered) -> Finding:
    mend = "Let this machine connect to a nameserver (port 53), and run `keyturn doctor` again."
    return Finding(check, "warn", f"could not be checked: {error}", mend)
