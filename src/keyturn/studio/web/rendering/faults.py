"""A broken template, explained: the file and line, the lines around it, and a fix."""

import re

from msgspec import Struct

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.folders import plain_name
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.lint.finding import Finding, Place
from keyturn.studio.lint.guard import first_mistake_in
from keyturn.studio.lint.rules import limit_finding
from keyturn.studio.lint.source.broken_templates import Spot, explain, explain_samples, spot_in_samples, spot_of

_TOKEN = re.compile(r"</?[\w-]+>?|[\w-]+|\{\{.*?\}\}|\{%.*?%\}|\S")


class ExcerptLine(Struct, frozen=True):
    """A line of an excerpt. `marked`: the word of the finding. Only the line of the finding has it, and `after`."""

    number: int
    before: str
    marked: str = ""
    after: str = ""


def excerpt(
    lines: list[str], line: int, column: int | None, *, around: int = 1, before: int = 16
) -> tuple[ExcerptLine, ...]:
    """Return the lines without their common indentation. Without a column, nothing is marked.

    A place more than twice `before` characters to the right is brought near.
    """
    if not 1 <= line <= len(lines):
        return ()
    first = max(1, line - around)
    shown = lines[first - 1 : line + around]
    blanks = min((len(text) - len(text.lstrip()) for text in shown if text.strip()), default=0)
    return tuple(
        _mark_word(number, text, column, blanks, before)
        if column and number == line
        else ExcerptLine(number, text[blanks:])
        for number, text in enumerate(shown, first)
    )


def _mark_word(number: int, text: str, column: int, blanks: int, longest: int) -> ExcerptLine:
    start = min(column - 1, len(text))
    before = text[blanks:start]
    if len(before) > 2 * longest:
        before = "…" + before[-longest:]
    token = _TOKEN.match(text, start)
    end = token.end() if token else start
    return ExcerptLine(number, before, text[start:end], text[end:])


_AROUND = 3
_BEFORE = 60


class RenderFault(Struct, frozen=True):
    """What keeps a mail from being rendered. `frame`: the lines around its place."""

    place: Spot
    message: str
    hint: str
    frame: tuple[ExcerptLine, ...] = ()


def fault_of_samples(error: TemplateInvalid, gallery: Gallery) -> RenderFault:
    return _fault(explain_samples(error, gallery), spot_in_samples(error, gallery), gallery)


def fault_of_template(error: TemplateInvalid, gallery: Gallery, template: str, sample: Sample) -> RenderFault:
    """Return what is wrong with a template, and where, as the checks explain it."""
    if error.line is None and error.message.startswith("MJML: "):
        unknown = RenderFault(Spot(gallery.folders.name_of(error.path)), error.message, "")
        return _mistake_in_tags(gallery, template) or unknown
    return _fault(explain(error, gallery, sample), spot_of(error, gallery), gallery)


def fault_of_limit(limit: str, file: str) -> RenderFault:
    """Return the fault of a template that a limit stopped, at an unknown line."""
    finding = limit_finding(limit, Place(file))
    return RenderFault(Spot(file), finding.message.removesuffix("."), finding.fix)


def _mistake_in_tags(gallery: Gallery, template: str) -> RenderFault | None:
    """Search the tags of the mail's files: MJML's own errors give no position."""
    for file in gallery.files_of(template):
        if not plain_name(file).lower().endswith(".mjml") or not (gallery.folders / file).is_file():
            continue
        if mistake := first_mistake_in(file, gallery.source(file)):
            place = Spot(file, mistake.place.line, mistake.place.column)
            return RenderFault(place, mistake.message, mistake.fix, _frame(place, gallery))
    return None


def _fault(finding: Finding, place: Spot, gallery: Gallery) -> RenderFault:
    return RenderFault(place, finding.message.removesuffix("."), finding.fix, _frame(place, gallery))


def _frame(place: Spot, gallery: Gallery) -> tuple[ExcerptLine, ...]:
    if not place.line or not (gallery.folders / place.file).is_file():
        return ()
    lines = gallery.source(place.file).split("\n")
    return excerpt(lines, place.line, place.column, around=_AROUND, before=_BEFORE)
