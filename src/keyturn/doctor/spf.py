"""What an SPF record says (RFC 7208)."""

import re
from collections.abc import Sequence

from keyturn.finding import Finding, Verdict

_MECHANISM = re.compile(r"[+?~-]?(all|(include|exists):\S+|(a|mx|ptr)([:/]\S*)?|ip[46]:\S+)", re.IGNORECASE)
_MODIFIER = re.compile(r"[a-z][\w.-]*=\S*", re.IGNORECASE)


def records(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text.lower().split(" ")[0] == "v=spf1"]


def redirect(texts: Sequence[str]) -> str | None:
    """Return the domain whose record counts instead of the one that is here (RFC 7208 6.1)."""
    (record,) = records(texts) if len(records(texts)) == 1 else ("",)
    terms = record.lower().split()
    if any(term.lstrip("+?~-") == "all" for term in terms):
        return None
    return next((term.partition("=")[2] for term in terms if term.startswith("redirect=")), None)


def judge(name: str, texts: Sequence[str], *, needed: str, missing: Verdict) -> Finding:
    """Return what receivers make of the records at `name`; `needed` is a term that must be there, or ""."""
    found = records(texts)
    advice = f'"v=spf1 {needed} ~all"' if needed else 'that names your mail server, for example "v=spf1 mx ~all"'
    if not found:
        return Finding("spf", missing, f"no SPF record at {name}", f"Add TXT {name} {advice}.")
    if len(found) > 1:
        # RFC 7208 4.5: more than one is an error, and none of them counts.
        return _fail(f"{len(found)} SPF records at {name}, so none of them counts", "Merge them into one TXT record.")
    terms = found[0].lower().split()[1:]
    for term in terms:
        if not _MECHANISM.fullmatch(term) and not _MODIFIER.fullmatch(term):
            return _fail(f"{term} in the SPF record at {name} means nothing", f"Correct the TXT record at {name}.")
    if needed and needed not in terms:
        return _fail(f"the SPF record at {name} lacks {needed}", f"Add {needed} to it, before the word all.")
    return _judge_all_mechanism(name, terms)


def _judge_all_mechanism(name: str, terms: list[str]) -> Finding:
    """Judge what the record says of every server that it does not name."""
    last = next((term for term in terms if term.lstrip("+?~-") == "all"), None)
    if last in {"all", "+all"}:
        return _fail(f"the SPF record at {name} lets the whole world send", f"Replace {last} with ~all.")
    if last in {"-all", "~all"}:
        return Finding("spf", "ok", f"{name} ends in {last}")
    return Finding(
        "spf",
        "warn",
        f"the SPF record at {name} says nothing of servers that it does not name",
        "End it in ~all." if last is None else f"Replace {last} with ~all.",
    )


def _fail(message: str, mend: str) -> Finding:
    return Finding("spf", "fail", message, mend)
