"""The editor in the page: reading and saving files, rendering and checking drafts."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from msgspec.structs import asdict

from keyturn.studio.gallery.gallery import Draft
from keyturn.studio.gallery.sizes import LARGEST
from keyturn.studio.lint.finding import Finding
from keyturn.studio.web import frames
from keyturn.studio.web.drafts import Drafts
from keyturn.studio.web.failures import AS_PROBLEMS
from keyturn.studio.web.pages import frame_answers
from keyturn.studio.web.pages.layout import Visit

_LONGEST_BODY = 4 * LARGEST  # octets of a request: JSON writes a line feed as two

_SENT: dict[str, Any] = {
    "status_code": 200,
    "request_max_body_size": _LONGEST_BODY,
    "exception_handlers": AS_PROBLEMS,
    "sync_to_thread": True,
}


class SentText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to save, and the fingerprint of the file when it was read."""

    text: str
    fingerprint: Annotated[str, Meta(max_length=100)]


class SentDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An unsaved text of a file."""

    file: Annotated[str, Meta(max_length=1000)]
    text: Annotated[str, Meta(max_length=LARGEST)]


@get("/sources/{name:path}", exception_handlers=AS_PROBLEMS, sync_to_thread=True)
def read_source(visit: NamedDependency[Visit]) -> Response[Any]:
    return Response(asdict(visit.layout.sources.read(visit.name)))


@post("/sources/{name:path}", **_SENT)
def save_source(visit: NamedDependency[Visit], data: JSONBody[SentText]) -> Response[Any]:
    """Save a file. 409 with the current text if the file has changed on the disk (RFC 9110, 15.5.10)."""
    return Response(asdict(visit.layout.sources.save(visit.name, data.text, data.fingerprint)))


@post("/drafts/{name:path}", **_SENT)
def render_draft(
    visit: NamedDependency[Visit], data: JSONBody[SentDraft], drafts: NamedDependency[Drafts]
) -> Response[Any]:
    layout = visit.layout
    layout.sources.require_editable(data.file)
    key, fault = drafts.render(visit.rendition, Draft(data.file, data.text), layout.as_loaded(visit.view))
    return Response({"frame": layout.url("draft-frames", key) if key else "", "fault": fault and _finding(fault)})


@post("/draft-findings/{name:path}", **_SENT)
def check_draft(
    visit: NamedDependency[Visit], data: JSONBody[SentDraft], drafts: NamedDependency[Drafts]
) -> Response[Any]:
    visit.layout.sources.require_editable(data.file)
    findings = drafts.findings(visit.rendition, Draft(data.file, data.text))
    return Response({"findings": [_finding(each) for each in findings if each.place.file == data.file]})


@get("/draft-frames/{key:str}", sync_to_thread=False)
def draft_frame(key: FromPath[str], drafts: NamedDependency[Drafts]) -> Response[str]:
    html, view = drafts.frame(key)
    return frame_answers.answer(html, view, frames.PREVIEW)


def _finding(finding: Finding) -> dict[str, Any]:
    members = {name: getattr(finding, name) for name in ("message", "fix", "severity", "rule")}
    return asdict(finding.place) | members


HANDLERS = (read_source, save_source, render_draft, check_draft, draft_frame)
