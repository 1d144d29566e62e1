"""Findings on templates that cannot be rendered, or not in full, and on samples that cannot be read."""

import re
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from posixpath import basename

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError, TemplatesNotFound

from keyturn.errors import CatalogueInvalid, TemplateInvalid
from keyturn.mail.rendering.render import EngineFault
from keyturn.plain_files import read_plain_file
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.environments import FolderEnvironment, parse_template
from keyturn.studio.gallery.naming import stem_of
from keyturn.studio.gallery.variables.missing_names import missing_name
from keyturn.studio.lint.finding import Finding, Place, cut, did_you_mean, did_you_mean_file, limit_of, reason_of
from keyturn.studio.lint.rules import RULES, limit_finding
from keyturn.studio.lint.source.origins import with_lenient_origins
from keyturn.studio.lint.source.other_engines import TagOfAnotherEngine, rule_of

_TAG = re.compile(r"\{[{%].*?(?:[}%]\}|$)")
_GOT = re.compile(r".*\bgot '(\w+)'")
_QUOTED = re.compile(r"'(\w+)'")
_AT = re.compile(r"\(at line (\d+)(?:, column (\d+))?")
_BRINGS_IN = re.compile(r"\{%[-+]?\s*(?:include|extends|import|from)\b|<mj-include\b")
_ONCE_MORE = 2
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
    turns, cause = _circle(error, gallery), error.__cause__
    place = _completed(turns[-1] if turns else _place_of(error, gallery), gallery)
    if isinstance(cause, EngineFault):
        if cause.kind == "error" and not (error.by_itself or sample.is_complete):
            return _not_checked(error.message, place)
        rule = f"{cause.engine.lower()}/{cause.kind}"
        return RULES.finding(place, rule, message=_as_sentence(error.message), fix=cause.fix)
    if turns:
        others = ", ".join(dict.fromkeys(one.file for one in turns if one.file != place.file))
        through = f", through {others}" if others else ""
        return RULES.finding(place, "jinja/error", "circle", file=place.file, through=through)
    if isinstance(cause, CatalogueInvalid):  # the catalogue has a finding of its own
        return RULES.finding(place, "unchecked/part", "catalogue", file=gallery.folders.name_of(cause.path))
    if limit := limit_of(cause):
        return limit_finding(limit, place, reason_of(cause, error.message))
    return _explain_error(error, gallery, sample, place)


def explain_samples(error: TemplateInvalid, gallery: Gallery) -> Finding:
    """Say why samples cannot be read, where it is known."""
    rule, message = "samples/invalid", error.message
    if place := _undecodable(error, gallery):
        return RULES.finding(place, rule, "not UTF-8", file=place.file)
    place = _completed(_place_in_samples(error, gallery), gallery)
    if limit := limit_of(error.__cause__):
        return limit_finding(limit, place, reason_of(error.__cause__, message))
    language, fix = Path(error.path).suffix.upper().lstrip("."), RULES[rule].fix_where(message)
    written = '"first": {"name": "value"}' if language == "JSON" else "[first], then name = value below it"
    find = partial(RULES.finding, place, rule, "format" if _AT.search(message) else "", language=language)
    return find(message=_as_sentence(message), fix=fix, written=written)


def _undecodable(error: TemplateInvalid, gallery: Gallery) -> Place | None:
    """Return the place of the first byte that is not UTF-8. The file is found by its content."""
    cause = error.__cause__
    if not isinstance(cause, UnicodeDecodeError):
        return None
    whole, before = bytes(cause.object), bytes(cause.object)[: cause.start]
    files = (path for path in (Path(error.path), *sorted(gallery.folders.paths())) if _has_content(path, whole))
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return next((Place(gallery.folders.name_of(file), before.count(b"\n") + 1, column) for file in files), None)


def _has_content(file: Path, content: bytes) -> bool:
    return file.is_file() and file.stat().st_size == len(content) and read_plain_file(file) == content


def _circle(error: TemplateInvalid, gallery: Gallery) -> tuple[Place, ...]:
    """Return the includes of an endless circle, each once. A macro that calls itself is no circle."""
    if not isinstance(error.__cause__, RecursionError):
        return ()
    steps, folders = traceback.extract_tb(error.__cause__.__traceback__), gallery.folders
    times = Counter(
        Place(folders.name_of(step.filename), step.lineno or 0) for step in steps if Path(step.filename) in folders
    )
    lines = {one: _line_at(one, gallery) for one, count in times.items() if count > _ONCE_MORE}
    turns = ((one, line) for one, line in lines.items() if _BRINGS_IN.search(line))
    return tuple(Place(one.file, one.line, _column(line, error)) for one, line in turns)


