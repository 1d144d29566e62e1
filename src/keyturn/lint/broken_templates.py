"""A template that Jinja cannot render, or samples that cannot be read, as a finding."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from jinja2 import TemplateNotFound, TemplatesNotFound, TemplateSyntaxError, UndefinedError

from keyturn.errors import TemplateInvalid
from keyturn.gallery import Sample
from keyturn.gallery.naming import stem_of
from keyturn.lint.finding import Finding, Place
from keyturn.lint.other_engines import WAY_OUT, engine_of, is_django_filter, rule_of

_UNDEFINED = re.compile(r"'([^']+)' is undefined")
_NO_ATTRIBUTE = re.compile(r"has no attribute '([^']+)'")
_UNKNOWN = re.compile(r"No (filter|test) named '([^']+)'|[Uu]nknown tag '([^']+)'")
_QUOTED = re.compile(r"'(\w+)'")
_TAG = re.compile(r"\{[{%]")
_TOML_LINE = re.compile(r"\(at line (\d+)(?:, column (\d+))?")

_YOUR_OWN = "; one of your own comes with your Jinja environment: --env package.module:environment."

_WRITTEN: Mapping[str, str] = {
    "toml": "[first], and name = value below it",
    "yaml": "first:, and name: value below it, further in",
    "yml": "first:, and name: value below it, further in",
    "json": '"first": {"name": "value"}',
}


def explain(error: TemplateInvalid, folder: Path, sample: Sample) -> Finding:
    """Return what keeps a template from being rendered."""
    cause, message = error.__cause__, error.message
    file = _relative(error.path, folder)
    line_text = _line(folder / file, error.line)
    named = cause.name if isinstance(cause, TemplateNotFound) else ""
    place = Place(file, error.line or 1, column_in(line_text, message, str(named or "")))
    if isinstance(cause, TemplateSyntaxError) and (unknown := _UNKNOWN.search(message)):
        return _unknown(unknown, message, place)
    if isinstance(cause, TemplateSyntaxError):
        if is_django_filter(line_text):
            return _finding(
                rule_of("Django"), "A filter has its argument behind a colon, as in Django.", WAY_OUT, place
            )
        return _finding("jinja/syntax", message, "Mend the Jinja tag at this place.", place)
    if isinstance(cause, TemplatesNotFound) and "<mj-include" in line_text:
        column = line_text.index("<mj-include") + 1
        return _missing_include([*map(str, cause.templates)], folder, Place(file, place.line, column))
    if isinstance(cause, TemplateNotFound):
        return _finding("jinja/missing-template", message, _near_files(str(cause.name), folder), place)
    if isinstance(cause, UndefinedError):
        name = _UNDEFINED.search(message) or _NO_ATTRIBUTE.search(message)
        return _finding("jinja/undefined", message, _near(name[1] if name else "", sample), place)
    if not sample.known:
        way_out = f"Add samples of what it is given: {stem_of(file)}.samples.toml, with a table for each."
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
    ending = Path(error.path).suffix.lower().lstrip(".")
    written = _WRITTEN.get(ending, _WRITTEN["toml"])
    place = Place(_relative(error.path, folder), line, column)
    return _finding("samples/invalid", error.message, f"A sample is a table of values with a name: {written}.", place)


def _unknown(unknown: re.Match[str], message: str, place: Place) -> Finding:
    if tag := unknown[3]:
        if engine := engine_of(tag):
            return _finding(rule_of(engine), f"{{% {tag} %}} is a tag of {engine}, and this is Jinja.", WAY_OUT, place)
        return _finding("jinja/unknown-tag", message, f"Check its spelling{_YOUR_OWN}", place)
    return _finding(f"jinja/unknown-{unknown[1]}", message, f"Check its spelling{_YOUR_OWN}", place)


def _missing_include(names: Sequence[str], folder: Path, place: Place) -> Finding:
    """Say where an mj-include looked: beside its file, then from the folder on."""
    if all(name.startswith("../") for name in names):
        return _finding(
            "mjml/missing-include", f"The path of this mj-include leads out of the folder: {names[0]}.",
            "Move the file below the folder of the templates, or check the folder above it.", place,
        )  # fmt: skip
    looked = " or ".join(name for name in names if not name.startswith("../"))
    return _finding("mjml/missing-include", f"There is no {looked} to include.", _near_files(names[0], folder), place)


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


def column_in(line: str, message: str, *named: str) -> int:
    """Return where in the line the first thing stands that is named, or quoted by the message; else its first tag."""
    for name in filter(None, (*named, *_QUOTED.findall(message))):
        if found := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line):
            return found.start() + 1
    tag = _TAG.search(line)
    return tag.start() + 1 if tag else len(line) - len(line.lstrip()) + 1


def _finding(rule: str, message: str, way_out: str, place: Place) -> Finding:
    text = message[:1].upper() + message[1:] if not message.startswith(("'", "{")) else message
    return Finding(rule=rule, severity="error", message=text.rstrip(".") + ".", way_out=way_out, place=place)


def _relative(path: str, folder: Path) -> str:
    file = Path(path)
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.as_posix()
