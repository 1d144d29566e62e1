"""Templates of engines that look like Jinja, which real folders are full of: told once for a folder."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from keyturn.emails.lint.finding import Finding

_TAGS: Mapping[str, tuple[str, ...]] = {
    "Django": (
        "load", "url", "static", "csrf_token", "blocktrans", "blocktranslate", "endblocktrans", "translate", "comment",
        "ifequal", "cycle", "now", "spaceless", "verbatim", "with_context", "empty", "widthratio", "regroup", "firstof",
    ),
    "Liquid": ("assign", "capture", "unless", "case", "when", "tablerow", "increment", "render", "layout"),
    "Twig": ("embed", "sandbox", "apply", "use"),
}  # fmt: skip
_ARGUMENT_OF_FILTER = re.compile(r"\{\{[^}]*\|\s*\w+:[\"'\w]")

WAY_OUT = "Templates are rendered by Jinja: write this one in Jinja, or name it in the setting ignore."
_WAY_OUT_OF_MANY = "Templates are rendered by Jinja: write these in Jinja, or name their folders in the setting ignore."

Mails = TypeVar("Mails", bound=Sequence[str])


def engine_of(tag: str) -> str:
    """Return the engine that a tag belongs to, which Jinja does not know; empty if nobody can say."""
    return next((engine for engine, tags in _TAGS.items() if tag in tags), "")


def is_django_filter(line: str) -> bool:
    """Tell whether a line that Jinja cannot read hands a filter its argument as Django does: `|date:"Y"`."""
    return bool(_ARGUMENT_OF_FILTER.search(line))


def rule_of(engine: str) -> str:
    return f"jinja/{engine.lower()}-tag"


def told_once(found: Mapping[Finding, Mails]) -> dict[Finding, list[str]]:
    """Return the findings with one for each other engine, at its first place, instead of one for each file."""
    told = {finding: list(mails) for finding, mails in found.items()}
    for engine in _TAGS:
        of_engine = sorted((one for one in told if one.rule == rule_of(engine)), key=lambda finding: finding.place)
        files = {finding.place.file for finding in of_engine}
        if len(files) > 1:
            mails = list(dict.fromkeys(mail for finding in of_engine for mail in told.pop(finding)))
            told[_of_many(of_engine[0], engine, len(files))] = mails
    return told


def _of_many(first: Finding, engine: str, files: int) -> Finding:
    return Finding(
        rule=first.rule,
        severity=first.severity,
        message=f"{files} files are templates of {engine}, and this is Jinja. The first says: {first.message}",
        way_out=_WAY_OUT_OF_MANY,
        place=first.place,
    )
