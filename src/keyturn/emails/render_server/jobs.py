"""What a renderer does for the render server: it renders, checks or describes one mail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.gallery.variables.variables import Variable
from keyturn.emails.lint.finding import Finding, Tally
from keyturn.emails.studio.checks.folder_checks import examine_mail
from keyturn.emails.studio.rendering.rendition import Drawer, Order
from keyturn.errors import KeyturnError, TemplateInvalid

_SAMPLE = "the request's data"

_NUMBERS = count()


class DataUnfit(KeyturnError):
    """The data of a request does not fit the template's type."""


class MailRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names a template of the server's folder, or one of `files`, which are a folder that the request brings."""

    template: Annotated[str, Meta(min_length=1, max_length=300, description="the name of a template, without ending")]
    data: Annotated[
        dict[str, Any] | None, Meta(description="the values of the template; without data, its first sample is used")
    ] = None
    language: Annotated[str, Meta(max_length=100, description="a language tag such as de; the closest is used")] = ""
    brand: Annotated[str, Meta(max_length=100, description="the name of another brand of the folder")] = ""
    files: Annotated[
        dict[str, str], Meta(max_length=200, description="the templates, layouts and partials of a folder, by path")
    ] = {}


class RenderedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as it is sent; `text` is empty for a template without a text part. `language`: the one that was used."""

    subject: str
    preheader: str
    html: str
    text: str
    language: str


class CheckedMail(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of `keyturn check` on one mail, those that keep it from being rendered first."""

    errors: int
    warnings: int
    notes: int
    findings: tuple[Finding, ...]


class TemplateInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A template: the names of its samples, and the JSON Schema of its data.

    Without a declared type, the schema has what the template uses, and requires nothing.
    """

    template: str
    samples: tuple[str, ...]
    languages: tuple[str, ...]
    data: dict[str, Any]


@dataclass(frozen=True)
class MailFolder:
    """The folder that the server renders. `open_sent` opens a folder that a request has brought, in the sandbox.

    `clients`, `severity`: as in the studio's settings.
    """

    gallery: Gallery
    open_sent: Callable[[Path], Gallery]
    clients: tuple[str, ...]
    severity: Mapping[str, str]

    @cached_property
    def drawer(self) -> Drawer:
        return Drawer(self.gallery)

    def drawer_of(self, sent: Path | None) -> Drawer:
        return Drawer(self.open_sent(sent)) if sent else self.drawer


def render(folder: MailFolder, mail: MailRequest, sent: Path | None) -> RenderedMail:
    """Render a mail. `sent`: the folder with the request's files.

    Raises LookupError for an unknown template or brand, DataUnfit, TemplateInvalid and OutOfTime.
    """
    drawer = folder.drawer_of(sent)
    with drawer.gallery.one_look():
        order = _order(drawer.gallery, mail)
        try:
            rendered = drawer.render(order)
        except TemplateInvalid as error:
            raise TemplateInvalid(_file_in(drawer.gallery, error.path), error.line, error.message) from error
    return RenderedMail(
        subject=rendered.subject,
        preheader=rendered.preheader,
        html=rendered.html,
        text=rendered.text,
        language=order.language,
    )


def check(folder: MailFolder, mail: MailRequest, sent: Path | None) -> CheckedMail:
    """Check a mail. A mistake in a template is a finding. Raises LookupError, DataUnfit and OutOfTime."""
    drawer = folder.drawer_of(sent)
    with drawer.gallery.one_look():
        order = _order(drawer.gallery, mail)
    findings = examine_mail(drawer, order, folder.clients, folder.severity).findings
    tally = Tally.of(findings)
    return CheckedMail(errors=tally.errors, warnings=tally.warnings, notes=tally.notes, findings=findings)


def describe(folder: MailFolder, template: str) -> TemplateInfo:
    """Describe a template of the server's folder. Raises LookupError and TemplateInvalid."""
    gallery = folder.gallery
    with gallery.one_look():
        props = gallery.props.get(template)
        return TemplateInfo(
            template=template,
            samples=tuple(gallery.samples(template)),
            languages=tuple(gallery.languages.known),
            data=msgspec.json.schema(props) if props else _object(gallery.variables(template)),
        )


def _file_in(gallery: Gallery, path: str) -> str:
    """Return the name of a file as templates use it: clients need not learn where the server's files are."""
    file = Path(path)
    return next((file.relative_to(one).as_posix() for one in gallery.folders.all if file.is_relative_to(one)), path)


def list_templates(folder: MailFolder) -> list[str]:
    return folder.gallery.names()


def _order(gallery: Gallery, mail: MailRequest) -> Order:
    files = gallery.files(mail.template)
    return Order(
        number=next(_NUMBERS),
        template=mail.template,
        files=files,
        sample=_sample(gallery, mail),
        language=gallery.languages.choose(mail.language).tag,
        direction="",
        brand=mail.brand,
    )


def _sample(gallery: Gallery, mail: MailRequest) -> Sample:
    props = gallery.props.get(mail.template)
    if mail.data is None:
        return next(iter(gallery.samples(mail.template).values()))
    if props is None:
        return Sample(_SAMPLE, mail.data)
    try:
        return Sample(_SAMPLE, msgspec.structs.asdict(msgspec.convert(mail.data, props)), "typed")
    except msgspec.ValidationError as error:
        raise DataUnfit(str(error)) from None


def _object(variables: Mapping[str, Variable]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: _schema(variable) for name, variable in variables.items()}}


def _schema(variable: Variable) -> dict[str, Any]:
    """Return the JSON Schema of a variable, by its uses; {} allows any value."""
    if "mapping" in variable.uses:
        return {"type": "object", "additionalProperties": _schema(variable.item) if variable.item else {}}
    if variable.item or "list" in variable.uses:
        return {"type": "array", "items": _schema(variable.item) if variable.item else {}}
    if variable.attributes:
        return _object(variable.attributes)
    if "number" in variable.uses:
        return {"type": "number"}
    return {"type": "boolean"} if variable.uses == {"asked"} else {}
