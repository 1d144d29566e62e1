"""Places where templates fail, and where samples cannot be read."""

import re
from collections.abc import Iterable
from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

from keyturn.errors import TemplateInvalid
from keyturn.plain_files import read_plain_file
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.variables.missing_names import missing_name
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.source.engine_fault import EngineFault
from keyturn.studio.lint.source.engine_recognition import TagOfAnotherEngine
from keyturn.studio.lint.source.positions import Position

UNKNOWN = re.compile(r"No (filter|test) named '([^']+)'|[Uu]nknown tag '([^']+)'")
"""A message about a name that Jinja does not know."""
LINE_IN_MESSAGE = re.compile(r"\(at line (\d+)(?:, column (\d+))?")
"""The place in a message of a parser of TOML or JSON."""

_TAG = re.compile(r"\{[{%].*?(?:[}%]\}|$)|<mj-include\b[^>]*")
_GOT = re.compile(r".*\bgot '(\w+)'")
_QUOTED = re.compile(r"'(\w+)'")
_FIELD = re.compile(r"`\$\.(\w+)")


def undecodable_byte(error: TemplateInvalid, gallery: Gallery) -> Place | None:
    """Return the place of the first byte that is not UTF-8, if that is the error.

    The file is found by its content.
    """
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


def place_of(error: TemplateInvalid, gallery: Gallery) -> Place:
    """Return where a template fails: at the name that the error quotes, at its tag, or at the first
    of its line.
    """
    file = gallery.name_of(error.path)
    line = error.line or 0
    text = line_at(file, line, gallery)
    column = error.column or _column_of_cause(error.__cause__, line)
    tags = list(_TAG.finditer(text, max(column - 1, 0)))
    name = _name_in(error)
    if name:
        column = _column_of_name(name, text, tags) or column
    if not column:
        column = tags[0].start() + 1 if tags else _first_column(text)
    return Place(file, line, column)


def line_at(file: str, line: int, gallery: Gallery) -> str:
    """Return the text of a line; empty if the file has no such line, or it is 0, unknown."""
    if not line:
        return ""
    return "".join(gallery.text(file).split("\n")[line - 1 : line])


def _column_of_cause(cause: BaseException | None, line: int) -> int:
    """Return the column of a syntax error, if it is in this line, else 0."""
    if not isinstance(cause, TemplateSyntaxError) or not isinstance(cause.lineno, Position):
        return 0
    position = cause.lineno
    return position.column if position.line == line else 0


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
    if not isinstance(cause, TemplateSyntaxError) and not UNKNOWN.search(message):
        return ""
    quoted = _GOT.match(message) or _QUOTED.search(message)
    return quoted[1] if quoted else ""


def _column_of_name(name: str, text: str, tags: Iterable[re.Match[str]]) -> int:
    """Return the column of the first tag that has a name, else 0. In a tag of the template engine,
    it is that of the name.
    """
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for tag in tags:
        found = word.search(text, *tag.span())
        if found:
            if tag[0].startswith("<"):  # of MJML
                return tag.start() + 1
            return found.start() + 1
    return 0


def _first_column(text: str) -> int:
    """Return the column behind the indentation of a line."""
    return len(text) - len(text.lstrip()) + 1


def place_in_samples(error: TemplateInvalid, gallery: Gallery) -> Place:
    """Return where samples cannot be read. The message names a line, or a sample and its field."""
    file = gallery.name_of(error.path)
    line = error.line or 0
    column = 0
    at_line = LINE_IN_MESSAGE.search(error.message)
    field = _FIELD.search(error.message)
    if at_line:
        line = int(at_line[1])
        column = int(at_line[2] or 0)
    elif line and field:
        place = _place_of_field(field[1], Place(file, line), gallery)
        if place:
            return place
    return Place(file, line, column or _first_column(line_at(file, line, gallery)))


def _place_of_field(field: str, sample: Place, gallery: Gallery) -> Place | None:
    """Return where a sample that begins at a place has a field."""
    written = re.compile(rf"(?:^|[{{,])\s*[\"']?({field})[\"']?\s*[=:]")
    lines = gallery.text(sample.file).split("\n")
    for number, text in enumerate(lines[sample.line - 1 :], sample.line):
        found = written.search(text)
        if found:
            return Place(sample.file, number, found.start(1) + 1)
    return None
