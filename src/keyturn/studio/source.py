"""A text as numbered lines in colour."""

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from keyturn.mail.render import Rendered
from keyturn.studio.gallery import Gallery

_LEXERS = {"mjml": "html+jinja", "txt": "html+jinja", "html": "html", "toml": "toml", "eml": "email"}


@dataclass(frozen=True, slots=True)
class Source:
    """`kind` is the ending of the file, or of the file that it would make."""

    title: str
    kind: str
    text: str

    @property
    def lines(self) -> list[Markup]:
        """Pygments is loaded with the first text that is looked at."""
        from pygments import highlight  # type: ignore[import-untyped]  # noqa: PLC0415
        from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]  # noqa: PLC0415
        from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # noqa: PLC0415

        lexer = get_lexer_by_name(_LEXERS.get(self.kind, "text"), stripnl=False, ensurenl=False)
        coloured = highlight(self.text, lexer, HtmlFormatter(nowrap=True))
        return [Markup(line) for line in coloured.rstrip("\n").split("\n")]  # noqa: S704 - escaped by Pygments


def template_source(
    gallery: Gallery, template: str, file: Literal["template", "text", "samples", "mjml", "html"], mail: Rendered | None
) -> Source | None:
    """Return one of the texts that a mail goes through; None where there is no such file, or no mail yet."""
    if file in ("mjml", "html"):
        return _compiled(template, file, mail) if mail else None
    name, kind = {
        "template": (f"{template}/{template}.mjml", "mjml"),
        "text": (f"{template}/{template}.txt", "txt"),
        "samples": (f"{template}/samples.toml", "toml"),
    }[file]
    return Source(name, kind, gallery.source(name)) if (gallery.folder / name).is_file() else None


def shared_source(gallery: Gallery, file: str) -> Source:
    return Source(file, file.rpartition(".")[2], gallery.source(file))


def _compiled(template: str, file: str, mail: Rendered) -> Source:
    """Break the compiled HTML, which is one long line, between its tags: it is here to be read."""
    if file == "mjml":
        return Source(f"{template}.mjml, filled in", "html", mail.mjml)
    return Source(f"{template}.html, broken into lines", "html", mail.html.replace("><", ">\n<"))
