"""What a reader's browser measures in a mail."""

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath, RawBody

from keyturn.studio.inbox.mail import MailContent
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.lint.browser.images import check_images
from keyturn.studio.lint.browser.measurements import Measurement, Noticed, notice, read_measurements
from keyturn.studio.lint.finding import Severity
from keyturn.studio.lint.sent_mail import document_of
from keyturn.studio.web import frames
from keyturn.studio.web.checks.captured_checks import CapturedChecks
from keyturn.studio.web.checks.mail_checks import Checks
from keyturn.studio.web.pages import frame_answers
from keyturn.studio.web.pages.canvas import Canvas
from keyturn.studio.web.view import View

_LARGEST = 256 * 1024
"""Bytes of measurements: four widths with a hundred problems each are under 100 KB."""


class CanvasMark(msgspec.Struct, frozen=True, kw_only=True):
    """A finding at its place in the frame. `box`: left, top, width and height in px. `line`: the place "file:line"."""

    severity: Severity
    message: str
    width: int
    box: tuple[int, int, int, int]
    line: str


@post("/measurements/{name:path}", status_code=200, sync_to_thread=True, request_max_body_size=_LARGEST)
def measurements(
    body: RawBody,
    path_name: NamedDependency[str],
    view: NamedDependency[View],
    canvas: NamedDependency[Canvas],
    checks: NamedDependency[Checks],
) -> list[CanvasMark]:
    measured, rendition = _read(body), canvas.rendition(path_name, view)
    noticed = notice(measured, canvas.place_of(rendition))
    return [*map(_mark, checks.notice(rendition, noticed, [*check_images(canvas.images(rendition))]))]


@get("/inbox/{name:str}/measured", sync_to_thread=True)
def measured_frame(
    name: FromPath[str],
    view: NamedDependency[View],
    captured: NamedDependency[CapturedMails],
    captured_checks: NamedDependency[CapturedChecks],
) -> Response[str]:
    """Answer with a captured mail for a hidden frame that the page can measure. Scripts and links in it are blocked."""
    content = MailContent(captured.raw(captured.find(name)))
    if not captured_checks.is_measured(content):
        raise NotFoundException(detail="This mail is not measured.")
    return frame_answers.captured_frame(content, name, view, frames.PREVIEW, document_of(content.html).marked_html)


@post("/inbox/{name:str}/measurements", status_code=200, sync_to_thread=True, request_max_body_size=_LARGEST)
def captured_measurements(
    body: RawBody,
    name: FromPath[str],
    captured: NamedDependency[CapturedMails],
    captured_checks: NamedDependency[CapturedChecks],
) -> list[CanvasMark]:
    mail = captured.find(name)
    return [*map(_mark, captured_checks.notice(mail, MailContent(captured.raw(mail)), _read(body)))]


def _read(body: bytes) -> tuple[Measurement, ...]:
    try:
        return read_measurements(body)
    except msgspec.DecodeError as error:
        raise ClientException(detail=f"The measurements cannot be read: {error}") from error


def _mark(one: Noticed) -> CanvasMark:
    finding = one.finding
    line = f"{finding.place.file}:{finding.place.line}"
    return CanvasMark(severity=finding.severity, message=finding.message, width=one.width, box=one.box, line=line)


OF_CAPTURED = (measured_frame, captured_measurements)


HANDLERS = (measurements,)
