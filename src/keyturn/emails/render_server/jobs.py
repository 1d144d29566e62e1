"""What a renderer does for the render server: it renders, checks or describes one mail."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.variables.variables import Variable
from keyturn.emails.lint.finding import Finding
from keyturn.emails.mails import Mails, RenderedMail
from keyturn.errors import TemplateInvalid


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


class CheckedMail(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of `keyturn check` on one mail, the worst first. `unchecked`: why a part was not checked."""

    errors: int
    warnings: int
    notes: int
    findings: tuple[Finding, ...]
    unchecked: str


class TemplateInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A template: the names of its samples, and the JSON Schema of its data.

    Without a declared type, the schema has what the template uses, and requires nothing.
    """

    template: str
    samples: tuple[str, ...]
    languages: tuple[str, ...]
    data: dict[str, Any]


def render(mails: Mails, mail: MailRequest, sent: Path | None) -> RenderedMail:
    """Render a mail. `sent`: the folder with the request's files.

    Raises LookupError for an unknown template or brand, DataUnfit, TemplateInvalid and OutOfTime.
    """
    mails = mails.with_files(sent) if sent else mails
    try:
        return mails.render(mail.template, mail.data, language=mail.language, brand=mail.brand)
    except TemplateInvalid as error:
        raise TemplateInvalid(_file_in(mails.gallery, error.path), error.line, error.message) from error


def check(mails: Mails, mail: MailRequest, sent: Path | None) -> CheckedMail:
    """Check a mail. A mistake in a template is a finding. Raises LookupError, DataUnfit and OutOfTime."""
    mails = mails.with_files(sent) if sent else mails
    report = mails.check_mail(mail.template, mail.data, language=mail.language, brand=mail.brand)
    tally = report.tally
    return CheckedMail(
        errors=tally.errors,
        warnings=tally.warnings,
        notes=tally.notes,
        findings=report.findings,
        unchecked=report.unchecked,
    )


def describe(mails: Mails, template: str) -> TemplateInfo:
    """Describe a template of the server's folder. Raises LookupError and TemplateInvalid."""
    gallery = mails.gallery
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


def _object(variables: Mapping[str, Variable]) -> dict[str, Any]:
    """Return the JSON Schema of values, without functions, which JSON cannot send."""
    values = {name: _schema(variable) for name, variable in variables.items() if "called" not in variable.uses}
    return {"type": "object", "properties": values}


def _schema(variable: Variable) -> dict[str, Any]:
    """Return the JSON Schema of a variable, by its uses; {} allows any value."""
    if "mapping" in variable.uses:
        return {"type": "object", "additionalProperties": _schema(variable.item) if variable.item else {}}
    if variable.item or "list" in variable.uses:
        return {"type": "array", "items": _schema(variable.item) if variable.item else {}}
    if any("called" not in one.uses for one in variable.attributes.values()):
        return _object(variable.attributes)
    if "number" in variable.uses:
        return {"type": "number"}
    return {"type": "boolean"} if variable.uses == {"asked"} else {}