def _place_of(error: TemplateInvalid, gallery: Gallery) -> Place:
    """Return where a template fails. In a line with several tags, the column is known only if the error names one."""
    place, cause = Place(gallery.folders.name_of(error.path), error.line or 0, error.column or 0), error.__cause__
    if isinstance(cause, EngineFault):
        return place
    column = getattr(cause.lineno, "column", 0) if isinstance(cause, TagOfAnotherEngine) else 0
    return Place(place.file, place.line, column or _column(_line_at(place, gallery), error) or place.column)


def _place_in_samples(error: TemplateInvalid, gallery: Gallery) -> Place:
    """Return where samples cannot be read. The message names a line, or a sample and its field."""
    file = gallery.folders.name_of(error.path)
    if match := _AT.search(error.message):
        return Place(file, int(match[1]), int(match[2] or 0))
    if error.line and (field := _FIELD.search(error.message)):
        written = re.compile(rf"(?:^|[{{,])\s*[\"']?({field[1]})[\"']?\s*[=:]")
        for number, line in enumerate(gallery.text(file).split("\n")[error.line - 1 :], error.line):
            if match := written.search(line):
                return Place(file, number, match.start(1) + 1)
    return Place(file, error.line or 0, 0)


def _completed(place: Place, gallery: Gallery) -> Place:
    """Return a place with a column: by default that of the first tag of the line, else of its first word."""
    line = _line_at(place, gallery)
    first = tag.start() if (tag := _TAG.search(line)) else len(line) - len(line.lstrip())
    return place if place.column else Place(place.file, place.line, first + 1)


def _line_at(place: Place, gallery: Gallery) -> str:
    return "".join(gallery.text(place.file).split("\n")[place.line - 1 : place.line]) if place.line else ""


def _column(line: str, error: TemplateInvalid) -> int:
    """Return the column of what an error names in a line, or of its only tag; else 0."""
    cause, tags = error.__cause__, list(_TAG.finditer(line))
    if isinstance(cause, TemplatesNotFound) and "<mj-include" in line:
        includes = list(re.finditer(r"<mj-include\b[^>]*", line))
        wanted = basename(str(cause.templates[0]))
        return next((one.start() for one in includes if wanted in one[0]), includes[0].start()) + 1
    if isinstance(cause, TemplateSyntaxError) and getattr(cause.lineno, "line", None) == error.line:
        tags = [tag for tag in tags if tag.start() + 1 == getattr(cause.lineno, "column", None)] or tags
    if name := _name_in(error):
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        words = (word.search(line, *span) for span in [tag.span() for tag in tags] or [(0, len(line))])
        if match := next(filter(None, words), None):
            return match.start() + 1
    return tags[0].start() + 1 if len(tags) == 1 else 0


def _name_in(error: TemplateInvalid) -> str:
    cause, message = error.__cause__, error.message
    if isinstance(cause, TemplateNotFound):
        return str(cause.name)
    if isinstance(cause, UndefinedError):
        return missing_name(message)
    is_quoted = isinstance(cause, TemplateSyntaxError) or _UNKNOWN.search(message)
    quoted = is_quoted and (_GOT.match(message) or _QUOTED.search(message))
    return quoted[1] if quoted else ""


def _explain_error(error: TemplateInvalid, gallery: Gallery, sample: Sample, place: Place) -> Finding:
    cause, message = error.__cause__, error.message
    line_text = _line_at(Place(gallery.folders.name_of(error.path), error.line or 0), gallery)
    find = partial(RULES.finding, place, message=_as_sentence(message))
    match cause:
        case TemplateSyntaxError():
            return _of_syntax(cause, message, line_text, gallery, place)
        case TemplatesNotFound() if "<mj-include" in line_text:
            return _missing_include([*map(str, cause.templates)], gallery, place)
        case TemplateRuntimeError() if unknown := _UNKNOWN.search(message):
            return _unknown(unknown, message, gallery, place)
        case RecursionError():
            return RULES.finding(place, "jinja/error", "endless macro")
        case TemplateNotFound():
            return find("jinja/missing-template", fix=_closest_file(str(cause.name), gallery, place))
        case UndefinedError():
            name = missing_name(message)
            holders = {*re.findall(rf"(?<![\w.])([\w.]+)\.{re.escape(name)}\b", line_text)}
            sentence = re.sub(r"^'[^']+ object'", f"'{holders.pop()}'", message) if len(holders) == 1 else message
            fix = _fix_for_name(name, sample, getattr(cause, "beside", None))
            return find("jinja/undefined", message=_as_sentence(sentence), fix=fix)
        case SecurityError():
            return find("jinja/sandbox")
    if message.endswith("extended multiple times"):
        return find("jinja/error", "two layouts")
    return find("jinja/error", sample=sample.name) if sample.is_complete else _not_checked(message, place)


