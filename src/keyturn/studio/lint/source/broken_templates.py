"""Findings on templates that cannot be rendered, or not in full, and on samples that cannot be
read.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError, TemplatesNotFound

from keyturn.errors import CatalogueInvalid, TemplateInvalid
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.naming import stem_of
from keyturn.studio.gallery.variables.missing_names import NameNotFound, missing_name
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
from keyturn.studio.lint.source.engine_recognition import TagOfAnotherEngine, rule_of
from keyturn.studio.lint.source.fault_places import (
    LINE_IN_MESSAGE,
    UNKNOWN,
    line_at,
    place_in_samples,
    place_of,
    undecodable_byte,
)

_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_BRINGS_IN = re.compile(r"\{%[-+]?\s*(?:include|extends|import|from)\b|<mj-include\b")
_A_NAME_FIRST = re.compile(r"['{]|.+? (?:is outside a sample|occurs twice)\b")
_DATA = (".toml", ".json", ".po", ".pot", ".mo")
_CLOSE = 0.8  # a ratio of difflib
_OPEN_TAG = re.compile(r"to be closed is '(\w+)'|^'(\w+)' is not closed")
_WORDS_FOR_TOKENS = {
    "token 'name'": "a name",
    "token ": "",
    "'end of print statement'": "}}",
    "'end of statement block'": "%}",
}


def explain(error: TemplateInvalid, gallery: Gallery, sample: Sample) -> Finding:
    """Return the finding that says why a template cannot be rendered, at its place if known."""
    not_utf8 = undecodable_byte(error, gallery)
    if not_utf8:
        return RULES.finding(not_utf8, "jinja/error", "not UTF-8", file=not_utf8.file)
    place = place_of(error, gallery)
    cause = error.__cause__
    if isinstance(cause, EngineFault):
        is_certain = error.by_itself or sample.is_complete
        if cause.kind == "error" and not is_certain:
            return _not_checked(error.message, place)
        rule = f"{cause.engine.lower()}/{cause.kind}"
        return RULES.finding(place, rule, message=_as_sentence(error.message), fix=cause.fix)
    if isinstance(cause, CatalogueInvalid):  # the catalogue has a finding of its own
        return RULES.finding(place, "unchecked/part", "catalogue", file=gallery.name_of(cause.path))
    return _limit(error, place) or _explain_cause(error, gallery, sample, place)


def explain_samples(error: TemplateInvalid, gallery: Gallery) -> Finding:
    """Say why samples cannot be read, where it is known."""
    rule = "samples/invalid"
    message = error.message
    not_utf8 = undecodable_byte(error, gallery)
    if not_utf8:
        return RULES.finding(not_utf8, rule, "not UTF-8", file=not_utf8.file)
    place = place_in_samples(error, gallery)
    limit = _limit(error, place)
    if limit:
        return limit
    language = Path(error.path).suffix.upper().lstrip(".")
    written = "[first], then name = value below it"
    if language == "JSON":
        written = '"first": {"name": "value"}'
    return RULES.finding(
        place,
        rule,
        "format" if LINE_IN_MESSAGE.search(message) else "",
        language=language,
        message=_as_sentence(message),
        fix=RULES[rule].fix_where(message),
        written=written,
    )


def _limit(error: TemplateInvalid, place: Place) -> Finding | None:
    """Return the finding if a limit was passed, with the reason where the rule's message does not
    say it.
    """
    cause = error.__cause__
    limit = limit_of(cause)
    if not limit:
        return None
    if limit == "memory":
        return limit_finding(limit, place)
    return limit_finding(limit, place, _as_sentence(str(cause or "") or error.message))


def _explain_cause(
    error: TemplateInvalid, gallery: Gallery, sample: Sample, place: Place
) -> Finding:
    cause = error.__cause__
    message = error.message
    line_text = line_at(gallery.name_of(error.path), error.line or 0, gallery)
    if isinstance(cause, TagOfAnotherEngine):
        return RULES.finding(place, rule_of(cause.engine), said=message)
    unknown = UNKNOWN.search(message)
    if unknown and isinstance(cause, TemplateSyntaxError | TemplateRuntimeError):
        return _unknown(unknown[1] or "tag", unknown[2] or "", message, gallery, place)
    match cause:
        case TemplateSyntaxError():
            return _of_syntax(message, line_text, place)
        case TemplatesNotFound() if "<mj-include" in line_text:
            return _missing_include([str(name) for name in cause.templates], gallery, place)
        case RecursionError():
            case = "circle" if _BRINGS_IN.search(line_text) else "endless macro"
            return RULES.finding(place, "jinja/error", case, file=place.file)
        case TemplateNotFound():
            # With made-up values, a name that the line does not write is made up, too.
            if sample.is_complete or str(cause.name) in _texts_of(line_text):
                return _missing_template(str(cause.name), message, gallery, place)
        case UndefinedError():
            return _missing_name(error, line_text, sample, place)
        case SecurityError():
            return RULES.finding(place, "jinja/sandbox", message=_as_sentence(message))
    return _unexplained(message, sample, place)


def _unknown(kind: str, name: str, message: str, gallery: Gallery, place: Place) -> Finding:
    """Return the finding on a filter, test or tag that is unknown by its name, or for what the
    message says.
    """
    known = _known_names(gallery).get(kind, {})
    said = f"No {kind} named '{name}'" if name else message
    spelling = did_you_mean(name, known, _CLOSE, question="Did you mean {}? Otherwise,")
    spelling = spelling or "Check its spelling;"
    for engine, names in RULES["jinja/unknown-filter"].words.items():
        if name in names:
            spelling = f"{engine} has one of this name;"
            break
    return RULES.finding(
        place, f"jinja/unknown-{kind}", message=_as_sentence(said), spelling=spelling
    )


def _known_names(gallery: Gallery) -> Mapping[str, Collection[str]]:
    """Return the names of filters and of tests."""
    environment = gallery.templates.environment(gallery.languages.choose(""))
    return {"filter": environment.filters, "test": environment.tests}


def _of_syntax(message: str, line_text: str, place: Place) -> Finding:
    fix = RULES["jinja/syntax"].fix_where(f"{message}\n{line_text}")
    open_tag = _OPEN_TAG.search(message)
    if open_tag:
        name = open_tag[1] or open_tag[2]
        if open_tag[1]:
            message = f"'{name}' is not closed"
        fix = f"Write {{% end{name} %}} where it ends."
    for jargon, word in _WORDS_FOR_TOKENS.items():
        message = message.replace(jargon, word)
    return RULES.finding(place, "jinja/syntax", message=_as_sentence(message), fix=fix)


def _missing_include(names: Sequence[str], gallery: Gallery, place: Place) -> Finding:
    """Explain a missing file of mj-include, which looks beside its own file and
    then in the folder.
    """
    inside = [name for name in names if not name.startswith("../")]
    if not inside:
        return RULES.finding(place, "mjml/missing-include", "outside", file=names[0])
    fix = _closest_file(names[0], gallery, place)
    return RULES.finding(place, "mjml/missing-include", files=" or ".join(inside), fix=fix)


def _texts_of(line_text: str) -> list[str]:
    """Return what is written between quotes in a line."""
    return [first or second for first, second in _TEXT.findall(line_text)]


def _missing_template(name: str, message: str, gallery: Gallery, place: Place) -> Finding:
    fix = _closest_file(name, gallery, place)
    said = _as_sentence(message)
    return RULES.finding(place, "jinja/missing-template", message=said, fix=fix)


def _closest_file(name: str, gallery: Gallery, place: Place) -> str:
    shown = []
    for path in gallery.paths():
        file = gallery.name_of(path)
        is_hidden = "/." in f"/{file}"
        if path.is_file() and not is_hidden and not file.lower().endswith(_DATA):
            shown.append(file)
    return did_you_mean_file(name, shown, place.file)


def _missing_name(error: TemplateInvalid, line_text: str, sample: Sample, place: Place) -> Finding:
    cause = error.__cause__
    name = missing_name(error.message)
    message = _as_sentence(_with_holder(error.message, name, line_text))
    fix = _fix_for_name(name, sample, cause.beside if isinstance(cause, NameNotFound) else None)
    return RULES.finding(place, "jinja/undefined", message=message, fix=fix)


def _with_holder(message: str, name: str, line_text: str) -> str:
    """Return a message about a missing name with the object's own name in place of its type, if the
    line tells it.
    """
    holders = {*re.findall(rf"(?<![\w.])([\w.]+)\.{re.escape(name)}\b", line_text)}
    if len(holders) != 1:
        return message
    return re.sub(r"^'[^']+ object'", f"'{holders.pop()}'", message)


def _fix_for_name(name: str, sample: Sample, beside: Sequence[str] | None) -> str:
    """Return the fix for a missing name.

    `beside`: the names of the object that should have it, if it is one's.
    """
    names: Collection[str] = sample.values
    owner = f"The sample {sample.name}"
    props = ""
    if sample.kind == "typed":
        owner = "This template"
        props = " to its props"
    if beside is not None:
        names = beside
        owner = "This object"
    meant = did_you_mean(name, names)
    if meant:
        return meant
    missing = name or "the missing name"
    has = f"{owner} has these values: {cut(', '.join(names) or 'none')}."
    return f"{has} Add {missing}{props}, or do not print it."


def _unexplained(message: str, sample: Sample, place: Place) -> Finding:
    find = partial(RULES.finding, place, "jinja/error", message=_as_sentence(message))
    if message.endswith("extended multiple times"):
        return find("two layouts")
    if sample.is_complete:
        return find(sample=sample.name)
    return _not_checked(message, place)


def _not_checked(message: str, place: Place) -> Finding:
    return RULES.finding(place, "unchecked/part", reason=message, template=stem_of(place.file))


def _as_sentence(message: str) -> str:
    if not _A_NAME_FIRST.match(message):
        message = message[:1].upper() + message[1:]
    return message.rstrip(".") + "."


def unknown_filters(
    tree: nodes.Template, source: str, file: str, gallery: Gallery
) -> Iterator[Finding]:
    """Yield the filters and tests of a template that are unknown, rendered or not."""
    known = _known_names(gallery)
    lines = source.split("\n")
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        kind = type(node).__name__.lower()
        if node.name not in known[kind]:
            line = lines[node.lineno - 1]
            place = Place(file, int(node.lineno), _column_of_use(node.name, line))
            yield _unknown(kind, node.name, "", gallery, place)


def _column_of_use(name: str, line: str) -> int:
    """Return the column of a filter or a test in a line; 1 if it is in another one."""
    use = re.compile(rf"(?:\||\bfilter|\bis(?:\s+not)?)\s*({re.escape(name)})\b")
    written = use.search(line)
    return written.start(1) + 1 if written else 1
