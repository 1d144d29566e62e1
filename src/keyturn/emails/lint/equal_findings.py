"""Findings that say the same of several places."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyturn.emails.lint.examination import Found


def equal_findings(found: "Iterable[Found]") -> "list[Sequence[Found]]":
    """Return them together, in the order of their first places."""
    equal: dict[tuple[object, ...], list[Found]] = {}
    for one in found:
        finding = one.finding
        key = finding.rule, finding.severity, finding.message, finding.fix, finding.widths, one.reason
        equal.setdefault(key, []).append(one)
    return list(equal.values())


def mails_of(equal: "Iterable[Found]") -> list[str]:
    """Return the mails that have one of these findings, each once."""
    return list(dict.fromkeys(mail for one in equal for mail in one.mails))
