"""The page that sends a preview to a real address."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from keyturn.studio.web.pages.layout import Layout
from keyturn.studio.web.rendering.rendition import Rendition
from keyturn.studio.web.sending import Outcome, send_preview
from keyturn.studio.web.view import View


class Recipient(msgspec.Struct, frozen=True):
    to: str = ""


@get("/send/{name:path}", sync_to_thread=True)
def send_page(
    rendition: NamedDependency[Rendition],
    view: NamedDependency[View],
    layout: NamedDependency[Layout],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    """Show the page; without a mail provider, it explains how to set one."""
    return _send_page(layout, rendition, view, Outcome(to, id=id))


@post("/send/{name:path}", status_code=200)
async def send(
    rendition: NamedDependency[Rendition],
    data: URLEncodedBody[Recipient],
    view: NamedDependency[View],
    layout: NamedDependency[Layout],
) -> Response[Any]:
    """Send the mail, and redirect to the page, so that a reload does not send it again."""
    studio, outcome = layout.studio, Outcome(data.to.strip(), fault="This mail cannot be sent yet.")
    if studio.provider and rendition.mail:
        outcome = await send_preview(studio.provider, studio.sender, outcome.to, rendition.mail)
    if outcome.fault:
        return await asyncio.to_thread(_send_page, layout, rendition, view, outcome)
    query = urlencode([*view.fields(), ("to", outcome.to), ("id", outcome.id)])
    return layout.redirect("send", rendition.template, view=f"?{query}")


def _send_page(layout: Layout, rendition: Rendition, view: View, outcome: Outcome) -> Response[str]:
    view = view.to(sample=rendition.sample)
    context = {"template": rendition.template, "view": view, "rendition": rendition}
    context |= {"provider": layout.studio.provider, "outcome": outcome}
    return layout.page("send.html", context, 422 if outcome.fault else 200)


HANDLERS = (send_page, send)
