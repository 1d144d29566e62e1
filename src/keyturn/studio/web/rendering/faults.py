"""A broken template, explained: the file and line, the lines around it, and a fix."""

import re
import traceback
from pathlib import Path

from msgspec import Struct

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.folders import Folders, plain_name
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
    """What keeps a mail from being drawn. `via`: lines on Jinja's way to the place. `frame`: those around it."""

    place: Spot
    message: str
    hint: str
    via: tuple[Spot, ...] = ()
    frame: tuple[ExcerptLine, ...] = ()


def fault_of_samples(error: TemplateInvalid, gallery: Gallery) -> RenderFault:
    return _fault(explain_samples(error, gallery), spot_in_samples(error, gallery), gallery)


def fault_of_template(error: TemplateInvalid, gallery: Gallery, template: str, sample: Sample) -> RenderFault:
    """Return what is wrong with a template, and where: the explanation of the checks, and Jinja's way there."""
    if error.line is None and error.message.startswith("MJML: "):
        unknown = RenderFault(Spot(gallery.folders.name_of(error.path)), error.message, "")
        return _mistake_in_tags(gallery, template) or unknown
    finding, place = explain(error, gallery, sample), spot_of(error, gallery)
    return _fault(finding, place, gallery, _trail(error.__cause__, gallery.folders))


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
            return RenderFault(place, mistake.message, mistake.fix, frame=_frame(place, gallery))
    return None


def _fault(finding: Finding, place: Spot, gallery: Gallery, trail: tuple[Spot, ...] = ()) -> RenderFault:
    return RenderFault(
        place=place,
        message=finding.message.removesuffix("."),
        hint=finding.fix,
        via=tuple(step for step in trail if (step.file, step.line) != (place.file, place.line)),
        frame=_frame(place, gallery),
    )


def _trail(cause: BaseException | None, folders: Folders) -> tuple[Spot, ...]:
    """Return the template lines in a traceback, each once: Jinja rewrites tracebacks to point into the templates."""
    steps = traceback.extract_tb(cause.__traceback__) if cause else []
    inside = (step for step in steps if Path(step.filename) in folders)
    return tuple(dict.fromkeys(Spot(folders.name_of(step.filename), step.lineno) for step in inside))


def _frame(place: Spot, gallery: Gallery) -> tuple[ExcerptLine, ...]:
    if not place.line or not (gallery.folders / place.file).is_file():
        return ()
    lines = gallery.source(place.file).split("\n")
    return excerpt(lines, place.line, place.column, around=_AROUND, before=_BEFORE)
