"""What DMARC records say (RFC 9989), and at which names they are looked for."""

from collections.abc import Mapping, Sequence

from keyturn.doctor.dkim import tags
from keyturn.finding import Finding

_MOST_LABELS = 8
"""A walk of the tree asks no more names than that (RFC 9989 4.10)."""

_POLICIES = {"none", "quarantine", "reject"}


def walk(domain: str) -> list[str]:
    """Return the domain and those above it, as receivers look for a policy (RFC 9989 4.10)."""
    labels = domain.split(".")
    above = range(max(1, len(labels) - _MOST_LABELS + 1), len(labels))
    return [domain, *(".".join(labels[start:]) for start in above)]


def judge(domain: str, texts: Mapping[str, Sequence[str]]) -> Finding:
    """Return the policy for mails from `domain`; `texts` holds what _dmarc says below every domain of its walk."""
    found = {name: records(texts.get(name, ())) for name in walk(domain)}
    if len(found[domain]) > 1:
        return Finding(
            "dmarc",
            "fail",
            f"{len(found[domain])} DMARC records at _dmarc.{domain}, so none of them counts",
            "Keep one of them.",
        )
    owner = _owner(domain, {name: tags(alone[0]) for name, alone in found.items() if len(alone) == 1})
    if owner is None:
        return Finding(
            "dmarc",
            "warn",
            f"no DMARC record for {domain}, so anybody may send in its name",
            f'Add TXT _dmarc.{domain} "v=DMARC1; p=none; rua=mailto:postmaster@{domain}", and once its reports show '
            "only mail of yours, raise it to p=quarantine.",
        )
    record = tags(found[owner][0])
    tag = "p" if owner == domain or "sp" not in record else "sp"
    return _judge_policy(f"_dmarc.{owner}", tag, record.get(tag, "none" if "rua" in record else "").lower())


def records(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text.replace(" ", "").split(";")[0] == "v=DMARC1"]


def _owner(domain: str, found: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return whose record counts: the domain's own, else its organizational domain's (RFC 9989 4.10.1, 4.10.2)."""
    if not found or domain in found:
        return domain if found else None
    owner = None
    for name in walk(domain):
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
            f"the DMARC record at {name} has no {tag}= that receivers know",
            f"Set {tag}=quarantine in TXT {name}.",
        )
    if policy == "none":
        return Finding(
            "dmarc",
            "warn",
            f"{name} says {tag}=none, so mail that forges the sender is delivered",
            f"Once the reports show only mail of yours, set {tag}=quarantine in TXT {name}.",
        )
    return Finding("dmarc", "ok", f"{name} says {tag}={policy}")
