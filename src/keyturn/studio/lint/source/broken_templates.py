"""Findings on templates that cannot be rendered, or not in full, and on samples that cannot be
read.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError, TemplatesNotFound

from keyturn.errors import CatalogueInvalid, TemplateInvalid
from keyturn.plain_files import read_plain_file
from keyturn.studio.engines import EngineFault
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.naming import stem_of
from keyturn.studio.gallery.variables.missing_names import missing_name
from keyturn.studio.lint.finding import (
    Finding,
    Place,
    cut,
    did_you_mean,
    did_you_mean_file,
    limit_of,
)
from keyturn.studio.lint.rules import RULES, limit_finding
from keyturn.studio.lint.source.other_engines import TagOfAnotherEngine, rule_of

_TAG = re.compile(r"\{[{%].*?(?:[}%]\}|$)|<mj-include\b[^>]*")
_GOT = re.compile(r".*\bgot '(\w+)'")
_QUOTED = re.compile(r"'(\w+)'")
_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_AT = re.compile(r"\(at line (\d+)(?:, column (\d+))?")
_BRINGS_IN = re.compile(r"\{%[-+]?\s*(?:include|extends|import|from)\b|<mj-include\b")
_FIELD = re.compile(r"`\$\.(\w+)")
_UNKNOWN = re.compile(r"No (filter|test) named '([^']+)'|[Uu]nknown tag '([^']+)'")
_A_NAME_FIRST = re.compile(r"['{]|.+? (?:is outside a sample|occurs twice)\b")
_DATA = (".toml", ".json", ".po", ".pot", ".mo")
_CLOSE = 0.8
_OPEN_TAG = re.compile(r"to be closed is '(\w+)'|^'(\w+)' is not closed")
_WORDS_FOR_TOKENS = {
    "token 'name'": "a name",
    "token ": "",
    "'end of print statement'": "}}",
    "'end of statement block'": "%}",
}


def explain(error: TemplateInvalid, gallery: Gallery, sample: Sample) -> Finding:
    """Say why a template cannot be rendered, where it is known."""
    if place := _undecodable(error, gallery):
        return RULES.finding(place, "jinja/error", "not UTF-8", file=place.file)
    place, cause = _place_of(error, gallery), error.__cause__
    if isinstance(cause, EngineFault):
        if cause.kind == "error" and not (error.by_itself or sample.is_complete):
            return _not_checked(error.message, place)
        rule = f"{cause.engine.lower()}/{cause.kind}"
        return RULES.finding(place, rule, message=_as_sentence(error.message), fix=cause.fix)
    if isinstance(cause, CatalogueInvalid):  # the catalogue has a finding of its own
        return RULES.finding(place, "unchecked/part", "catalogue", file=gallery.name_of(cause.path))
    return _limit(error, place) or _explain_error(error, gallery, sample, place)


def explain_samples(error: TemplateInvalid, gallery: Gallery) -> Finding:
    """Say why samples cannot be read, where it is known."""
    rule, message = "samples/invalid", error.message
    if place := _undecodable(error, gallery):
        return RULES.finding(place, rule, "not UTF-8", file=place.file)
    place = _place_in_samples(error, gallery)
    if limit := _limit(error, place):
        return limit
    language, fix = Path(error.path).suffix.upper().lstrip("."), RULES[rule].fix_where(message)
    written = (
        '"first": {"name": "value"}'
        if language == "JSON"
        else "[first], then name = value below it"
    )
    find = partial(
        RULES.finding, place, rule, "format" if _AT.search(message) else "", language=language
    )
    return find(message=_as_sentence(message), fix=fix, written=written)


def _undecodable(error: TemplateInvalid, gallery: Gallery) -> Place | None:
    """Return the place of the first byte that is not UTF-8. The file is found by its content."""
    cause = error.__cause__
    if not isinstance(cause, UnicodeDecodeError):
        return None
    whole, before = bytes(cause.object), bytes(cause.object)[: cause.start]
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    for file in (Path(error.path), *sorted(gallery.paths())):
        if file.is_file() and file.stat().st_size == len(whole) and read_plain_file(file) == whole:
            return Place(gallery.name_of(file), before.count(b"\n") + 1, column)
    return None


def _place_of(error: TemplateInvalid, gallery: Gallery) -> Place:
    """Return where a template fails: at the name that the error quotes, at its tag, or at the first
    of its line.
    """
    file, line, cause = gallery.name_of(error.path), error.line or 0, error.__cause__
    text, position = _line_at(file, line, gallery), getattr(cause, "lineno", None)
    column = (
        error.column
        or (getattr(position, "line", 0) == line and getattr(position, "column", 0))
        or 0
    )
    tags = list(_TAG.finditer(text, max(column - 1, 0)))
    if name := _name_in(error):
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        words = ((tag.start(), word.search(text, *tag.span())) for tag in tags)
        named = (start if text[start] == "<" else one.start() for start, one in words if one)
        column = next(named, column - 1) + 1
    first = tags[0].start() if tags else len(text) - len(text.lstrip())
    return Place(file, line, column or first + 1)


def _place_in_samples(error: TemplateInvalid, gallery: Gallery) -> Place:
    """Return where samples cannot be read. The message names a line, or a sample and its field."""
    file, line, column = gallery.name_of(error.path), error.line or 0, 0
    if match := _AT.search(error.message):
        line, column = int(match[1]), int(match[2] or 0)
    elif line and (field := _FIELD.search(error.message)):
        written = re.compile(rf"(?:^|[{{,])\s*[\"']?({field[1]})[\"']?\s*[=:]")
        below = enumerate(map(written.search, gallery.text(file).split("\n")[line - 1 :]), line)
        line, column = next(((number, one.start(1) + 1) for number, one in below if one), (line, 0))
    text = _line_at(file, line, gallery)
    return Place(file, line, column or len(text) - len(text.lstrip()) + 1)


def _line_at(file: str, line: int, gallery: Gallery) -> str:
    return "".join(gallery.text(file).split("\n")[line - 1 : line]) if line else ""


def _name_in(error: TemplateInvalid) -> str:
    """Return the name in a line that an error is about; empty if it names none, or its tag is
    known.
    """
    cause, message = error.__cause__, error.message
    if isinstance(cause, EngineFault | TagOfAnotherEngine):
        return ""
    if isinstance(cause, TemplateNotFound):
        return str(cause.name)
    if isinstance(cause, UndefinedError):
        return missing_name(message)
    is_quoted = isinstance(cause, TemplateSyntaxError) or _UNKNOWN.search(message)
    quoted = is_quoted and (_GOT.match(message) or _QUOTED.search(message))
    return quoted[1] if quoted else ""


def _explain_error(
    error: TemplateInvalid, gallery: Gallery, sample: Sample, place: Place
) -> Finding:
    cause, message = error.__cause__, error.message
    line_text = _line_at(gallery.name_of(error.path), error.line or 0, gallery)
    find = partial(RULES.finding, place, message=_as_sentence(message))
    match cause:
        case TagOfAnotherEngine():
            return RULES.finding(place, rule_of(cause.engine), said=message)
        case TemplateSyntaxError() | TemplateRuntimeError() if unknown := _UNKNOWN.search(message):
            return _unknown(unknown[1] or "tag", unknown[2] or "", message, gallery, place)
        case TemplateSyntaxError():
            return _of_syntax(message, line_text, place)
        case TemplatesNotFound() if "<mj-include" in line_text:
            return _missing_include([*map(str, cause.templates)], gallery, place)
        case RecursionError():
            case = "circle" if _BRINGS_IN.search(line_text) else "endless macro"
            return RULES.finding(place, "jinja/error", case, file=place.file)
        case TemplateNotFound():
            is_made_up = not sample.is_complete and str(cause.name) not in _written_in(line_text)
            fix = _closest_file(str(cause.name), gallery, place)
            return (
                _not_checked(message, place)
                if is_made_up
                else find("jinja/missing-template", fix=fix)
            )
        case UndefinedError():
            name = missing_name(message)
            holders = {*re.findall(rf"(?<![\w.])([\w.]+)\.{re.escape(name)}\b", line_text)}
            sentence = (
                re.sub(r"^'[^']+ object'", f"'{holders.pop()}'", message)
                if len(holders) == 1
                else message
            )
            fix = _fix_for_name(name, sample, getattr(cause, "beside", None))
            return find("jinja/undefined", message=_as_sentence(sentence), fix=fix)
        case SecurityError():
            return find("jinja/sandbox")
    if message.endswith("extended multiple times"):
        return find("jinja/error", "two layouts")
    return (
        find("jinja/error", sample=sample.name)
        if sample.is_complete
        else _not_checked(message, place)
    )


def _written_in(line_text: str) -> list[str]:
    """Return the texts of a line. A file that none of them names is named by a value."""
    return [first or second for first, second in _TEXT.findall(line_text)]


def _limit(error: TemplateInvalid, place: Place) -> Finding | None:
    """Return the finding if a limit was passed, with the reason where the rule's message does not
    say it.
    """
    limit, reason = (
        limit_of(error.__cause__),
        _as_sentence(str(error.__cause__ or "") or error.message),
    )
    return limit_finding(limit, place, "" if limit == "memory" else reason) if limit else None


def _not_checked(message: str, place: Place) -> Finding:
    return RULES.finding(place, "unchecked/part", reason=message, template=stem_of(place.file))


def _of_syntax(message: str, line_text: str, place: Place) -> Finding:
    fix = RULES["jinja/syntax"].fix_where(f"{message}\n{line_text}")
    if open_tag := _OPEN_TAG.search(message):
        message = f"'{open_tag[1]}' is not closed" if open_tag[1] else message
        fix = f"Write {{% end{open_tag[1] or open_tag[2]} %}} where it ends."
    for jargon, word in _WORDS_FOR_TOKENS.items():
        message = message.replace(jargon, word)
    return RULES.finding(place, "jinja/syntax", message=_as_sentence(message), fix=fix)


def _unknown(kind: str, name: str, message: str, gallery: Gallery, place: Place) -> Finding:
    """Return the finding on a filter, test or tag that is unknown by its name, or for what the
    message says.
    """
    environment = gallery.templates.environment(gallery.languages.choose(""))
    known = {"filter": environment.filters, "test": environment.tests}.get(kind, {})
    engine = next(
        (one for one, names in RULES["jinja/unknown-filter"].words.items() if name in names), ""
    )
    meant = (
        did_you_mean(name, known, _CLOSE, question="Did you mean {}? Otherwise,")
        or "Check its spelling;"
    )
    message = f"No {kind} named '{name}'" if name else message
    spelling = f"{engine} has one of this name;" if engine else meant
    return RULES.finding(
        place, f"jinja/unknown-{kind}", message=_as_sentence(message), spelling=spelling
    )


def unknown_filters(
    tree: nodes.Template, source: str, file: str, gallery: Gallery
) -> Iterator[Finding]:
    environment, lines = (
        gallery.templates.environment(gallery.languages.choose("")),
        source.split("\n"),
    )
    for kind, known in ((nodes.Filter, environment.filters), (nodes.Test, environment.tests)):
        for node in tree.find_all(kind):
            if node.name not in known:
                line, name = int(node.lineno), kind.__name__.lower()
                written = re.search(
                    rf"(?:\||\bfilter|\bis(?:\s+not)?)\s*({re.escape(node.name)})\b",
                    lines[line - 1],
                )
                place = Place(file, line, written.start(1) + 1 if written else 1)
                yield _unknown(name, node.name, "", gallery, place)


def _missing_include(names: Sequence[str], gallery: Gallery, place: Place) -> Finding:
    """Explain a missing file of mj-include, which looks beside its own file and
    then in the folder.
    """
    inside = [name for name in names if not name.startswith("../")]
    if not inside:
        return RULES.finding(place, "mjml/missing-include", "outside", file=names[0])
    fix = _closest_file(names[0], gallery, place)
    return RULES.finding(place, "mjml/missing-include", files=" or ".join(inside), fix=fix)


def _fix_for_name(name: str, sample: Sample, beside: Sequence[str] | None) -> str:
    """Return the fix for a missing name.

    `beside`: the names of the object that should have it, if it is one's.
    """
    names = sample.values if beside is None else beside
    if meant := did_you_mean(name, names):
        return meant
    is_typed, missing = sample.kind == "typed", name or "the missing name"
    template = "This template" if is_typed else f"The sample {sample.name}"
    has = (
        f"{template if beside is None else 'This object'} has these values: "
        f"{cut(', '.join(names) or 'none')}."
    )
    return f"{has} Add {missing}{' to its props' if is_typed else ''}, or do not print it."


def _closest_file(name: str, gallery: Gallery, place: Place) -> str:
    files = (gallery.name_of(path) for path in gallery.paths() if path.is_file())
    shown = [file for file in files if not (file.lower().endswith(_DATA) or f"/{file}".count("/."))]
    return did_you_mean_file(name, shown, place.file)


def _as_sentence(message: str) -> str:
    text = message if _A_NAME_FIRST.match(message) else message[:1].upper() + message[1:]
    return text.rstrip(".") + "."
