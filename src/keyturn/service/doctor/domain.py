"""Checks the sending domain: what its DNS tells receivers about mails from it."""

import asyncio
import base64
from collections.abc import Mapping, Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from msgspec.structs import replace

from keyturn.mail.port.check_result import CheckResult, fail, ok, skip, warn
from keyturn.mail.port.provider import Provider, Spf
from keyturn.service.doctor.nameserver import Dns, Unanswered

Texts = Mapping[str, Sequence[str]]
"""The TXT records by their names."""


async def check_domain(
    domain: str, providers: Sequence[type[Provider]], dns: Dns
) -> list[CheckResult]:
    """Look up all names at once, for all providers, and judge their records."""
    wanted_spf = {}
    wanted_dkim = {}
    for provider in providers:
        if provider.spf:
            name = f"{provider.spf.host}.{domain}".lstrip(".")
            wanted_spf[name] = provider.spf
        if provider.dkim:
            wanted_dkim[f"{provider.dkim.selector}._domainkey.{domain}"] = provider.dkim
    names = [*wanted_spf, *wanted_dkim, *map(_dmarc_name, parents(domain))]
    try:
        if not await dns.exists(domain):
            return [warn(f"the DNS has no {domain}", "Register the domain, or correct mail.from.")]
        answers = await asyncio.gather(*map(dns.texts, names))
    except Unanswered as error:
        fix = "Let this machine connect to a nameserver (port 53), and run `keyturn doctor` again."
        return [warn(f"could not be checked: {error}", fix)]
    texts: Texts = dict(zip(names, answers, strict=True))
    findings = []
    for name, spf in wanted_spf.items():
        findings.append(replace(judge_spf(name, texts[name], spf), check="spf"))
    for name, dkim in wanted_dkim.items():
        findings.append(replace(judge_dkim(name, texts[name], dkim.page), check="dkim"))
    if not wanted_dkim:
        findings.append(replace(_UNKNOWN_DKIM, check="dkim"))
    findings.append(replace(judge_dmarc(domain, texts), check="dmarc"))
    return findings


_UNKNOWN_DKIM = skip(
    "not checked: only your mail server knows the name of its DKIM key",
    "Look for dkim=pass in the headers of a delivered mail.",
)


def judge_spf(name: str, texts: Sequence[str], wanted: Spf) -> CheckResult:
    """Return a finding about the SPF records at `name` (RFC 7208)."""
    records = [text.lower().split() for text in texts if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        return _missing_spf(name, wanted)
    if len(records) > 1:
        message = f"{len(records)} SPF records at {name}, so receivers ignore them all"
        return fail(message, "Merge them into one TXT record.")
    terms = records[0]
    redirects = [term for term in terms if term.startswith("redirect=")]
    ends = [term for term in terms if term.lstrip("+?~-") == "all"]
    if redirects and not ends:
        fix = "Look for spf=pass in the headers of a delivered mail."
        return skip(f"not checked: {name} has {redirects[0]}", fix)
    if wanted.term and wanted.term not in terms:
        fix = f"Add {wanted.term} to the record, before the term all."
        return fail(f"the SPF record at {name} lacks {wanted.term}", fix)
    return _judge_end_of_spf(name, ends[0] if ends else "")


def _missing_spf(name: str, wanted: Spf) -> CheckResult:
    advice = 'that names your mail server: "v=spf1 mx ~all"'
    if wanted.term:
        advice = f'"v=spf1 {wanted.term} ~all"'
    fix = f"Add TXT {name} {advice}."
    return CheckResult("", wanted.missing, f"no SPF record at {name}", fix)


def _judge_end_of_spf(name: str, end: str) -> CheckResult:
    """Judge the term `all`, which is for every other server; "" if the record lacks it."""
    if end in {"-all", "~all"}:
        return ok(f"{name} ends in {end}")
    fix = f"Replace {end} with ~all." if end else "End the record with ~all."
    if end in {"all", "+all"}:
        return fail(f"the SPF record at {name} allows every server to send", fix)
    return warn(f"the SPF record at {name} has no rule for other servers", fix)


def judge_dkim(name: str, texts: Sequence[str], page: str) -> CheckResult:
    """Return a finding about the DKIM keys at `name` (RFC 6376, 3.6.1).

    `page`: the provider's page that shows the key.
    """
    copy = f"Copy the TXT record {name} from {page} into your DNS."
    records = [_tags(text) for text in texts]
    keys = [record for record in records if "p" in record]
    if not keys:
        return fail(f"no DKIM key at {name}", copy)
    if len(keys) > 1:
        message = f"{len(keys)} DKIM keys at {name}, of which receivers use any"
        return fail(message, f"Keep one. {copy}")
    key = "".join(keys[0]["p"].split())
    if not key:
        return fail(f"the DKIM key at {name} was revoked: its p= is empty", copy)
    if not _is_key(key, keys[0].get("k", "rsa")):
        return fail(f"the DKIM key at {name} is not valid: it may be cut off or mistyped", copy)
    return ok(f"{name} has a key")


def _is_key(encoded: str, algorithm: str) -> bool:
    try:
        key = base64.b64decode(encoded, validate=True)
        if algorithm != "rsa":  # a key of Ed25519 is not wrapped in DER (RFC 8463, 4.2)
            return True
        return isinstance(load_der_public_key(key), RSAPublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False


def parents(domain: str) -> list[str]:
    """Return the domain and the domains above it, but for the top-level domain."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


def _dmarc_name(domain: str) -> str:
    return f"_dmarc.{domain}"


def judge_dmarc(domain: str, texts: Texts) -> CheckResult:
    """Return a finding about the DMARC policy for mails from `domain` (RFC 9989, 4.10).

    It is the domain's own, else that of the nearest domain above it.
    """
    for owner in parents(domain):
        name = _dmarc_name(owner)
        records = [text for text in texts.get(name, ()) if _is_dmarc(text)]
        if len(records) > 1:
            message = f"{len(records)} DMARC records at {name}, so receivers ignore them all"
            return fail(message, "Keep one of them.")
        if records:
            return _judge_policy(name, records[0], is_own=owner == domain)
    record = f'{_dmarc_name(domain)} "v=DMARC1; p=none; rua=mailto:postmaster@{domain}"'
    return warn(
        f"no DMARC record for {domain}, so anyone can send mail in its name",
        f"Add TXT {record}, and when its reports show only your own mail, change it to "
        "p=quarantine.",
    )


def _is_dmarc(text: str) -> bool:
    version, _, _ = text.replace(" ", "").partition(";")
    return version == "v=DMARC1"


def _judge_policy(name: str, record: str, *, is_own: bool) -> CheckResult:
    """Judge the record of the domain itself, or of a domain above it (`is_own` is False)."""
    tags = _tags(record)
    tag = "sp" if "sp" in tags and not is_own else "p"
    # Without a policy, receivers send reports, and deliver as for "none".
    default = "none" if "rua" in tags else ""
    policy = tags.get(tag, default).lower()
    if policy in {"quarantine", "reject"}:
        return ok(f"{name} says {tag}={policy}")
    if policy == "none":
        fix = f"When the reports show only your own mail, set {tag}=quarantine in TXT {name}."
        return warn(f"{name} says {tag}=none, so mail with a forged sender is delivered", fix)
    return fail(f"the DMARC record at {name} has no valid {tag}=", f"Set {tag}=quarantine there.")


def _tags(record: str) -> dict[str, str]:
    """Return the tags of a record, in the syntax that DKIM and DMARC share (RFC 6376, 3.2)."""
    tags = {}
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            tags[name.strip()] = value.strip()
    return tags
