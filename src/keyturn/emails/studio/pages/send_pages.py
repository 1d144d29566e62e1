"""Pages that send a mail to a real address: a preview, or a captured mail."""

import asyncio
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from msgspec import Struct

from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.inbox.summary import CapturedMail
from keyturn.emails.studio.pages.canvas import Canvas
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.sending import Outcome, Release, Sending
from keyturn.emails.studio.studio import Studio
from keyturn.emails.studio.view import View


class Recipient(msgspec.Struct, frozen=True):
    to: str = ""


class SendPages(Struct, frozen=True):
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
        status = 422 if outcome.fault else 200
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
        query = urlencode([*view.fields(save=""), ("to", outcome.to), ("id", outcome.id)])
        return self.layout.redirect("send", template, view=f"?{query}")


@get("/send/{name:path}", sync_to_thread=True)
def send_page(
    path_name: NamedDependency[str],
    view: NamedDependency[View],
    send_pages: NamedDependency[SendPages],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    return send_pages.page(path_name, view, Outcome(to, id=id))


@post("/send/{name:path}", status_code=200)
async def send(
    path_name: NamedDependency[str],
    data: Annotated[Recipient, Body(media_type=RequestEncodingType.URL_ENCODED)],
    view: NamedDependency[View],
    send_pages: NamedDependency[SendPages],
) -> Response[Any]:
    return await send_pages.send(path_name, view, data.to.strip())


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


@post("/inbox/{name:str}/release", status_code=200)
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
    return layout.redirect("inbox", mail.id, "release", view=f"?{query}")


def _release_page(layout: Layout, mail: CapturedMail, release: Release | None, outcome: Outcome) -> Response[str]:
    context = {"mail": mail, "captured": [mail], "release": release, "outcome": outcome}
    return layout.page("release.html", context, 422 if outcome.fault else 200)


OF_CAPTURED = (release_page, release_mail)


HANDLERS = (send_page, send)
