"""The place of an error in a broken template or file of samples, as precisely as possible."""

import re
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename

from jinja2 import TemplateNotFound, TemplatesNotFound, TemplateSyntaxError, UndefinedError

from keyturn.emails.gallery.variables.missing_names import missing_name
from keyturn.emails.lint.finding import Place, line_and_column
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.folders import Folders
from keyturn.plain_files import read_plain_file, read_plain_text

_TAG = re.compile(r"\{[{%].*?(?:[}%]\}|$)")
_GOT = re.compile(r".*\bgot '(\w+)'")
_QUOTED = re.compile(r"'(\w+)'")
_UNCLOSED = re.compile(r"^Unexpected end of template.*?(?:to be closed is '(\w+)'\.)?$", re.DOTALL)
_AT = re.compile(r"\(at line (\d+)(?:, column (\d+))?")
_BRINGS_IN = re.compile(r"\{%[-+]?\s*(?:include|extends|import|from)\b|<mj-include\b")
_ONCE_MORE = 2
_FIELD = re.compile(r"`\$\.(\w+)")


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of an error. `file` is relative to the folder of templates; `line` and `column` may be unknown."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)

    def nearest_place(self, folders: Folders) -> Place:
        """Return a complete place. The default column is that of the first tag of the line, else its first word."""
        line = line_at(self, folders)
        tag = _TAG.search(line)
        first = tag.start() if tag else len(line) - len(line.lstrip())
        return Place(self.file, self.line or 1, self.column or first + 1)


def line_at(spot: Spot, folders: Folders) -> str:
    lines = _lines(folders / spot.file)
    return lines[spot.line - 1] if spot.line and spot.line <= len(lines) else ""


def spot_of(error: TemplateInvalid, folders: Folders) -> Spot:
    """Return where Jinja stopped. In a line with several tags, the column is known only if the error names one."""
    spot = Spot(folders.name_of(error.path), error.line)
    if isinstance(error.__cause__, TemplateSyntaxError) and (unclosed := _UNCLOSED.search(error.message)):
        return _unclosed_block("\n".join(_lines(folders / spot.file)), unclosed[1] or "", spot)
    return Spot(spot.file, spot.line, _column(line_at(spot, folders), error))


def spot_in_samples(error: TemplateInvalid, folders: Folders) -> Spot:
    """Return the place that the message names: a line, or a sample and its field."""
    file = folders.name_of(error.path)
    if found := _AT.search(error.message):
        return Spot(file, int(found[1]), int(found[2]) if found[2] else None)
    if error.line and (field := _FIELD.search(error.message)):
        written = re.compile(rf"(?:^|[{{,])\s*[\"']?({field[1]})[\"']?\s*[=:]")
        for number, line in enumerate(_lines(folders / file)[error.line - 1 :], error.line):
            if found := written.search(line):
                return Spot(file, number, found.start(1) + 1)
    return Spot(file, error.line)


def find_undecodable(error: TemplateInvalid, folders: Folders) -> Spot | None:
    """Return the place of the first byte that is not UTF-8. The file is found by its content."""
    cause = error.__cause__
    if not isinstance(cause, UnicodeDecodeError):
        return None
    whole, before = bytes(cause.object), bytes(cause.object)[: cause.start]
    files = (path for path in (Path(error.path), *sorted(folders.paths())) if _has_content(path, whole))
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return next((Spot(folders.name_of(file), before.count(b"\n") + 1, column) for file in files), None)


def find_circle(error: TemplateInvalid, folders: Folders) -> tuple[Spot, ...]:
    """Return the includes of an endless circle, each once. A macro that calls itself is no circle."""
    if not isinstance(error.__cause__, RecursionError):
        return ()
    steps = traceback.extract_tb(error.__cause__.__traceback__)
    times = Counter(
        Spot(folders.name_of(step.filename), step.lineno) for step in steps if Path(step.filename) in folders
    )
    turns = (spot for spot, count in times.items() if count > _ONCE_MORE and _BRINGS_IN.search(line_at(spot, folders)))
    return tuple(Spot(spot.file, spot.line, _column(line_at(spot, folders), error)) for spot in turns)


def _column(line: str, error: TemplateInvalid) -> int | None:
    cause, tags = error.__cause__, list(_TAG.finditer(line))
    if isinstance(cause, TemplatesNotFound) and "<mj-include" in line:
        includes = list(re.finditer(r"<mj-include\b[^>]*", line))
        wanted = basename(str(cause.templates[0]))
        return next((one.start() for one in includes if wanted in one[0]), includes[0].start()) + 1
    for name in _names_in(error):
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        for start, end in [tag.span() for tag in tags] or [(0, len(line))]:
            if found := word.search(line, start, end):
                return found.start() + 1
    return tags[0].start() + 1 if len(tags) == 1 else None


def _names_in(error: TemplateInvalid) -> Iterator[str]:
    cause = error.__cause__
    if isinstance(cause, TemplateNotFound):
        yield str(cause.name)
    elif isinstance(cause, UndefinedError):
        yield from filter(None, [missing_name(error.message)])
    elif isinstance(cause, TemplateSyntaxError) and (
        quoted := _GOT.match(error.message) or _QUOTED.search(error.message)
    ):
        yield quoted[1]


def _unclosed_block(source: str, block: str, end: Spot) -> Spot:
    """Return the last unclosed tag of a kind. For `set`, which may need no end tag, return the end of the file."""
    opened: list[int] = []
    for tag in (
        re.finditer(rf"\{{#.*?(?:#\}}|\Z)|\{{%[-+]?\s*(end)?{block}\b", source, re.DOTALL) if block != "set" else ()
    ):
        if tag[1] and opened:
            opened.pop()
        elif tag[0].startswith("{%") and not tag[1]:
            opened.append(tag.start())
    if not block or not opened:
        return end
    return Spot(end.file, *line_and_column(source, opened[-1]))


def _lines(file: Path) -> list[str]:
    try:
        return read_plain_text(file, errors="replace").split("\n")
    except OSError:
        return []


def _has_content(file: Path, content: bytes) -> bool:
    return file.is_file() and file.stat().st_size == len(content) and read_plain_file(file) == content
