"""What a reader's browser measures in a mail, and what hosts say of the weight of its images."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotFoundException, PermissionDeniedException
from litestar.params import FromPath, RawBody
from litestar.response import Redirect

from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.lint.browser.images import check_images
from keyturn.emails.lint.browser.measurements import Measurement, Noticed, notice, read_measurements
from keyturn.emails.lint.finding import Severity
from keyturn.emails.lint.sent_mail import document_of
from keyturn.emails.studio import frames
from keyturn.emails.studio.checks.captured_checks import CapturedChecks
from keyturn.emails.studio.checks.folder_checks import Checks
from keyturn.emails.studio.pages.canvas import Canvas
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.studio import Studio
from keyturn.emails.studio.view import View

if TYPE_CHECKING:
    import httpx

_IMAGES, _AT_A_TIME = 40, 6
_SECONDS, _ALTOGETHER = 5.0, 20.0
_HEAVIEST = 10 * 1024 * 1024
"""Bytes that are read of an image: a larger one weighs as much as this."""


class ImageWeights:
    """Asks hosts for the weights of images, and keeps nothing else of them. `known`: bytes by address."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    async def ask(self, addresses: Iterable[str]) -> None:
        """Ask for the weights of these images. An image that fails, or is late, stays unknown."""
        wanted = dict.fromkeys(address for address in addresses if address.startswith(("https://", "http://")))
        if not wanted:
            return
        from keyturn.http_client import HttpClient  # httpx takes 50 to 100 ms

        turn = asyncio.Semaphore(_AT_A_TIME)
        weights: dict[str, int] = {}

        async def weigh(client: HttpClient, address: str) -> None:
            try:
                async with turn, client.stream("GET", address, headers={"accept": "image/*"}) as answer:
                    if answer.is_success:
                        weights[address] = await _count(answer)
            except Exception:  # noqa: BLE001 - the mail's author wrote the address, and httpx refuses one in many ways
                return

        asked = list(wanted)[:_IMAGES]
        async with HttpClient(timeout=_SECONDS, follow_redirects=True, max_redirects=3) as client:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ALTOGETHER), asyncio.TaskGroup() as asking:
                    for address in asked:
                        asking.create_task(weigh(client, address))
        for address in asked:
            self.known.pop(address, None)
        self.known.update(weights)


async def _count(answer: "httpx.Response") -> int:
    weight = 0
    async for piece in answer.aiter_raw():
        weight += len(piece)
        if weight >= _HEAVIEST:
            return _HEAVIEST
    return weight


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
    return frames.captured_frame(content, name, view, frames.PREVIEW, document_of(content.html).marked_html)


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


@post("/weights/{name:path}")
async def weigh_images(
    path_name: NamedDependency[str],
    view: NamedDependency[View],
    canvas: NamedDependency[Canvas],
    weights: NamedDependency[ImageWeights],
    studio: NamedDependency[Studio],
    layout: NamedDependency[Layout],
) -> Redirect:
    """Ask the hosts of the images for their weights, and go back to the mail.

    Only if no other machine reaches the studio: others could make it request addresses that only this machine reaches
    (OWASP Server-Side Request Forgery Prevention Cheat Sheet).
    """
    if studio.is_shared:
        raise PermissionDeniedException("The images' hosts are asked only if no other machine can reach the studio.")
    images = await asyncio.to_thread(lambda: canvas.images(canvas.rendition(path_name, view)))
    await weights.ask(image.address for image in images)
    return layout.redirect("templates", path_name, view=view.to(tab="checks"))


HANDLERS = (measurements, weigh_images)
