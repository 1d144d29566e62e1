"""The editor in the browser: sources are read and saved, and drafts rendered and checked."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from msgspec.structs import asdict

from keyturn.studio.gallery.naming import LARGEST
from keyturn.studio.gallery.sample_templates import Draft
from keyturn.studio.lint.finding import Finding
from keyturn.studio.web import frames
from keyturn.studio.web.drafts import Drafts
from keyturn.studio.web.failures import AS_PROBLEMS
from keyturn.studio.web.pages import frame_answers
from keyturn.studio.web.pages.addresses import url
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.source_files import FileText, SourceFiles

_SENT: dict[str, Any] = {
    "status_code": 200,
    "request_max_body_size": 4 * LARGEST,  # octets: JSON writes a line feed as two
    "exception_handlers": AS_PROBLEMS,
    "sync_to_thread": True,
}


class SentText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to save. `fingerprint`: that of the file when it was read."""

    text: str
    fingerprint: Annotated[str, Meta(max_length=100)]


class SentDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that is not saved yet, of the file that it would be saved to."""

    file: Annotated[str, Meta(max_length=1000)]
    text: Annotated[str, Meta(max_length=LARGEST)]


@get("/sources/{name:path}", exception_handlers=AS_PROBLEMS, sync_to_thread=True)
def read_source(visit: NamedDependency[Visit], sources: NamedDependency[SourceFiles]) -> FileText:
    return sources.read(visit.name)


@post("/sources/{name:path}", **_SENT)
def save_source(
    visit: NamedDependency[Visit],
    sources: NamedDependency[SourceFiles],
    data: JSONBody[SentText],
) -> FileText:
    """Save a file. 409 with the current text if the file has changed on the disk (RFC 9110,
    15.5.10).
    """
    return sources.save(visit.name, data.text, data.fingerprint)


@post("/drafts/{name:path}", **_SENT)
def render_draft(
    visit: NamedDependency[Visit],
    sources: NamedDependency[SourceFiles],
    drafts: NamedDependency[Drafts],
    data: JSONBody[SentDraft],
) -> Response[Any]:
    """Render a draft. Return the address of its `frame`, empty if it cannot be rendered, and the
    `fault`.
    """
    sources.require_editable(data.file)
    rendition = visit.rendition()
    view = frame_answers.view_of_template(visit.view, visit.gallery)
    key, fault = drafts.render(rendition, Draft(data.file, data.text), view)
    return Response(
        {
            "frame": url("draft-frames", key) if key else "",
            "fault": _finding(fault) if fault else None,
        }
    )


@post("/draft-findings/{name:path}", **_SENT)
def check_draft(
    visit: NamedDependency[Visit],
    sources: NamedDependency[SourceFiles],
    drafts: NamedDependency[Drafts],
    data: JSONBody[SentDraft],
) -> Response[Any]:
    """Check a draft. Return the `findings` in its file."""
    sources.require_editable(data.file)
    findings = drafts.findings(visit.rendition(), Draft(data.file, data.text))
    in_file = [_finding(one) for one in findings if one.place.file == data.file]
    return Response({"findings": in_file})


def _finding(finding: Finding) -> dict[str, Any]:
    """Return what the editor shows of a finding: its place, and what is wrong there."""
    return asdict(finding.place) | {
        "message": finding.message,
        "fix": finding.fix,
        "severity": finding.severity,
        "rule": finding.rule,
    }


@get("/draft-frames/{key:str}", sync_to_thread=False)
def draft_frame(key: FromPath[str], drafts: NamedDependency[Drafts]) -> Response[str]:
    html, view = drafts.frame(key)
    return frame_answers.answer(html, view, frames.PREVIEW)


HANDLERS = (read_source, save_source, render_draft, check_draft, draft_frame)
