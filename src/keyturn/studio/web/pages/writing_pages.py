"""The pages that write: a mail's data saved as a sample, files saved from the editor, previews
sent.
"""

import asyncio
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery, JSONBody, URLEncodedBody
from msgspec import Meta
from msgspec.structs import asdict

from keyturn.errors import QuotaExhausted, SampleNotSaved, SendFailed, SendRefused, TemplateInvalid
from keyturn.mail.addresses import parse, parse_sender
from keyturn.mail.port.email import Email
from keyturn.mail.rendering.compiling import Rendered
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.naming import LARGEST
from keyturn.studio.gallery.sample_templates import Draft
from keyturn.studio.gallery.saving import SampleFiles, name_fault
from keyturn.studio.inbox.store import OWN
from keyturn.studio.lint.finding import Finding
from keyturn.studio.web import frames
from keyturn.studio.web.data import CurrentData, current_data
from keyturn.studio.web.failures import AS_PROBLEMS
from keyturn.studio.web.pages import frame_answers
from keyturn.studio.web.pages.layout import Visit
from keyturn.studio.web.studio import MailProvider
from keyturn.studio.web.view import View

_LONGEST_QUERY = (
    60_000  # octets of a query. The parser beneath uvicorn refuses a request line of 64 KiB.
)


class SentSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data to save as a sample. `replaces`: also if a sample has this name."""

    name: str
    edit: str
    replaces: bool = False


def data_of_tab(
    gallery: Gallery, template: str, view: View, data: CurrentData | None
) -> dict[str, Any]:
    """Return what the tab shows.

    `form`: what a script makes the form of, as JSON; infinite numbers become null.
    """
    if data is None:
        return {"data": None}
    files, schema = SampleFiles(gallery, template), data.schema
    name = data.sample.name if files.has(data.sample.name) else ""
    form = {part: getattr(data, part) for part in ("values", "start", "faults")}
    return {
        "data": data,
        "form": msgspec.json.encode(
            {"schema": schema, **form, "address": view.here(edit="")}
        ).decode(),
        "has_fields": bool(schema["properties"]),
        "longest": _LONGEST_QUERY,
        "save_as": name,
        "saved_in": gallery.name_of(files.file_for(name)) if files.is_writable(name) else "",
    }


def _in_the_way(detail: str, *, replaceable: bool = False) -> HTTPException:
    """Return a 409 for data that cannot be saved (RFC 9110, 15.5.10).

    A sample of the same name can be replaced.
    """
    return HTTPException(status_code=409, detail=detail, extra={"replaceable": replaceable})


@post(
    "/templates/{name:path}", status_code=200, exception_handlers=AS_PROBLEMS, sync_to_thread=True
)
def save_sample(visit: NamedDependency[Visit], data: JSONBody[SentSample]) -> Response[Any]:
    """Save the data of the view under a name.

    Raises LookupError, and a 409 for what is in the way.
    """
    gallery, template, view, name = visit.gallery, visit.name, visit.view, data.name.strip()
    if fault := name_fault(name):
        raise _in_the_way(fault)
    files = SampleFiles(gallery, template)
    try:
        current = current_data(gallery, template, view.to(edit=data.edit))
    except TemplateInvalid as error:
        raise _in_the_way(f"The samples cannot be read: {error}.") from error
    if current.faults:
        raise _in_the_way("Some values are not valid yet. Correct them first.")
    if files.has(name) and not data.replaces:
        raise _in_the_way(f"A sample named {name} already exists.", replaceable=True)
    try:
        files.save(name, current.sample.values, current.schema)
    except SampleNotSaved as error:
        raise _in_the_way(
            f"{gallery.name_of(error.file)} was not written: {error.reason}."
        ) from error
    return Response(
        {"address": visit.layout.url("templates", template, view=view.to(sample=name, edit=""))}
    )


_SENT: dict[str, Any] = {
    "status_code": 200,
    "request_max_body_size": 4 * LARGEST,  # octets: JSON writes a line feed as two
    "exception_handlers": AS_PROBLEMS,
    "sync_to_thread": True,
}


class SentText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    fingerprint: Annotated[str, Meta(max_length=100)]


class SentDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: Annotated[str, Meta(max_length=1000)]
    text: Annotated[str, Meta(max_length=LARGEST)]


@get("/sources/{name:path}", exception_handlers=AS_PROBLEMS, sync_to_thread=True)
def read_source(visit: NamedDependency[Visit]) -> Response[Any]:
    return Response(visit.layout.sources.read(visit.name))


@post("/sources/{name:path}", **_SENT)
def save_source(visit: NamedDependency[Visit], data: JSONBody[SentText]) -> Response[Any]:
    """Save a file. 409 with the current text if the file has changed on the disk (RFC 9110,
    15.5.10).
    """
    return Response(visit.layout.sources.save(visit.name, data.text, data.fingerprint))


@post("/drafts/{name:path}", **_SENT)
def render_draft(visit: NamedDependency[Visit], data: JSONBody[SentDraft]) -> Response[Any]:
    layout = visit.layout
    layout.sources.require_editable(data.file)
    key, fault = layout.drafts.render(
        visit.rendition, Draft(data.file, data.text), layout.as_loaded(visit.view)
    )
    return Response(
        {
            "frame": layout.url("draft-frames", key) if key else "",
            "fault": fault and _finding(fault),
        }
    )


@post("/draft-findings/{name:path}", **_SENT)
def check_draft(visit: NamedDependency[Visit], data: JSONBody[SentDraft]) -> Response[Any]:
    visit.layout.sources.require_editable(data.file)
    findings = visit.layout.drafts.findings(visit.rendition, Draft(data.file, data.text))
    return Response(
        {"findings": [_finding(each) for each in findings if each.place.file == data.file]}
    )


@get("/draft-frames/{key:str}", sync_to_thread=False)
def draft_frame(visit: NamedDependency[Visit], key: FromPath[str]) -> Response[str]:
    html, view = visit.layout.drafts.frame(key)
    return frame_answers.answer(html, view, frames.PREVIEW)


def _finding(finding: Finding) -> dict[str, Any]:
    members = {name: getattr(finding, name) for name in ("message", "fix", "severity", "rule")}
    return asdict(finding.place) | members


class PreviewResult(msgspec.Struct, frozen=True):
    """The outcome of one mail: the provider's `id`, or `fault`: why it was not sent, and what to
    do.
    """

    to: str
    id: str = ""
    fault: str = ""


async def send_preview(
    provider: MailProvider, sender: str, to: str, mail: Rendered
) -> PreviewResult:
    """Send one mail to the reader's own mailbox, as it is seen; the subject says that it is a
    preview.
    """
    try:
        address, subject = parse(to), f"[Preview] {mail.subject}"
    except ValueError:
        says = (
            f"{to} is not an email address."
            if to
            else "Enter an email address, such as name@example.org."
        )
        return PreviewResult(to, fault=says)
    try:
        written = str(parse_sender(sender))
    except ValueError as error:
        return PreviewResult(address, fault=f"Correct the studio's setting `sender`: {error}.")
    opened = provider.open()
    try:
        email = Email(sender=written, to=address, subject=subject, html=mail.html, text=mail.text)
        # The file in an inbox.
        return PreviewResult(address, id=await opened.send(email, f"{OWN}{uuid4().hex}"))
    except SendFailed as error:
        return PreviewResult(address, fault=_way_out(error, provider.name))
    finally:
        await opened.close()


def _way_out(error: SendFailed, provider: str) -> str:
    match error:
        case QuotaExhausted(until=until):
            return f"{provider} accepts no more mails until {until:%H:%M} UTC: {error.reason}."
        case SendRefused(account=True):
            return (
                f"{provider} refused the key or login: {error.reason}. Check the provider's "
                "settings."
            )
        case SendRefused():
            return (
                f"{provider} refused the mail: {error.reason}. Check the sender and the recipient."
            )
        case _:
            return f"{provider} could not be reached: {error.reason}. Try again."


@get("/send/{name:path}", sync_to_thread=True)
def send_page(
    visit: NamedDependency[Visit],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    """Show the page; without a mail provider, it explains how to set one."""
    return _page(visit, PreviewResult(to, id=id))


@post("/send/{name:path}", status_code=200)
async def send(
    visit: NamedDependency[Visit], data: URLEncodedBody[dict[str, str]]
) -> Response[Any]:
    """Send the mail, and redirect to the page, so that a reload does not send it again."""
    studio, outcome = (
        visit.studio,
        PreviewResult(data.get("to", "").strip(), fault="This mail cannot be sent yet."),
    )
    rendition = await asyncio.to_thread(lambda: visit.rendition)
    if studio.provider and rendition.mail:
        outcome = await send_preview(studio.provider, studio.sender, outcome.to, rendition.mail)
    if outcome.fault:
        return await asyncio.to_thread(_page, visit, outcome)
    query = urlencode([*visit.view.fields(), ("to", outcome.to), ("id", outcome.id)])
    return visit.layout.redirect("send", visit.name, view=f"?{query}")


def _page(visit: Visit, outcome: PreviewResult) -> Response[str]:
    rendition, view = visit.rendition, visit.view.to(sample=visit.rendition.view.sample)
    context = {"template": visit.name, "view": view, "rendition": rendition, "outcome": outcome}
    return visit.page(
        "send.html", context | {"provider": visit.studio.provider}, 422 if outcome.fault else 200
    )


HANDLERS = (
    save_sample,
    read_source,
    save_source,
    render_draft,
    check_draft,
    draft_frame,
    send_page,
    send,
)
