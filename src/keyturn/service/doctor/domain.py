"""Checks the sending domain: what its DNS tells receivers about mails from it."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, LifetimeTimeout, NoNameservers, NoResolverConfiguration
from msgspec.structs import replace

from keyturn.errors import KeyturnError
from keyturn.mail.port.check_result import CheckResult, fail, ok, warn
from keyturn.mail.port.provider import Provider, Spf

_PATIENCE = 4  # seconds for one question, including all nameservers and retries

_REASONS: Mapping[type[Exception], str] = {
    LifetimeTimeout: "no nameserver answered in time",
    NoNameservers: "the nameservers gave an error for {name}",
    NoResolverConfiguration: "this machine has no nameserver configured",
}

Texts = Mapping[str, Sequence[str]]


class Unanswered(KeyturnError):
    """The DNS gives no answer: there is no network or no nameserver, or the nameserver fails."""


class Dns:
    """Asks a nameserver, by default this machine's.

    `nameserver`: an IP address and a port.
    `patience`: seconds for one question, including all nameservers and retries.
    """

    def __init__(
        self, nameserver: tuple[str, int] | None = None, patience: float = _PATIENCE
    ) -> None:
        self._nameserver = nameserver
        self._patience = patience

    async def exists(self, name: str) -> bool:
        """Tell whether the name, or a name below it, has records (RFC 8020). Raises Unanswered."""
        return await self._ask(name, "SOA") is not None

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records, each with its strings joined, as SPF, DKIM and DMARC require.

        Raises Unanswered.
        """
        return [
            b"".join(record.strings).decode("ascii", "replace")
            for record in await self._ask(name, "TXT") or ()
        ]

    async def _ask(self, name: str, kind: str) -> list[Any] | None:
        """Return the records, [] if the name has none of that kind, None if the name does not
        exist.
        """
        try:
            return list(await self._resolver.resolve(f"{name}.", kind, raise_on_no_answer=False))
        except NXDOMAIN:
            return None
        except (DNSException, OSError) as error:
            why = _REASONS.get(type(error), str(error) or type(error).__name__)
            raise Unanswered(why.format(name=name)) from None

    @cached_property
    def _resolver(self) -> Resolver:
        resolver = Resolver(configure=self._nameserver is None)
        if self._nameserver:
            address, resolver.port = self._nameserver
            resolver.nameservers = [address]
        resolver.lifetime = self._patience
        return resolver


async def check_domain(
    domain: str, providers: Sequence[type[Provider]], dns: Dns
) -> list[CheckResult]:
    """Look up all names at once, for all providers, and judge their records."""
    spf = {f"{one.spf.host}.{domain}".lstrip("."): one.spf for one in providers if one.spf}
    dkim = {
        f"{one.dkim.selector}._domainkey.{domain}": one.dkim.page for one in providers if one.dkim
    }
    names = [*spf, *dkim, *(f"_dmarc.{name}" for name in parents(domain))]
    try:
        if not await dns.exists(domain):
            return [warn(f"the DNS has no {domain}", "Register the domain, or correct mail.from.")]
        texts: Texts = dict(zip(names, await asyncio.gather(*map(dns.texts, names)), strict=True))
    except Unanswered as error:
        fix = "Let this machine connect to a nameserver (port 53), and run `keyturn doctor` again."
        return [warn(f"could not be checked: {error}", fix)]
    judged = {
        "spf": [judge_spf(name, texts[name], wanted) for name, wanted in spf.items()],
        "dkim": [judge_dkim(name, texts[name], page) for name, page in dkim.items()]
        or [_SKIPPED_DKIM],
        "dmarc": [judge_dmarc(domain, texts)],
    }
    return [replace(one, check=check) for check, findings in judged.items() for one in findings]


