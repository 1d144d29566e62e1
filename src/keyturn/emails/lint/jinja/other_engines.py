"""Templates of engines that look like Jinja, which real folders are full of: told once for a folder."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from keyturn.emails.lint.finding import Finding, Rule, RuleGroup

_TAGS: Mapping[str, tuple[str, ...]] = {
    "Django": (
        "load",
        "url",
        "static",
        "csrf_token",
        "blocktrans",
        "blocktranslate",
        "endblocktrans",
        "translate",
        "comment",
        "ifequal",
        "cycle",
        "now",
        "spaceless",
        "verbatim",
        "with_context",
        "empty",
        "widthratio",
        "regroup",
        "firstof",
    ),
    "Liquid": ("assign", "capture", "unless", "case", "when", "tablerow", "increment", "render", "layout"),
    "Handlebars": (),
    "Twig": ("embed", "sandbox", "apply", "use"),
}
RULES = RuleGroup("jinja", *(f"{engine.lower()}-tag" for engine in _TAGS))
_ARGUMENT_OF_FILTER = re.compile(r"\{\{[^{}]*\|\s*\w+:[\"'\w]")

_HANDLEBARS = re.compile(r"\{\{\{?~?\s*(?:[#/^]\s*\w|>\s*[\w./-])")
_FIX = "Templates are rendered by Jinja: write this one in Jinja, or name it in the setting ignore."
_FIX_OF_MANY = "Templates are rendered by Jinja: write these in Jinja, or name their folders in the setting ignore."
_DRAWN_BY: Mapping[str, str] = {
    "Django": " --django draws the mails of a project with Django itself.",
    "Handlebars": " Compiled to HTML, they can be opened as any.",
    "Liquid": ' --liquid, or engine = "liquid", draws the folder as Liquid.',
}

Mails = TypeVar("Mails", bound=Sequence[str])


def engine_of(tag: str) -> str:
    """Return the engine that a tag belongs to, which Jinja does not know; empty if nobody can say."""
    return next((engine for engine, tags in _TAGS.items() if tag in tags), "")


def is_django_filter(line: str) -> bool:
    """Tell whether a line that Jinja cannot read hands a filter its argument as Django does: `|date:"Y"`."""
    return bool(_ARGUMENT_OF_FILTER.search(line))


def is_handlebars(line: str) -> bool:
    """Tell whether a line that Jinja cannot read has a block or a partial of Handlebars: `{{#if}}`, `{{> header}}`."""
    return bool(_HANDLEBARS.search(line))


def fix_for(engine: str) -> str:
    """Return what to do about a template of another engine."""
    return _FIX + _DRAWN_BY.get(engine, "")


def rule_of(engine: str) -> Rule:
    return RULES[f"{engine.lower()}-tag"]


def one_for_each_engine(found: Mapping[Finding, Mails]) -> dict[Finding, list[str]]:
    """Return the findings with one for each other engine, at its first place, instead of one for each file."""
    kept = {finding: list(mails) for finding, mails in found.items()}
    for engine in _TAGS:
        of_engine = sorted((one for one in kept if one.rule == rule_of(engine).name), key=lambda one: one.place)
        files = {finding.place.file for finding in of_engine}
        if len(files) > 1:
            mails = list(dict.fromkeys(mail for finding in of_engine for mail in kept.pop(finding)))
            kept[_of_many(of_engine[0], engine, len(files))] = mails
    return kept


def _of_many(first: Finding, engine: str, files: int) -> Finding:
    message = f"{files} files are templates of {engine}, and this is Jinja. The first says: {first.message}"
    return rule_of(engine).finding(first.place, first.severity, message, _FIX_OF_MANY + _DRAWN_BY.get(engine, ""))
