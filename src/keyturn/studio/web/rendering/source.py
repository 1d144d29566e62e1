"""The texts of a mail as numbered, coloured lines: its files and its stages."""

from pathlib import PurePosixPath

from markupsafe import Markup
from msgspec import Struct

from keyturn.mail.rendering.folders import plain_name
from keyturn.studio.gallery import Gallery
from keyturn.studio.web.rendering.rendition import Rendition

_LEXERS = {
    **dict.fromkeys(("mjml", "html", "txt"), "html+jinja"),
    **dict.fromkeys(("hbs", "handlebars"), "html+handlebars"),
    "toml": "toml",
    "json": "json",
    "eml": "email",
    "compiled": "html",
}


class Source(Struct, frozen=True):
    """A text to read. `kind`: the ending of its file, or of its stage. `file`: empty if the text is in no file."""

    title: str
    kind: str
    text: str
    file: str = ""

    @property
    def lines(self) -> list[Markup]:
        """The lines as HTML. Pygments is loaded with the first text."""
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import get_lexer_by_name

        lexer = get_lexer_by_name(_LEXERS.get(self.kind, "text"), stripnl=False, ensurenl=False)
        coloured = highlight(self.text, lexer, HtmlFormatter(nowrap=True))
        return [Markup(line) for line in coloured.rstrip("\n").split("\n")]  # noqa: S704 - escaped by Pygments


def files_of(gallery: Gallery, rendition: Rendition) -> dict[str, str]:
    """Return the files of a mail, by stage."""
    files = gallery.files(rendition.template)
    named = {"template": files.markup, "text": files.text, "samples": _file_of_samples(rendition)}
    return {stage: file for stage, file in named.items() if file and (gallery.folders / file).is_file()}


def stages_of(gallery: Gallery, rendition: Rendition) -> dict[str, str]:
    """Return the names of a mail's stages: its files, and what becomes of them."""
    named = {stage: PurePosixPath(file).name for stage, file in files_of(gallery, rendition).items()}
    compiled = {"mjml": "MJML"} if gallery.files(rendition.template).is_mjml else {}
    return {**named, **compiled, "html": "HTML"}


def source_at(gallery: Gallery, stage: str, rendition: Rendition) -> Source | None:
    """Return the text of a stage, or None without such a file or without a mail."""
    if file := files_of(gallery, rendition).get(stage):
        return shared_source(gallery, file)
    if rendition.mail is None or stage not in stages_of(gallery, rendition):
        return None
    if stage == "mjml":
        return Source("MJML with values", "compiled", rendition.mail.mjml)
    return Source("HTML in lines", "compiled", rendition.mail.html.replace("><", ">\n<"))  # to be read


def _file_of_samples(rendition: Rendition) -> str:
    if rendition.data:
        return rendition.data.sample.origin.rpartition(":")[0]
    return rendition.fault.place.file if rendition.fault else ""


def shared_source(gallery: Gallery, file: str) -> Source:
    return Source(file, plain_name(file).rpartition(".")[2], gallery.source(file), file)