def judge_spf(name: str, texts: Sequence[str], wanted: Spf) -> CheckResult:
    """Return a finding about the SPF records at `name` (RFC 7208)."""
    records = [text.lower().split() for text in texts if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        advice = (
            f'"v=spf1 {wanted.term} ~all"'
            if wanted.term
            else 'that names your mail server: "v=spf1 mx ~all"'
        )
        return CheckResult(
            "", wanted.missing, f"no SPF record at {name}", f"Add TXT {name} {advice}."
        )
    if len(records) > 1:
        message = f"{len(records)} SPF records at {name}, so receivers ignore them all"
        return fail(message, "Merge them into one TXT record.")
    terms = records[0]
    last = next((term for term in terms if term.lstrip("+?~-") == "all"), "")
    redirect = next((term for term in terms if term.startswith("redirect=")), "")
    if redirect and not last:
        fix = "Look for spf=pass in the headers of a delivered mail."
        return CheckResult("", "skip", f"not checked: {name} has {redirect}", fix)
    if wanted.term and wanted.term not in terms:
        fix = f"Add {wanted.term} to the record, before the term all."
        return fail(f"the SPF record at {name} lacks {wanted.term}", fix)
    if last in {"-all", "~all"}:
        return ok(f"{name} ends in {last}")
    fix = f"Replace {last} with ~all." if last else "End the record with ~all."
    if last in {"all", "+all"}:
        return fail(f"the SPF record at {name} allows every server to send", fix)
    return warn(f"the SPF record at {name} has no rule for other servers", fix)


_SKIPPED_DKIM = CheckResult(
    "",
    "skip",
    "not checked: only your mail server knows the name of its DKIM key",
    "Look for dkim=pass in the headers of a delivered mail.",
)


def judge_dkim(name: str, texts: Sequence[str], page: str) -> CheckResult:
    """Return a finding about the DKIM keys at `name` (RFC 6376, 3.6.1).

    `page`: the provider's page that shows the key.
    """
    copy = f"Copy the TXT record {name} from {page} into your DNS."
    keys = [record for record in map(_tags, texts) if "p" in record]
    if not keys:
        return fail(f"no DKIM key at {name}", copy)
    if len(keys) > 1:
        return fail(
            f"{len(keys)} DKIM keys at {name}, of which receivers use any", f"Keep one. {copy}"
        )
    encoded = "".join(keys[0]["p"].split())
    if not encoded:
        return fail(f"the DKIM key at {name} was revoked: its p= is empty", copy)
    try:
        key = base64.b64decode(encoded, validate=True)
        # A key of Ed25519 is not wrapped in DER (RFC 8463, 4.2).
        is_key = keys[0].get("k", "rsa") != "rsa" or isinstance(
            load_der_public_key(key), RSAPublicKey
        )
    except (ValueError, UnsupportedAlgorithm):
        is_key = False
    broken = f"the DKIM key at {name} is not valid: it may be cut off or mistyped"
    return ok(f"{name} has a key") if is_key else fail(broken, copy)


def parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1)]


def judge_dmarc(domain: str, texts: Texts) -> CheckResult:
    """Return a finding about the DMARC policy for mails from `domain` (RFC 9989, 4.10).

    It is the domain's own, else that of the nearest domain above it.
    """
    for owner in parents(domain):
        name = f"_dmarc.{owner}"
        records = [
            text
            for text in texts.get(name, ())
            if text.replace(" ", "").split(";")[0] == "v=DMARC1"
        ]
        if len(records) > 1:
            message = f"{len(records)} DMARC records at {name}, so receivers ignore them all"
            return fail(message, "Keep one of them.")
        if records:
            tags = _tags(records[0])
            tag = "p" if owner == domain or "sp" not in tags else "sp"
            return _judge_policy(name, tag, tags.get(tag, "none" if "rua" in tags else "").lower())
    fix = (
        f'Add TXT _dmarc.{domain} "v=DMARC1; p=none; rua=mailto:postmaster@{domain}", and when '
        "its reports show only"
        " your own mail, change it to p=quarantine."
    )
    return warn(f"no DMARC record for {domain}, so anyone can send mail in its name", fix)


def _judge_policy(name: str, tag: str, policy: str) -> CheckResult:
    if policy in {"quarantine", "reject"}:
        return ok(f"{name} says {tag}={policy}")
    if policy == "none":
        fix = f"When the reports show only your own mail, set {tag}=quarantine in TXT {name}."
        return warn(f"{name} says {tag}=none, so mail with a forged sender is delivered", fix)
    return fail(f"the DMARC record at {name} has no valid {tag}=", f"Set {tag}=quarantine there.")


def _tags(record: str) -> dict[str, str]:
    """Return the tags of a record, in the syntax that DKIM and DMARC share (RFC 6376, 3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}
