"""Sending the mail that is looked at to oneself."""

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

from keyturn.emails.studio.capture.sending import Outcome, Sending
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.mail.canvas import Canvas
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.view import View


class Recipient(msgspec.Struct, frozen=True):
    """Holds what the form says of whom to send to."""

    to: str = ""


@dataclass(frozen=True, slots=True)
class SendPages:
    """Sends the mail of a page. `sending` is None where nobody has configured a mail provider: the page says how to."""

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
        """Send it, and go back to the page, so that a reload does not send it once more."""
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
    """Ask who shall have it; after it was sent, say so."""
    return send_pages.page(name_in_path(name), view, Outcome(to, id=id))


@post("/send/{name:path}", status_code=HTTP_200_OK)
async def send(
    name: FromPath[Path],
    data: Annotated[Recipient, Body(media_type=RequestEncodingType.URL_ENCODED)],
    view: NamedDependency[View],
    send_pages: NamedDependency[SendPages],
) -> Response[Any]:
    return await send_pages.send(name_in_path(name), view, data.to.strip())


HANDLERS = (send_page, send)
