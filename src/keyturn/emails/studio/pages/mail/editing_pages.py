"""What an editor in the page asks for: a file, its being saved, what a draft looks like, and words to complete."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import (
    HTTP_200_OK,
    HTTP_403_FORBIDDEN,
    HTTP_404_NOT_FOUND,
    HTTP_409_CONFLICT,
    HTTP_413_REQUEST_ENTITY_TOO_LARGE,
)
from msgspec import Meta

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.drafts import Draft
from keyturn.emails.gallery.sizes import LARGEST
from keyturn.emails.lint.finding import Finding
from keyturn.emails.studio.editing.drafts import Drafts
from keyturn.emails.studio.editing.source_files import ChangedSince, NotEditable, SourceFiles, SourceText, TooLong
from keyturn.emails.studio.editing.vocabulary import vocabulary
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.mail.canvas import Canvas
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.rendering.rendition import Rendition
from keyturn.emails.studio.rendering.template_errors import Fault
from keyturn.emails.studio.view import View

_LONGEST_BODY = 4 * LARGEST
"""Octets of a request: JSON writes a line feed as two."""


class SentText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be saved, and the fingerprint of what was read."""

    text: str
    fingerprint: Annotated[str, Meta(max_length=100)]


class SentDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is typed. `editor` is a word of the page's own, by which a draft overtakes the one before."""

    file: Annotated[str, Meta(max_length=1000)]
    text: Annotated[str, Meta(max_length=LARGEST)]
    editor: Annotated[str, Meta(max_length=100)]


@get("/sources/{file:path}", sync_to_thread=True)
def read_source(file: FromPath[Path], sources: NamedDependency[SourceFiles]) -> Response[Any]:
    try:
        return Response(_said(sources.read(name_in_path(file))))
    except (LookupError, NotEditable) as error:
        return _refused(error)


@post("/sources/{file:path}", status_code=HTTP_200_OK, sync_to_thread=True, request_max_body_size=_LONGEST_BODY)
def save_source(file: FromPath[Path], data: JSONBody[SentText], sources: NamedDependency[SourceFiles]) -> Response[Any]:
    """Save a file; 409 with what it holds where somebody else has saved it since (RFC 9110, 15.5.10)."""
    try:
        return Response(_said(sources.save(name_in_path(file), data.text, data.fingerprint)))
    except ChangedSince as error:
        return Response(_said(error.now) | {"detail": str(error)}, status_code=HTTP_409_CONFLICT)
    except (LookupError, NotEditable, TooLong) as error:
        return _refused(error)


@post("/drafts/{name:path}", status_code=HTTP_200_OK, request_max_body_size=_LONGEST_BODY)
async def draw_draft(
    name: FromPath[Path],
    data: JSONBody[SentDraft],
    drawn: NamedDependency[View],
    sources: NamedDependency[SourceFiles],
    drafts: NamedDependency[Drafts],
    canvas: NamedDependency[Canvas],
    layout: NamedDependency[Layout],
) -> Response[Any]:
    """Draw what is typed, without writing it anywhere."""

    def draw(rendition: Rendition, draft: Draft) -> Response[Any]:
        became = drafts.draw(rendition, draft, drawn, data.editor)
        if became is None:
            return Response({"overtaken": True})
        frame = layout.url("draft-frames", became.frame) if became.frame else ""
        return Response({"frame": frame, "fault": _fault(became.fault) if became.fault else None})

    return await _with_draft(data, name, drawn, sources, canvas, draw)


@post("/draft-findings/{name:path}", status_code=HTTP_200_OK, request_max_body_size=_LONGEST_BODY)
async def check_draft(
    name: FromPath[Path],
    data: JSONBody[SentDraft],
    view: NamedDependency[View],
    sources: NamedDependency[SourceFiles],
    drafts: NamedDependency[Drafts],
    canvas: NamedDependency[Canvas],
) -> Response[Any]:
    """Say what the checks find in the file as it is typed."""

    def check(rendition: Rendition, draft: Draft) -> Response[Any]:
        found = drafts.findings(rendition, draft)
        return Response({"findings": [_finding(one) for one in found if one.place.file == data.file]})

    return await _with_draft(data, name, view, sources, canvas, check)


@get("/draft-frames/{key:str}", sync_to_thread=False)
def draft_frame(key: FromPath[str], drafts: NamedDependency[Drafts]) -> Response[str]:
    html, view = drafts.frame(key)
    return frames.answer(html, view, frames.PREVIEW)


@get("/vocabulary/{name:path}", sync_to_thread=True)
def words(name: FromPath[Path], gallery: NamedDependency[Gallery]) -> Response[Any]:
    return Response(vocabulary(gallery, name_in_path(name)))


async def _with_draft(
    sent: SentDraft,
    name: Path,
    view: View,
    sources: SourceFiles,
    canvas: Canvas,
    answer: Callable[[Rendition, Draft], Response[Any]],
) -> Response[Any]:
    """Answer with the mail that is typed at, off the event loop; refuse where its file is not to be edited."""

    def begin() -> Response[Any]:
        if refusal := sources.refusal(sent.file):
            return _refused(NotEditable(refusal))
        return answer(canvas.rendition(name_in_path(name), view), Draft(sent.file, sent.text))

    return await asyncio.to_thread(begin)


def _said(source: SourceText) -> dict[str, str]:
    return {"text": source.text, "fingerprint": source.fingerprint}


def _refused(error: Exception) -> Response[Any]:
    statuses = {NotEditable: HTTP_403_FORBIDDEN, TooLong: HTTP_413_REQUEST_ENTITY_TOO_LARGE}
    return Response({"detail": str(error)}, status_code=statuses.get(type(error), HTTP_404_NOT_FOUND))


def _fault(fault: Fault) -> dict[str, Any]:
    place = fault.place
    said = {"file": place.file, "line": place.line, "column": place.column}
    return {**said, "message": fault.message, "fix": fault.hint, "severity": "error"}


def _finding(finding: Finding) -> dict[str, Any]:
    place = {"line": finding.place.line, "column": finding.place.column}
    said = {"message": finding.message, "fix": finding.fix}
    return {**place, **said, "severity": finding.severity, "rule": finding.rule}


HANDLERS = (read_source, save_source, draw_draft, check_draft, draft_frame, words)
