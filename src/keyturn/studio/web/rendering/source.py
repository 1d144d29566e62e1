"""The texts of a mail as numbered, coloured lines: its files, its stages, and the message that is sent."""

from datetime import UTC, datetime
from email.utils import formataddr, parseaddr
from hashlib import sha256
from pathlib import PurePosixPath

from markupsafe import Markup
from msgspec import Struct

from keyturn.mail.port.email import Email
from keyturn.mail.port.mime import to_mime
from keyturn.mail.rendering.folders import plain_name
from keyturn.studio.gallery import Gallery
from keyturn.studio.web.rendering.rendition import Rendition

_RECIPIENT, _SENDER = "someone@example.test", "no-reply@example.test"  # RFC 2606, 2

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


class Sources:
    """Shows the texts of a mail. `sender`: the From header."""

    def __init__(self, gallery: Gallery, sender: str) -> None:
        self._gallery = gallery
        self._sender = sender

    def files(self, rendition: Rendition) -> dict[str, str]:
        files = self._gallery.files(rendition.template)
        named = {"template": files.markup, "text": files.text, "samples": _file_of_samples(rendition)}
        return {stage: file for stage, file in named.items() if file and (self._gallery.folders / file).is_file()}

    def stages(self, rendition: Rendition) -> dict[str, str]:
        named = {stage: PurePosixPath(file).name for stage, file in self.files(rendition).items()}
        compiled = {"mjml": "MJML"} if self._gallery.files(rendition.template).is_mjml else {}
        return {**named, **compiled, "html": "HTML", "eml": "EML"}

    def source_at(self, stage: str, rendition: Rendition) -> Source | None:
        """Return the text of a stage, or None without such a file or without a mail."""
        if file := self.files(rendition).get(stage):
            return shared_source(self._gallery, file)
        if rendition.mail is None or stage not in self.stages(rendition):
            return None
        if stage == "eml" and rendition.data is None:  # the last good mail, while the samples cannot be read
            return None
        if stage == "mjml":
            return Source("MJML with values", "compiled", rendition.mail.mjml)
        if stage == "html":  # broken into lines, to be read
            return Source("HTML in lines", "compiled", rendition.mail.html.replace("><", ">\n<"))
        raw = self.message(rendition).decode("utf-8", "replace")
        return Source("The whole message", "eml", raw.replace("\r\n", "\n"))

    def message(self, rendition: Rendition) -> bytes:
        """Return the whole message; equal mails give equal bytes. Raises LookupError if the mail cannot be rendered."""
        mail, sender = rendition.mail, self._sender
        if mail is None or rendition.data is None:
            raise LookupError(f"{rendition.template} cannot be rendered, so it has no message.")
        times = [(self._gallery.folders / file).stat().st_mtime for file in self._gallery.files_of(rendition.template)]
        saved = datetime.fromtimestamp(max(times), UTC)
        if "@" not in parseaddr(sender)[1]:
            sender = formataddr((sender, _SENDER))
        email = Email(sender=sender, to=_RECIPIENT, subject=mail.subject, html=mail.html, text=mail.text)
        digest = sha256(f"{mail.subject}\0{mail.html}\0{mail.text}".encode("utf-8", "replace")).hexdigest()
        return to_mime(email, key=digest[:32], date=saved)


def _file_of_samples(rendition: Rendition) -> str:
    if rendition.data:
        return rendition.data.sample.origin.rpartition(":")[0]
    return rendition.fault.place.file if rendition.fault else ""


def shared_source(gallery: Gallery, file: str) -> Source:
    return Source(file, plain_name(file).rpartition(".")[2], gallery.source(file), file)
