"""A broken template as a person needs it: the file and line, the lines around it, and a way out."""

import re
import traceback
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from keyturn.errors import TemplateInvalid
from keyturn.gallery import Gallery
from keyturn.lint.broken_templates import column_in
from keyturn.studio.excerpt import ExcerptLine, excerpt
from keyturn.studio.unbalanced import first_unbalanced

_AROUND = 3
_BEFORE = 60
_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_TOML_LINE = re.compile(r"\(at line (\d+)(?:, column (\d+))?")
_TOML_SAMPLE = re.compile(r"sample \[(.+?)\]")
_TOML_FIELD = re.compile(r"`\$\.(\w+)")


@dataclass(frozen=True, slots=True)
class Place:
    """`file` is relative to the folder of the templates; `line` and `column` are None where nobody can say."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Fault:
    """`via`: the other template lines that Jinja was in, the outermost first. `frame`: the lines around the place."""

    place: Place
    message: str
    hint: str
    via: tuple[Place, ...]
    frame: tuple[ExcerptLine, ...]


def explain(error: TemplateInvalid, gallery: Gallery, template: str) -> Fault:
    """Return what is wrong with a template, and where: as near to its author's mistake as can be told."""
    place, message = Place(_relative(error.path, gallery.folder), error.line), error.message
    trail = _trail(error.__cause__, gallery.folder)
    if place.file.endswith(".toml"):
        place = Place(place.file, *_toml_place(message, _lines(gallery, place.file)))
    elif place.line is None and place.file.endswith(".mjml"):
        place, message = _unbalanced(gallery, template) or (place, message)
    elif undefined := _UNDEFINED.search(message):
        word = re.compile(rf"\b{undefined[1]}\b")
        place = next((step for step in reversed(trail) if word.search(_text(gallery, step))), place)
    via = tuple(step for step in dict.fromkeys(trail) if step != place)
    if place.line and not place.column:
        place = replace(place, column=column_in(_text(gallery, place), message))
    lines = _lines(gallery, place.file)
    frame = excerpt(lines, place.line, place.column or 1, around=_AROUND, before=_BEFORE) if place.line else ()
    return Fault(place=place, message=message, hint=_hint(message, gallery, template), via=via, frame=frame)


def _relative(path: str, folder: Path) -> str:
    """Return the name in the folder, from the path that was asked for or the one that was found."""
    file = Path(path)
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.as_posix()


def _trail(cause: BaseException | None, folder: Path) -> list[Place]:
    """Return the template lines in a traceback: Jinja rewrites it to point into the templates."""
    steps = traceback.extract_tb(cause.__traceback__) if cause else []
    inside = (step for step in steps if Path(step.filename).is_relative_to(folder))
    return [Place(_relative(step.filename, folder), step.lineno) for step in inside]


def _unbalanced(gallery: Gallery, template: str) -> tuple[Place, str] | None:
    """Look at the tags of the files that make the mail: MJML's own errors give no position."""
    for file in gallery.files_of(template):
        found = first_unbalanced(gallery.source(file)) if file.endswith(".mjml") else None
        if found:
            return Place(file, found.line, found.column), found.message
    return None


def _toml_place(message: str, lines: list[str]) -> tuple[int | None, int | None]:
    """Find line and column by what the message names: a line, or a sample and its field."""
    if found := _TOML_LINE.search(message):
        return int(found[1]), int(found[2]) if found[2] else None
    if not (sample := _TOML_SAMPLE.search(message)):
        return None, None
    heads = (number for number, text in enumerate(lines, 1) if text.strip() in (f"[{sample[1]}]", f'["{sample[1]}"]'))
    head, field = next(heads, None), _TOML_FIELD.search(message)
    if head is None or field is None:
        return head, None
    fields = (number for number, text in enumerate(lines[head:], head + 1) if re.match(rf"\s*{field[1]}\s*=", text))
    return next(fields, head), None


def _hint(message: str, gallery: Gallery, template: str) -> str:
    if not (undefined := _UNDEFINED.search(message)) or not (props := gallery.props.get(template)):
        return ""
    known = props.__struct_fields__
    close = get_close_matches(undefined[1], known, n=1)
    return f"Did you mean {close[0]}?" if close else f"This template is given {', '.join(known)}."


def _lines(gallery: Gallery, file: str) -> list[str]:
    return gallery.source(file).split("\n") if (gallery.folder / file).is_file() else []


def _text(gallery: Gallery, place: Place) -> str:
    lines = _lines(gallery, place.file)
    return lines[place.line - 1] if place.line and place.line <= len(lines) else ""
