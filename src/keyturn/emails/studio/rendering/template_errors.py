"""A broken template as a person needs it: the file and line, the lines around it, and a way out."""

import traceback
from dataclasses import dataclass
from pathlib import Path

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.lint.finding import Place
from keyturn.emails.lint.guard.syntax import first_mistake_in
from keyturn.emails.lint.jinja.broken_templates import Broken, explain, explain_samples
from keyturn.emails.lint.limits import limit_finding
from keyturn.emails.lint.source.error_location import Spot
from keyturn.emails.studio.rendering.excerpt import ExcerptLine, excerpt
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.files import plain_name
from keyturn.mail.rendering.folders import Folders

_AROUND = 3
_BEFORE = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps a mail from being drawn.

    `via`: the other template lines that Jinja was in, the outermost first. `frame`: the lines around the place.
    """

    place: Spot
    message: str
    hint: str
    via: tuple[Spot, ...] = ()
    frame: tuple[ExcerptLine, ...] = ()


def fault_of_samples(error: TemplateInvalid, gallery: Gallery) -> Fault:
    """Return what keeps the samples of a template from being read."""
    return _fault(explain_samples(error, gallery.folders), gallery)


def fault_of_template(error: TemplateInvalid, gallery: Gallery, template: str, sample: Sample) -> Fault:
    """Return what is wrong with a template, and where: what the checks say, and how Jinja came there."""
    if error.line is None and error.message.startswith("MJML: "):
        unknown = Fault(Spot(gallery.folders.name_of(error.path)), error.message, "")
        return _mistake_in_tags(gallery, template) or unknown
    broken = explain(error, gallery.folders, sample)
    return _fault(broken, gallery, _trail(error.__cause__, gallery.folders))


def fault_of_limit(limit: str, file: str) -> Fault:
    """Return what is said of a template that was ended by its limit, nobody knows at which line."""
    finding = limit_finding(limit, Place(file))
    return Fault(Spot(file), finding.message.removesuffix("."), finding.fix)


def _mistake_in_tags(gallery: Gallery, template: str) -> Fault | None:
    """Look at the tags of the files that make the mail: MJML's own errors give no position."""
    for file in gallery.files_of(template):
        if not plain_name(file).lower().endswith(".mjml") or not (gallery.folders / file).is_file():
            continue
        if found := first_mistake_in(file, gallery.source(file)):
            place = Spot(file, found.place.line, found.place.column)
            return Fault(place, found.message, found.fix, frame=_frame(place, gallery))
    return None


def _fault(broken: Broken, gallery: Gallery, trail: tuple[Spot, ...] = ()) -> Fault:
    finding, place = broken
    return Fault(
        place=place,
        message=finding.message.removesuffix("."),
        hint=finding.fix,
        via=tuple(step for step in trail if (step.file, step.line) != (place.file, place.line)),
        frame=_frame(place, gallery),
    )


def _trail(cause: BaseException | None, folders: Folders) -> tuple[Spot, ...]:
    """Return the template lines in a traceback, each once: Jinja rewrites it to point into the templates."""
    steps = traceback.extract_tb(cause.__traceback__) if cause else []
    inside = (step for step in steps if Path(step.filename) in folders)
    return tuple(dict.fromkeys(Spot(folders.name_of(step.filename), step.lineno) for step in inside))


def _frame(place: Spot, gallery: Gallery) -> tuple[ExcerptLine, ...]:
    if not place.line or not (gallery.folders / place.file).is_file():
        return ()
    lines = gallery.source(place.file).split("\n")
    return excerpt(lines, place.line, place.column, around=_AROUND, before=_BEFORE)
