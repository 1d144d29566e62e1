"""The texts of a mail as numbered, coloured lines: its files, its stages, and excerpts around a
place.
"""

import re
from pathlib import PurePosixPath

from markupsafe import Markup, escape
from msgspec import Struct

from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.naming import plain_name
from keyturn.studio.renderers import LimitExceeded, Runner
from keyturn.studio.web.rendering.rendition import MailRenderer, Rendition

_SECONDS_TO_COLOUR = 2.0
_LEXERS = {
    "mjml": "html+jinja",
    "html": "html+jinja",
    "txt": "html+jinja",
    "hbs": "html+handlebars",
    "handlebars": "html+handlebars",
    "toml": "toml",
    "json": "json",
    "eml": "email",
    "compiled": "html",
}


class SourceText(Struct, frozen=True):
    """A text to read.

    `kind`: the ending of its file, or of its stage. `file`: empty if the text is in no file.
    """

    title: str
    kind: str
    text: str
    file: str = ""


def lines_of(source: SourceText, runner: Runner[MailRenderer]) -> list[Markup]:
    """Return the lines as HTML, in colours if a renderer has them in time.

    Some expressions of Pygments take time that grows with the cube of a line's length (CWE-1333),
    so it has limits.
    """
    try:
        lines = runner.run_for(_SECONDS_TO_COLOUR, _colour, source.text, source.kind)
    except (LimitExceeded, RecursionError):
        return [escape(line) for line in _lines_in(source.text)]
    return [Markup(line) for line in lines]  # noqa: S704 - escaped by Pygments


def _colour(_: MailRenderer, text: str, kind: str) -> list[str]:
    """Return the lines in colours, as HTML. Pygments is loaded with the first text."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    lexer = get_lexer_by_name(_LEXERS.get(kind, "text"), stripnl=False, ensurenl=False)
    return _lines_in(highlight(text, lexer, HtmlFormatter(nowrap=True)))


def _lines_in(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")


def files_of(gallery: Gallery, rendition: Rendition) -> dict[str, str]:
    """Return the files of a mail that are on the disk, by stage."""
    files = gallery.files(rendition.template)
    named = {"template": files.markup, "text": files.text, "samples": _samples_of(rendition)}
    on_disk = {}
    for stage, file in named.items():
        if file and (gallery.folders / file).is_file():
            on_disk[stage] = file
    return on_disk


def _samples_of(rendition: Rendition) -> str:
    """Return the file of the samples: of unreadable ones, that with the fault."""
    if rendition.data:
        return rendition.data.sample.file
    if rendition.fault:
        return rendition.fault.place.file
    return ""


def stages_of(gallery: Gallery, rendition: Rendition) -> dict[str, str]:
    """Return the names of a mail's stages: its files, and what becomes of them."""
    files = files_of(gallery, rendition)
    stages = {stage: PurePosixPath(file).name for stage, file in files.items()}
    if gallery.files(rendition.template).is_mjml:
        stages["mjml"] = "MJML"
    stages["html"] = "Output"
    return stages


def source_at(gallery: Gallery, stage: str, rendition: Rendition) -> SourceText | None:
    """Return the text of a stage, or None without such a file or without a mail.

    Raises LookupError.
    """
    file = files_of(gallery, rendition).get(stage)
    if file:
        return shared_source(gallery, file)
    if rendition.mail is None or stage not in stages_of(gallery, rendition):
        return None
    if stage == "mjml":
        return SourceText("MJML with values", "compiled", rendition.mail.mjml)
    in_lines = rendition.mail.html.replace("><", ">\n<")
    return SourceText("HTML in lines", "compiled", in_lines)


def shared_source(gallery: Gallery, file: str) -> SourceText:
    """Return the text of a file. Raises LookupError."""
    try:
        text = gallery.source(file)
    except OSError as error:
        raise LookupError(f"{file} cannot be read: {error.strerror or error}.") from error
    _, _, kind = plain_name(file).rpartition(".")
    return SourceText(title=file, kind=kind, text=text, file=file)


_TOKEN = re.compile(r"</?[\w-]+>?|[\w-]+|\{\{.*?\}\}|\{%.*?%\}|\S")


class ExcerptLine(Struct, frozen=True):
    """A line of an excerpt.

    `marked`: the word of the finding. Only the line of the finding has it, and `after`.
    """

    number: int
    before: str
    marked: str = ""
    after: str = ""


def excerpt(
    text: str, line: int, column: int | None = None, *, around: int = 1, before: int = 16
) -> tuple[ExcerptLine, ...]:
    """Return the lines around a line, without common indentation; none beyond the text.

    `line`, `column`: from 1. `around`: lines on each side. `before`: of a text that is more than
    twice as long, the characters that are kept before the column.
    """
    lines = text.split("\n")
    if not text or line < 1 or line > len(lines):
        return ()
    first = max(1, line - around)
    shown = lines[first - 1 : line + around]
    indentations = [len(one) - len(one.lstrip()) for one in shown if one.strip()]
    blanks = min(indentations, default=0)
    excerpted = []
    for number, one in enumerate(shown, first):
        if column and number == line:
            excerpted.append(_mark_word(number, one, column, blanks, before))
        else:
            excerpted.append(ExcerptLine(number, one[blanks:]))
    return tuple(excerpted)


def _mark_word(number: int, text: str, column: int, blanks: int, longest: int) -> ExcerptLine:
    start = min(column - 1, len(text))
    before = text[blanks:start]
    if len(before) > 2 * longest:
        before = "…" + before[-longest:]
    token = _TOKEN.match(text, start)
    end = token.end() if token else start
    return ExcerptLine(number, before, text[start:end], text[end:])
