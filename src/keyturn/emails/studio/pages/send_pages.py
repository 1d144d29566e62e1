"""Pages that send a mail to a real address: a preview, or a captured mail."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect
from litestar.status_codes import HTTP_200_OK, HTTP_303_SEE_OTHER, HTTP_422_UNPROCESSABLE_ENTITY

from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.inbox.summary import CapturedMail
from keyturn.emails.studio.pages.addresses import name_in_path
from keyturn.emails.studio.pages.canvas import Canvas
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.sending import Outcome, Release, Sending
from keyturn.emails.studio.studio import Studio
from keyturn.emails.studio.view import View


class Recipient(msgspec.Struct, frozen=True):
    to: str = ""


@dataclass(frozen=True, slots=True)
class SendPages:
    """Sends the mail of a page. `sending`: None without a mail provider; then the page explains how to set one."""

    canvas: Canvas
    sending: Sending | None
    layout: Layout

    def page(self, template: str, view: View, outcome: Outcome) -> Response[str]:
        rendition = self.canvas.rendition(template, view)
        context: dict[str, Any] = {
            "template": template,
            "view": view.to(sample=rendition.sample),
            "rendition": rendition,
            "sending": self.sending,
            "outcome": outcome,
        }
        status = HTTP_422_UNPROCESSABLE_ENTITY if outcome.fault else HTTP_200_OK
        return self.layout.page("send.html", context, status)

    async def send(self, template: str, view: View, to: str) -> Response[Any]:
        """Send the mail, and redirect to the page, so that a reload does not send it again."""
        mail = (await asyncio.to_thread(self.canvas.rendition, template, view)).mail
        if self.sending is None or mail is None:
            cannot = Outcome(to, fault="This mail cannot be sent yet.")
            return await asyncio.to_thread(self.page, template, view, cannot)
        outcome = await self.sending.send(mail, to)
        if outcome.fault:
            return await asyncio.to_thread(self.page, template, view, outcome)
        query = urlencode({**view.fields(), "to": outcome.to, "id": outcome.id})
        return Redirect(f"{self.layout.url('send', template)}?{query}", status_code=HTTP_303_SEE_OTHER)


@get("/send/{name:path}", sync_to_thread=True)
def send_page(
    name: FromPath[Path],
    view: NamedDependency[View],
    send_pages: NamedDependency[SendPages],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    return send_pages.page(name_in_path(name), view, Outcome(to, id=id))


@post("/send/{name:path}", status_code=HTTP_200_OK)
async def send(
    name: FromPath[Path],
    data: Annotated[Recipient, Body(media_type=RequestEncodingType.URL_ENCODED)],
    view: NamedDependency[View],
    send_pages: NamedDependency[SendPages],
) -> Response[Any]:
    return await send_pages.send(name_in_path(name), view, data.to.strip())


@get("/inbox/{name:str}/release")
async def release_page(
    name: FromPath[str],
    captured: NamedDependency[CapturedMails],
    layout: NamedDependency[Layout],
    studio: NamedDependency[Studio],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    mail = await asyncio.to_thread(captured.find, name)
    return _release_page(layout, mail, studio.release, Outcome(to, id=id))


@post("/inbox/{name:str}/release", status_code=HTTP_200_OK)
async def release_mail(
    name: FromPath[str],
    data: Annotated[Recipient, Body(media_type=RequestEncodingType.URL_ENCODED)],
    captured: NamedDependency[CapturedMails],
    layout: NamedDependency[Layout],
    studio: NamedDependency[Studio],
) -> Response[Any]:
    """Release the mail, and redirect to the page, so that a reload does not send it again."""
    mail = await asyncio.to_thread(captured.find, name)
    if studio.release is None:
        return _release_page(layout, mail, None, Outcome(data.to))
    outcome = await studio.release.release(await asyncio.to_thread(captured.raw, mail), data.to.strip())
    if outcome.fault:
        return _release_page(layout, mail, studio.release, outcome)
    query = urlencode({"to": outcome.to, "id": outcome.id})
    return Redirect(f"{layout.url('inbox', mail.id, 'release')}?{query}", status_code=HTTP_303_SEE_OTHER)


def _release_page(layout: Layout, mail: CapturedMail, release: Release | None, outcome: Outcome) -> Response[str]:
    context = {"mail": mail, "captured": [mail], "release": release, "outcome": outcome}
    return layout.page("release.html", context, HTTP_422_UNPROCESSABLE_ENTITY if outcome.fault else HTTP_200_OK)


OF_CAPTURED = (release_page, release_mail)


HANDLERS = (send_page, send)
