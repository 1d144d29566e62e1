"""What a reader's browser measures in a mail."""

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import RawBody

from keyturn.studio.lint.browser.measurements import Measurement, Noticed, notice, read_measurements
from keyturn.studio.lint.finding import Severity
from keyturn.studio.web.checks.mail_checks import Checks
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
    return [*map(_mark, checks.notice(rendition, noticed))]


def _read(body: bytes) -> tuple[Measurement, ...]:
    try:
        return read_measurements(body)
    except msgspec.DecodeError as error:
        raise ClientException(detail=f"The measurements cannot be read: {error}") from error


def _mark(one: Noticed) -> CanvasMark:
    finding = one.finding
    line = f"{finding.place.file}:{finding.place.line}"
    return CanvasMark(severity=finding.severity, message=finding.message, width=one.width, box=one.box, line=line)


HANDLERS = (measurements,)
