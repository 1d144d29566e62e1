"""Where the browser of whoever looks says what it has measured in the mail of a frame."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.lint.finding import Severity
from keyturn.emails.studio.checks.captured_checks import CapturedChecks
from keyturn.emails.studio.checks.check_queue import Checks
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.pages.mail.canvas import Canvas
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.rendering.rendition import Rendition
from keyturn.emails.studio.view import View

if TYPE_CHECKING:
    from keyturn.emails.lint.browser.measurements import Measurement, Noticed

_LARGEST = 256 * 1024
"""Bytes of measurements: four widths with a hundred problems each are under 100 KB."""


class CanvasMark(msgspec.Struct, frozen=True, kw_only=True):
    """A finding at its place in the frame. `box` is left, top, width and height in px, `line` the place "file:line"."""

    severity: Severity
    message: str
    width: int
    box: tuple[int, int, int, int]
    line: str


@post("/measurements/{name:path}", status_code=HTTP_200_OK, request_max_body_size=_LARGEST)
async def measurements(
    request: Request[Any, Any, Any],
    name: FromPath[Path],
    view: NamedDependency[View],
    canvas: NamedDependency[Canvas],
    checks: NamedDependency[Checks],
) -> Response[list[CanvasMark]]:
    """Keep what was measured among the findings of the mail; answer with the marks that the canvas shows."""
    from keyturn.emails.lint.browser.measurements import read_measurements

    try:
        measured = read_measurements(await request.body())
    except msgspec.DecodeError as error:
        raise ClientException(detail=f"These are no measurements: {error}") from error
    rendition = await asyncio.to_thread(canvas.rendition, name_in_path(name), view)
    found = await asyncio.to_thread(_keep, measured, rendition, canvas, checks)
    return Response(found, media_type=MediaType.JSON)


def _keep(
    measured: "tuple[Measurement, ...]", rendition: Rendition, canvas: Canvas, checks: Checks
) -> list[CanvasMark]:
    """Keep what was measured, and return it where it is in the mail."""
    from keyturn.emails.lint.browser.measurements import notice

    noticed = notice(measured, canvas.place_of(rendition))
    return [*map(_mark, checks.notice(rendition, noticed, canvas.findings_on_images(rendition)))]


@get("/outbox/{name:str}/measured")
async def measured_frame(
    name: FromPath[str],
    view: NamedDependency[View],
    captured: NamedDependency[CapturedMails],
    captured_checks: NamedDependency[CapturedChecks],
) -> Response[str]:
    """Answer with a mail that was sent for a frame that nobody sees, and that the page can look into.

    As with templates, it runs nothing there and opens nothing.
    """

    def draw() -> Response[str]:
        content = MailContent(captured.raw(captured.find(name)))
        if not captured_checks.is_measured(content):
            raise NotFoundException(detail="This mail is not measured.")
        return frames.captured_frame(content, name, view, frames.PREVIEW, captured_checks.marked_html(content))

    return await asyncio.to_thread(draw)


@post("/outbox/{name:str}/measurements", status_code=HTTP_200_OK, request_max_body_size=_LARGEST)
async def captured_measurements(
    request: Request[Any, Any, Any],
    name: FromPath[str],
    captured: NamedDependency[CapturedMails],
    captured_checks: NamedDependency[CapturedChecks],
) -> Response[list[CanvasMark]]:
    """Do the same for a mail that was sent."""
    body = await request.body()

    def keep() -> list[CanvasMark]:
        mail = captured.find(name)
        return [*map(_mark, captured_checks.notice(mail, MailContent(captured.raw(mail)), body))]

    try:
        return Response(await asyncio.to_thread(keep), media_type=MediaType.JSON)
    except msgspec.DecodeError as error:
        raise ClientException(detail=f"These are no measurements: {error}") from error


def _mark(one: "Noticed") -> CanvasMark:
    finding = one.finding
    line = f"{finding.place.file}:{finding.place.line}"
    return CanvasMark(severity=finding.severity, message=finding.message, width=one.width, box=one.box, line=line)


HANDLERS = (measurements,)
OF_CAPTURED = (measured_frame, captured_measurements)
