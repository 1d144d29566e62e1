"""Findings on templates that cannot be rendered, and on samples that cannot be read.

Many folders hold templates of engines that look like Jinja. Each such engine is reported once for a folder.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, TypeVar

from jinja2 import TemplateNotFound, TemplatesNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from keyturn.emails.gallery import Sample
from keyturn.emails.gallery.naming import stem_of
from keyturn.emails.gallery.variables.missing_names import missing_name
from keyturn.emails.lint.finding import Finding, Place, Rule, RuleGroup, Severity
from keyturn.emails.lint.limits import limit_finding, limit_of, reason_of
from keyturn.emails.lint.source.error_location import (
    Spot,
    find_circle,
    find_undecodable,
    line_at,
    spot_in_samples,
    spot_of,
)
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.engine import ENGINES, EngineFault
from keyturn.mail.rendering.folders import Folders

JINJA_RULES = RuleGroup(
    "jinja",
    "error",
    "missing-template",
    "sandbox",
    "syntax",
    "undefined",
    "unknown-filter",
    "unknown-tag",
    "unknown-test",
)
DJANGO_RULES = RuleGroup("django", *ENGINES["Django"])
LIQUID_RULES = RuleGroup("liquid", *ENGINES["Liquid"])
HANDLEBARS_RULES = RuleGroup("handlebars", *ENGINES["Handlebars"])
_RULES_OF_ENGINES = {"Django": DJANGO_RULES, "Liquid": LIQUID_RULES, "Handlebars": HANDLEBARS_RULES}
MJML_RULES = RuleGroup("mjml", "missing-include")
SAMPLE_RULES = RuleGroup("samples", "invalid", "missing")

_UNKNOWN = re.compile(r"No (filter|test) named '([^']+)'|[Uu]nknown tag '([^']+)'")
_A_NAME_FIRST = re.compile(r"['{]|.+? (?:stands outside a sample|stands there twice|is no name)\b")

_YOUR_OWN = "; one of your own comes with your Jinja environment: --env package.module:environment."

_IN_A_SANDBOX = "Folders are drawn in a sandbox: where you trust this one, --trust draws it as your app does."

_WRITTEN: Mapping[str, str] = {
    "toml": "[first], and name = value below it",
    "yaml": "first:, and name: value below it, further in",
    "yml": "first:, and name: value below it, further in",
    "json": '"first": {"name": "value"}',
}


class Broken(NamedTuple):
    """Why a template cannot be rendered.

    `spot`: the place of the error as far as it is known. The finding has the nearest complete place.
    """

    finding: Finding
    spot: Spot


def explain(error: TemplateInvalid, folders: Folders, sample: Sample) -> Broken:
    """Explain why a template cannot be rendered."""
    if spot := find_undecodable(error, folders):
        return Broken(_not_utf8(JINJA_RULES["error"], spot, folders), spot)
    if isinstance(error.__cause__, EngineFault):
        return _explain_fault(error, error.__cause__, folders, sample)
    if spots := find_circle(error, folders):
        return Broken(_of_circle(spots, folders), spots[-1])
    spot = spot_of(error, folders)
    return Broken(_explain_error(error, folders, sample, spot.nearest_place(folders)), spot)


def _explain_fault(error: TemplateInvalid, fault: EngineFault, folders: Folders, sample: Sample) -> Broken:
    """Explain an error of an engine other than Jinja."""
    spot = Spot(folders.name_of(error.path), error.line, fault.column)
    place = spot.nearest_place(folders)
    if fault.kind == "error" and not (fault.by_itself or sample.is_complete):
        return Broken(_not_checked(fault.message, place), spot)
    severity: Severity = "note" if fault.kind.startswith("host-") else "error"
    return Broken(
        _finding(_RULES_OF_ENGINES[fault.engine][fault.kind], fault.message, fault.fix, place, severity), spot
    )


def explain_samples(error: TemplateInvalid, folders: Folders) -> Broken:
    """Explain why the samples of a template cannot be read."""
    if spot := find_undecodable(error, folders):
        return Broken(_not_utf8(SAMPLE_RULES["invalid"], spot, folders), spot)
    spot = spot_in_samples(error, folders)
    if limit := limit_of(error.__cause__):
        place = spot.nearest_place(folders)
        return Broken(limit_finding(limit, place, reason_of(error.__cause__, error.message)), spot)
    written = _WRITTEN.get(Path(error.path).suffix.lower().lstrip("."), _WRITTEN["toml"])
    fix = f"A sample is a table of values with a name: {written}."
    if error.message.startswith("cannot be read: "):
        fix = "Take it away, or put a plain file in its place that can be read."
    elif "nested more than" in error.message:
        fix = "Write what the templates print with fewer tables and lists within each other."
    return Broken(_finding(SAMPLE_RULES["invalid"], error.message, fix, spot.nearest_place(folders)), spot)


def _explain_error(error: TemplateInvalid, folders: Folders, sample: Sample, place: Place) -> Finding:
    cause, message = error.__cause__, error.message
    if limit := limit_of(cause):
        return limit_finding(limit, place, reason_of(cause, message))
    line_text = line_at(Spot(folders.name_of(error.path), error.line), folders)
    if isinstance(cause, TemplateSyntaxError):
        return _of_syntax(message, line_text, place)
    if isinstance(cause, TemplatesNotFound) and "<mj-include" in line_text:
        return _missing_include([*map(str, cause.templates)], folders, place)
    if isinstance(cause, TemplateNotFound):
        return _finding(JINJA_RULES["missing-template"], message, _fix_for_file(str(cause.name), folders), place)
    if isinstance(cause, UndefinedError):
        return _finding(JINJA_RULES["undefined"], message, _fix_for_name(missing_name(message), sample), place)
    if isinstance(cause, SecurityError):
        return _finding(JINJA_RULES["sandbox"], message, _IN_A_SANDBOX, place)
    if not sample.is_complete:
        return _not_checked(message, place)
    return _finding(
        JINJA_RULES["error"], message, f"Look at what this line does with the values of {sample.name}.", place
    )


def _not_checked(message: str, place: Place) -> Finding:
    fix = f"Add samples of what it is given: {stem_of(place.file)}.samples.toml, with a table for each."
    not_checked = f"This template was not checked: without samples it cannot be rendered ({message})."
    return SAMPLE_RULES["missing"].finding(place, "note", not_checked, fix)


def _not_utf8(rule: Rule, spot: Spot, folders: Folders) -> Finding:
    return _finding(rule, f"'{spot.file}' is not UTF-8.", "Save it as UTF-8.", spot.nearest_place(folders))


def _of_circle(spots: Sequence[Spot], folders: Folders) -> Finding:
    last = spots[-1]
    others = ", ".join(dict.fromkeys(spot.file for spot in spots if spot.file != last.file))
    message = f"'{last.file}' includes or extends itself{f', by way of {others}' if others else ''}."
    return _finding(JINJA_RULES["error"], message, "Take out what closes the circle.", last.nearest_place(folders))


def _of_syntax(message: str, line: str, place: Place) -> Finding:
    """Explain a syntax error of Jinja, which may be syntax of another engine."""
    if is_handlebars(line):
        said = "Blocks and partials in {{ }} are Handlebars', and this is Jinja."
        return _finding(rule_of("Handlebars"), said, fix_for("Handlebars"), place)
    if unknown := _UNKNOWN.search(message):
        return _of_unknown(unknown, message, place)
    if is_django_filter(line):
        said = "A filter has its argument behind a colon, as in Django."
        return _finding(rule_of("Django"), said, fix_for("Django"), place)
    return _finding(JINJA_RULES["syntax"], message, "Mend the Jinja tag at this place.", place)


def _of_unknown(unknown: re.Match[str], message: str, place: Place) -> Finding:
    if tag := unknown[3]:
        if engine := engine_of(tag):
            return _finding(
                rule_of(engine), f"{{% {tag} %}} is a tag of {engine}, and this is Jinja.", fix_for(engine), place
            )
        return _finding(JINJA_RULES["unknown-tag"], message, f"Check its spelling{_YOUR_OWN}", place)
    return _finding(JINJA_RULES[f"unknown-{unknown[1]}"], message, f"Check its spelling{_YOUR_OWN}", place)


def _missing_include(names: Sequence[str], folders: Folders, place: Place) -> Finding:
    """Explain a missing file of mj-include, which looks beside its own file and then in the folder."""
    if all(name.startswith("../") for name in names):
        return _finding(
            MJML_RULES["missing-include"],
            f"The path of this mj-include leads out of the folder: {names[0]}.",
            "Move the file below the folder of the templates, or check the folder above it.",
            place,
        )
    looked = " or ".join(name for name in names if not name.startswith("../"))
    return _finding(
        MJML_RULES["missing-include"], f"There is no {looked} to include.", _fix_for_file(names[0], folders), place
    )


def _fix_for_name(name: str, sample: Sample) -> str:
    close = get_close_matches(name, sample.values, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    given, missing = ", ".join(sample.values) or "nothing", name or "what is missing"
    if sample.kind == "typed":
        return f"This template is given {given}; add {missing} to its props, or do not print it."
    return f"The sample {sample.name} gives {given}; add {missing} to it, or do not print it."


def _fix_for_file(name: str, folders: Folders) -> str:
    files = (folders.name_of(path) for path in folders.paths() if path.is_file())
    shown = [file for file in files if not any(part.startswith(".") for part in file.split("/"))]
    close = get_close_matches(name, shown, n=1)
    return f"Did you mean {close[0]}?" if close else "Names are relative to the folder of the templates."


def _finding(rule: Rule, message: str, fix: str, place: Place, severity: Severity = "error") -> Finding:
    text = message if _A_NAME_FIRST.match(message) else message[:1].upper() + message[1:]
    return rule.finding(place, severity, text.rstrip(".") + ".", fix)


_TAGS: Mapping[str, str] = {
    "Django": "load|url|static|csrf_token|blocktrans|blocktranslate|endblocktrans|translate|comment|ifequal|cycle|now"
    "|spaceless|verbatim|with_context|empty|widthratio|regroup|firstof",
    "Liquid": "assign|capture|unless|case|when|tablerow|increment|render|layout",
    "Handlebars": "",
    "Twig": "embed|sandbox|apply|use",
}
OTHER_ENGINE_RULES = RuleGroup("jinja", *(f"{engine.lower()}-tag" for engine in _TAGS))
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
    """Return the engine of a tag that is unknown to Jinja; empty if no engine is known for it."""
    return next((engine for engine, tags in _TAGS.items() if tag in tags.split("|")), "")


def is_django_filter(line: str) -> bool:
    """Tell whether a line passes an argument to a filter as Django does: `|date:"Y"`."""
    return bool(_ARGUMENT_OF_FILTER.search(line))


def is_handlebars(line: str) -> bool:
    """Tell whether a line has a block or a partial of Handlebars: `{{#if}}`, `{{> header}}`."""
    return bool(_HANDLEBARS.search(line))


def fix_for(engine: str) -> str:
    """Return the fix for a template of another engine."""
    return _FIX + _DRAWN_BY.get(engine, "")


def rule_of(engine: str) -> Rule:
    return OTHER_ENGINE_RULES[f"{engine.lower()}-tag"]


def one_for_each_engine(found: Mapping[Finding, Mails]) -> dict[Finding, list[str]]:
    """Merge the findings on each other engine into one, at its first place."""
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
