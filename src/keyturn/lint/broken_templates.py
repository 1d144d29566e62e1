"""A template that Jinja cannot render, or samples that cannot be read, as a finding."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

from keyturn.errors import TemplateInvalid
from keyturn.lint.collection import Sample
from keyturn.lint.finding import Finding, Place

_UNDEFINED = re.compile(r"'([^']+)' is undefined")
_NO_ATTRIBUTE = re.compile(r"has no attribute '([^']+)'")
_UNKNOWN = re.compile(r"No (filter|test) named '([^']+)'|[Uu]nknown tag '([^']+)'")
_QUOTED = re.compile(r"'(\w+)'")
_TOML_LINE = re.compile(r"\(at line (\d+)(?:, column (\d+))?")

_YOUR_OWN = "; one of your own comes with your Jinja environment: --env package.module:environment."

_OF_OTHERS: Mapping[str, tuple[str, ...]] = {
    "Django": (
        "load", "url", "static", "csrf_token", "blocktrans", "blocktranslate", "endblocktrans", "translate", "comment",
        "ifequal", "cycle", "now", "spaceless", "verbatim", "with_context", "empty", "widthratio", "regroup", "firstof",
    ),
    "Liquid": ("assign", "capture", "unless", "case", "when", "tablerow", "increment", "render", "layout"),
    "Twig": ("embed", "sandbox", "apply", "use"),
}  # fmt: skip
"""Tags of engines that look like Jinja, which real folders of templates are full of."""


def explain(error: TemplateInvalid, folder: Path, sample: Sample) -> Finding:
    """Return what keeps a template from being rendered."""
    cause, message = error.__cause__, error.message
    file = _relative(error.path, folder)
    line_text = _line(folder / file, error.line)
    named = cause.name if isinstance(cause, TemplateNotFound) else ""
    place = Place(file, error.line or 1, _column(line_text, [str(named), *_QUOTED.findall(message)]))
    if isinstance(cause, TemplateSyntaxError) and (unknown := _UNKNOWN.search(message)):
        return _unknown(unknown, message, place)
    if isinstance(cause, TemplateSyntaxError):
        return _finding("jinja/syntax", message, "Mend the Jinja tag at this place.", place)
    if isinstance(cause, TemplateNotFound):
        return _finding("jinja/missing-template", message, _near_files(str(cause.name), folder), place)
    if isinstance(cause, UndefinedError):
        name = _UNDEFINED.search(message) or _NO_ATTRIBUTE.search(message)
        return _finding("jinja/undefined", message, _near(name[1] if name else "", sample), place)
    if not sample.known:
        samples = f"{file.rpartition('/')[0] or '.'}/samples.toml"
        way_out = f"Add samples of what it is given: {samples}, with a table for each."
        return Finding(
            rule="samples/missing", severity="note", place=place, way_out=way_out,
            message=f"This template was not checked: without samples it cannot be rendered ({message}).",
        )  # fmt: skip
    return _finding("jinja/error", message, f"Look at what this line does with the values of {sample.name}.", place)


def explain_samples(error: TemplateInvalid, folder: Path) -> Finding:
    """Return what keeps a template's samples from being read."""
    at = _TOML_LINE.search(error.message)
    line = error.line or (int(at[1]) if at else 1)
    column = int(at[2]) if at and at[2] else 1
    return _finding(
        "samples/invalid", error.message, "Samples are TOML: a table for each, [first], and name = value below it.",
        Place(_relative(error.path, folder), line, column),
    )  # fmt: skip


def _unknown(unknown: re.Match[str], message: str, place: Place) -> Finding:
    if tag := unknown[3]:
        engine = next((engine for engine, tags in _OF_OTHERS.items() if tag in tags), None)
        if engine:
            return _finding(
                f"jinja/{engine.lower()}-tag", f"{{% {tag} %}} is a tag of {engine}, and this is Jinja.",
                "Templates are rendered by Jinja: write this one in Jinja, or leave its folder out.", place,
            )  # fmt: skip
        return _finding("jinja/unknown-tag", message, f"Check its spelling{_YOUR_OWN}", place)
    return _finding(f"jinja/unknown-{unknown[1]}", message, f"Check its spelling{_YOUR_OWN}", place)


def _near(name: str, sample: Sample) -> str:
    close = get_close_matches(name, sample.values, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    given = ", ".join(sample.values) or "nothing"
    return f"The sample {sample.name} gives {given}; add {name or 'what is missing'} to it, or do not print it."


def _near_files(name: str, folder: Path) -> str:
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    close = get_close_matches(name, _not_hidden(files), n=1)
    return f"Did you mean {close[0]}?" if close else "Names are relative to the folder of the templates."


def _not_hidden(files: Iterable[str]) -> list[str]:
    return [file for file in files if not any(part.startswith(".") for part in file.split("/"))]


def _line(file: Path, line: int | None) -> str:
    if line is None or not file.is_file():
        return ""
    lines = file.read_text("utf-8", errors="replace").splitlines()
    return lines[line - 1] if 0 < line <= len(lines) else ""


def _column(line: str, named: Iterable[str]) -> int:
    """Find the first thing of those that the message names in the line."""
    for name in filter(None, named):
        if found := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line):
            return found.start() + 1
    return len(line) - len(line.lstrip()) + 1


def _finding(rule: str, message: str, way_out: str, place: Place) -> Finding:
    text = message[:1].upper() + message[1:] if not message.startswith(("'", "{")) else message
    return Finding(rule=rule, severity="error", message=text.rstrip(".") + ".", way_out=way_out, place=place)


def _relative(path: str, folder: Path) -> str:
    file = Path(path)
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.as_posix()
