"""A text as numbered lines in colour: the files of a mail, and what becomes of them on the way to be sent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from markupsafe import Markup

from keyturn.emails.gallery import Gallery
from keyturn.emails.studio.capture.message import message_of
from keyturn.emails.studio.rendering.rendition import Rendition
from keyturn.mail.rendering.files import plain_name

_LEXERS = {
    "mjml": "html+jinja",
    "html": "html+jinja",
    "txt": "html+jinja",
    "toml": "toml",
    "yaml": "yaml",
    "yml": "yaml",
    "json": "json",
    "eml": "email",
    "compiled": "html",
    "liquid": "html+jinja",
    "hbs": "html+handlebars",
    "handlebars": "html+handlebars",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A text to be read. `kind` is the ending of its file, or what it became; `file` is empty where it is none."""

    title: str
    kind: str
    text: str
    file: str = ""

    @property
    def lines(self) -> list[Markup]:
        """Pygments is loaded with the first text that is looked at."""
        from pygments import highlight  # type: ignore[import-untyped]
        from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
        from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

        lexer = get_lexer_by_name(_LEXERS.get(self.kind, "text"), stripnl=False, ensurenl=False)
        coloured = highlight(self.text, lexer, HtmlFormatter(nowrap=True))
        return [Markup(line) for line in coloured.rstrip("\n").split("\n")]  # noqa: S704 - escaped by Pygments


class Sources:
    """Shows the texts that a mail goes through. `sender` is what stands in From."""

    def __init__(self, gallery: Gallery, sender: str) -> None:
        self._gallery = gallery
        self._sender = sender

    def files(self, rendition: Rendition) -> dict[str, str]:
        """Return the files of its own that a mail has, with what they are to it."""
        files = self._gallery.files(rendition.template)
        named = {"template": files.markup, "text": files.text, "samples": _file_of_samples(rendition)}
        return {stage: file for stage, file in named.items() if file and (self._gallery.folders / file).is_file()}

    def stages(self, rendition: Rendition) -> dict[str, str]:
        """Return what there is to look at, and what it is called."""
        named = {stage: PurePosixPath(file).name for stage, file in self.files(rendition).items()}
        compiled = {"mjml": "MJML"} if self._gallery.files(rendition.template).is_mjml else {}
        return {**named, **compiled, "html": "HTML", "eml": "EML"}

    def source_at(self, stage: str, rendition: Rendition) -> Source | None:
        """Return one of the texts; None where there is no such file, or no mail yet."""
        if file := self.files(rendition).get(stage):
            return shared_source(self._gallery, file)
        if rendition.mail is None or stage not in self.stages(rendition):
            return None
        if stage == "eml" and rendition.data is None:  # a mail that stayed behind samples that cannot be read
            return None
        if stage == "mjml":
            return Source("MJML, filled in", "compiled", rendition.mail.mjml)
        if stage == "html":  # one long line: it is here to be read
            return Source("HTML, broken into lines", "compiled", rendition.mail.html.replace("><", ">\n<"))
        raw = self.message(rendition).decode("utf-8", "replace")
        return Source("The whole message", "eml", raw.replace("\r\n", "\n"))

    def message(self, rendition: Rendition) -> bytes:
        """Return the whole message. Raises LookupError where the mail cannot be drawn."""
        if rendition.mail is None or rendition.data is None:
            raise LookupError(f"{rendition.template} cannot be drawn, so there is no message of it.")
        times = [(self._gallery.folders / file).stat().st_mtime for file in self._gallery.files_of(rendition.template)]
        saved = datetime.fromtimestamp(max(times), UTC)
        return message_of(rendition.mail, rendition.data.sample.values, self._sender, saved)


def _file_of_samples(rendition: Rendition) -> str:
    """Return the file that the sample is written in; where it cannot be read, that is what is wrong."""
    if rendition.data:
        return rendition.data.sample.origin.rpartition(":")[0]
    return rendition.fault.place.file if rendition.fault else ""


def shared_source(gallery: Gallery, file: str) -> Source:
    return Source(file, plain_name(file).rpartition(".")[2], gallery.source(file), file)