def _not_checked(message: str, place: Place) -> Finding:
    return RULES.finding(place, "unchecked/part", reason=message, template=stem_of(place.file))


def _of_syntax(cause: TemplateSyntaxError, message: str, line_text: str, gallery: Gallery, place: Place) -> Finding:
    if isinstance(cause, TagOfAnotherEngine):
        return RULES.finding(place, rule_of(cause.engine), said=message)
    if unknown := _UNKNOWN.search(message):
        return _unknown(unknown, message, gallery, place)
    fix = RULES["jinja/syntax"].fix_where(f"{message}\n{line_text}")
    if open_tag := _OPEN_TAG.search(message):
        message = f"'{open_tag[1]}' is not closed" if open_tag[1] else message
        fix = f"Write {{% end{open_tag[1] or open_tag[2]} %}} where it ends."
    for jargon, word in _WORDS_FOR_TOKENS.items():
        message = message.replace(jargon, word)
    return RULES.finding(place, "jinja/syntax", message=_as_sentence(message), fix=fix)


def _unknown(unknown: re.Match[str], message: str, gallery: Gallery, place: Place) -> Finding:
    kind, name = unknown[1] or "tag", unknown[2] or ""
    return _of_unknown(kind, name, _as_sentence(f"No {kind} named '{name}'" if name else message), gallery, place)


def _of_unknown(kind: str, name: str, message: str, gallery: Gallery, place: Place) -> Finding:
    environment = gallery.templates.environment(gallery.languages.choose(""))
    known = {"filter": environment.filters, "test": environment.tests}.get(kind, {})
    engine = next((one for one, names in RULES["jinja/unknown-filter"].words.items() if name in names), "")
    meant = did_you_mean(name, known, _CLOSE, "Did you mean {}? Otherwise,") or "Check its spelling;"
    spelling = f"{engine} has one of this name;" if engine else meant
    return RULES.finding(place, f"jinja/unknown-{kind}", message=message, spelling=spelling)


def unknown_filters_in(gallery: Gallery, file: str) -> Iterator[Finding]:
    """Yield the unknown filters and tests of a file. Django refuses its own; in an app's environment Jinja does."""
    environment = gallery.templates.environment(gallery.languages.choose(""))
    if gallery.templates.engine or not isinstance(environment, FolderEnvironment):
        return
    source = gallery.source(file)
    try:
        tree = parse_template(environment, source, file, with_lenient_origins)
    except TemplateError:  # another check reports it
        return
    lines = source.split("\n")
    for kind, known in ((nodes.Filter, environment.filters), (nodes.Test, environment.tests)):
        for node in tree.find_all(kind):
            if node.name not in known:
                place = Place(file, line := int(node.lineno), _column_of_filter(lines[line - 1], node.name))
                name = kind.__name__.lower()
                yield _of_unknown(name, node.name, f"No {name} named '{node.name}'.", gallery, place)


def _column_of_filter(line: str, name: str) -> int:
    match = re.search(rf"(?:\||\bfilter|\bis(?:\s+not)?)\s*({re.escape(name)})\b", line)
    return match.start(1) + 1 if match else 1


def _missing_include(names: Sequence[str], gallery: Gallery, place: Place) -> Finding:
    """Explain a missing file of mj-include, which looks beside its own file and then in the folder."""
    inside = [name for name in names if not name.startswith("../")]
    if not inside:
        return RULES.finding(place, "mjml/missing-include", "outside", file=names[0])
    fix = _closest_file(names[0], gallery, place)
    return RULES.finding(place, "mjml/missing-include", files=" or ".join(inside), fix=fix)


def _fix_for_name(name: str, sample: Sample, beside: Sequence[str] | None) -> str:
    """Return the fix for a missing name. `beside`: the names of the object that should have it, if it is one's."""
    names = sample.values if beside is None else beside
    if meant := did_you_mean(name, names):
        return meant
    is_typed, missing = sample.kind == "typed", name or "the missing name"
    template = "This template" if is_typed else f"The sample {sample.name}"
    has = f"{template if beside is None else 'This object'} has these values: {cut(', '.join(names) or 'none')}."
    return f"{has} Add {missing}{' to its props' if is_typed else ''}, or do not print it."


def _closest_file(name: str, gallery: Gallery, place: Place) -> str:
    files = (gallery.folders.name_of(path) for path in gallery.folders.paths() if path.is_file())
    shown = [file for file in files if not (file.lower().endswith(_DATA) or f"/{file}".count("/."))]
    return did_you_mean_file(name, shown, place.file)


def _as_sentence(message: str) -> str:
    text = message if _A_NAME_FIRST.match(message) else message[:1].upper() + message[1:]
    return text.rstrip(".") + "."
