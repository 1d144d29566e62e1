"""Findings on templates that cannot be rendered, or not in full, and on samples that cannot be
read.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError, TemplatesNotFound

from keyturn.errors import CatalogueInvalid, TemplateInvalid
from keyturn.plain_files import read_plain_file
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
from keyturn.studio.lint.source.engine_fault import EngineFault
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
    """Return the finding that says why a template cannot be rendered, at its place if known."""
    if place := _undecodable(error, gallery):
        return RULES.finding(place, "jinja/error", "not UTF-8", file=place.file)
    place = _place_of(error, gallery)
    cause = error.__cause__
    if isinstance(cause, EngineFault):
        is_certain = error.by_itself or sample.is_complete
        if cause.kind == "error" and not is_certain:
            return _not_checked(error.message, place)
        rule = f"{cause.engine.lower()}/{cause.kind}"
        return RULES.finding(place, rule, message=_as_sentence(error.message), fix=cause.fix)
    if isinstance(cause, CatalogueInvalid):  # the catalogue has a finding of its own
        return RULES.finding(place, "unchecked/part", "catalogue", file=gallery.name_of(cause.path))
    return _limit(error, place) or _explain_error(error, gallery, sample, place)


def explain_samples(error: TemplateInvalid, gallery: Gallery) -> Finding:
    """Say why samples cannot be read, where it is known."""
    rule = "samples/invalid"
    message = error.message
    if place := _undecodable(error, gallery):
        return RULES.finding(place, rule, "not UTF-8", file=place.file)
    place = _place_in_samples(error, gallery)
    if limit := _limit(error, place):
        return limit
    language = Path(error.path).suffix.upper().lstrip(".")
    written = "[first], then name = value below it"
    if language == "JSON":
        written = '"first": {"name": "value"}'
    return RULES.finding(
        place,
        rule,
        "format" if _AT.search(message) else "",
        language=language,
        message=_as_sentence(message),
        fix=RULES[rule].fix_where(message),
        written=written,
    )


def _undecodable(error: TemplateInvalid, gallery: Gallery) -> Place | None:
    """Return the place of the first byte that is not UTF-8. The file is found by its content."""
    cause = error.__cause__
    if not isinstance(cause, UnicodeDecodeError):
        return None
    content = bytes(cause.object)
    for file in (Path(error.path), *sorted(gallery.paths())):
        if not file.is_file() or file.stat().st_size != len(content):
            continue
        if read_plain_file(file) == content:
            before = content[: cause.start]
            line = before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")
            return Place(gallery.name_of(file), before.count(b"\n") + 1, len(line) + 1)
    return None


def _place_of(error: TemplateInvalid, gallery: Gallery) -> Place:
    """Return where a template fails: at the name that the error quotes, at its tag, or at the first
    of its line.
    """
    file = gallery.name_of(error.path)
    line = error.line or 0
    text = _line_at(file, line, gallery)
    column = error.column or _column_told_by(error.__cause__, line)
    tags = list(_TAG.finditer(text, max(column - 1, 0)))
    if name := _name_in(error):
        column = _column_of_name(name, text, tags) or column
    if not column:
        first = tags[0].start() if tags else len(text) - len(text.lstrip())
        column = first + 1
    return Place(file, line, column)


def _column_told_by(cause: BaseException | None, line: int) -> int:
    """Return the column that a cause knows, if it is about this line, else 0."""
    position = getattr(cause, "lineno", None)
    if getattr(position, "line", 0) != line:
        return 0
    return getattr(position, "column", 0) or 0


def _column_of_name(name: str, text: str, tags: Iterable[re.Match[str]]) -> int:
    """Return the column of the first tag that has a name, else 0. In a tag of the template engine,
    it is that of the name.
    """
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for tag in tags:
        if written := word.search(text, *tag.span()):
            is_mjml = text[tag.start()] == "<"
            return (tag.start() if is_mjml else written.start()) + 1
    return 0


def _place_in_samples(error: TemplateInvalid, gallery: Gallery) -> Place:
    """Return where samples cannot be read. The message names a line, or a sample and its field."""
    file = gallery.name_of(error.path)
    line = error.line or 0
    column = 0
    if match := _AT.search(error.message):
        line = int(match[1])
        column = int(match[2] or 0)
    elif line and (field := _FIELD.search(error.message)):
        written = re.compile(rf"(?:^|[{{,])\s*[\"']?({field[1]})[\"']?\s*[=:]")
        lines = gallery.text(file).split("\n")
        for number, text in enumerate(lines[line - 1 :], line):
            if found := written.search(text):
                line = number
                column = found.start(1) + 1
                break
    text = _line_at(file, line, gallery)
    return Place(file, line, column or len(text) - len(text.lstrip()) + 1)


def _line_at(file: str, line: int, gallery: Gallery) -> str:
    if not line:
        return ""
    return "".join(gallery.text(file).split("\n")[line - 1 : line])


def _name_in(error: TemplateInvalid) -> str:
    """Return the name in a line that an error is about; empty if it names none, or its tag is
    known.
    """
    cause = error.__cause__
    message = error.message
    if isinstance(cause, EngineFault | TagOfAnotherEngine):
        return ""
    if isinstance(cause, TemplateNotFound):
        return str(cause.name)
    if isinstance(cause, UndefinedError):
        return missing_name(message)
    if not isinstance(cause, TemplateSyntaxError) and not _UNKNOWN.search(message):
        return ""
    quoted = _GOT.match(message) or _QUOTED.search(message)
    return quoted[1] if quoted else ""


def _explain_error(
    error: TemplateInvalid, gallery: Gallery, sample: Sample, place: Place
) -> Finding:
    cause = error.__cause__
    message = error.message
    line_text = _line_at(gallery.name_of(error.path), error.line or 0, gallery)
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
            is_made_up = str(cause.name) not in _written_in(line_text) and not sample.is_complete
            if not is_made_up:
                return _missing_template(str(cause.name), message, gallery, place)
        case UndefinedError():
            name = missing_name(message)
            said = _as_sentence(_with_holder(message, name, line_text))
            fix = _fix_for_name(name, sample, getattr(cause, "beside", None))
            return RULES.finding(place, "jinja/undefined", message=said, fix=fix)
        case SecurityError():
            return RULES.finding(place, "jinja/sandbox", message=_as_sentence(message))
    return _unexplained(message, sample, place)


def _unexplained(message: str, sample: Sample, place: Place) -> Finding:
    find = partial(RULES.finding, place, "jinja/error", message=_as_sentence(message))
    if message.endswith("extended multiple times"):
        return find("two layouts")
    if sample.is_complete:
        return find(sample=sample.name)
    return _not_checked(message, place)


def _missing_template(name: str, message: str, gallery: Gallery, place: Place) -> Finding:
    fix = _closest_file(name, gallery, place)
    said = _as_sentence(message)
    return RULES.finding(place, "jinja/missing-template", message=said, fix=fix)


def _with_holder(message: str, name: str, line_text: str) -> str:
    """Return a message about a missing name with the object's own name in place of its type, if the
    line tells it.
    """
    holders = {*re.findall(rf"(?<![\w.])([\w.]+)\.{re.escape(name)}\b", line_text)}
    if len(holders) != 1:
        return message
    return re.sub(r"^'[^']+ object'", f"'{holders.pop()}'", message)


def _written_in(line_text: str) -> list[str]:
    """Return the texts of a line. A file that none of them names is named by a value."""
    return [first or second for first, second in _TEXT.findall(line_text)]


def _limit(error: TemplateInvalid, place: Place) -> Finding | None:
    """Return the finding if a limit was passed, with the reason where the rule's message does not
    say it.
    """
    cause = error.__cause__
    limit = limit_of(cause)
    if not limit:
        return None
    reason = "" if limit == "memory" else _as_sentence(str(cause or "") or error.message)
    return limit_finding(limit, place, reason)


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
    said = f"No {kind} named '{name}'" if name else message
    spelling = did_you_mean(name, known, _CLOSE, question="Did you mean {}? Otherwise,")
    if not spelling:
        spelling = "Check its spelling;"
    for engine, names in RULES["jinja/unknown-filter"].words.items():
        if name in names:
            spelling = f"{engine} has one of this name;"
            break
    return RULES.finding(
        place, f"jinja/unknown-{kind}", message=_as_sentence(said), spelling=spelling
    )


def unknown_filters(
    tree: nodes.Template, source: str, file: str, gallery: Gallery
) -> Iterator[Finding]:
    environment = gallery.templates.environment(gallery.languages.choose(""))
    lines = source.split("\n")
    for kind, known in ((nodes.Filter, environment.filters), (nodes.Test, environment.tests)):
        for node in tree.find_all(kind):
            if node.name not in known:
                line = int(node.lineno)
                name = re.escape(node.name)
                use = re.compile(rf"(?:\||\bfilter|\bis(?:\s+not)?)\s*({name})\b")
                written = use.search(lines[line - 1])
                place = Place(file, line, written.start(1) + 1 if written else 1)
                yield _unknown(kind.__name__.lower(), node.name, "", gallery, place)


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
    missing = name or "the missing name"
    owner = "This object"
    if beside is None:
        owner = "This template" if sample.kind == "typed" else f"The sample {sample.name}"
    has = f"{owner} has these values: {cut(', '.join(names) or 'none')}."
    props = " to its props" if sample.kind == "typed" else ""
    return f"{has} Add {missing}{props}, or do not print it."


def _closest_file(name: str, gallery: Gallery, place: Place) -> str:
    shown = []
    for path in gallery.paths():
        file = gallery.name_of(path)
        is_hidden = "/." in f"/{file}"
        if path.is_file() and not is_hidden and not file.lower().endswith(_DATA):
            shown.append(file)
    return did_you_mean_file(name, shown, place.file)


def _as_sentence(message: str) -> str:
    text = message if _A_NAME_FIRST.match(message) else message[:1].upper() + message[1:]
    return text.rstrip(".") + "."
