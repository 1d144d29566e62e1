"""The page that sends a preview to a real address."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from keyturn.studio.web.pages.layout import Layout
from keyturn.studio.web.rendering.rendition import Rendition, Renditions
from keyturn.studio.web.sending import Outcome, Sending
from keyturn.studio.web.studio import Studio
from keyturn.studio.web.view import View


class Recipient(msgspec.Struct, frozen=True):
    to: str = ""


@get("/send/{name:path}", sync_to_thread=True)
def send_page(
    path_name: NamedDependency[str],
    view: NamedDependency[View],
    renditions: NamedDependency[Renditions],
    studio: NamedDependency[Studio],
    layout: NamedDependency[Layout],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    """Show the page; without a mail provider, it explains how to set one."""
    return _send_page(layout, renditions.rendition(path_name, view), view, studio.sending, Outcome(to, id=id))


@post("/send/{name:path}", status_code=200)
async def send(
    path_name: NamedDependency[str],
    data: URLEncodedBody[Recipient],
    view: NamedDependency[View],
    renditions: NamedDependency[Renditions],
    studio: NamedDependency[Studio],
    layout: NamedDependency[Layout],
) -> Response[Any]:
    """Send the mail, and redirect to the page, so that a reload does not send it again."""
    rendition = await asyncio.to_thread(renditions.rendition, path_name, view)
    sending, outcome = studio.sending, Outcome(data.to.strip(), fault="This mail cannot be sent yet.")
    if sending and rendition.mail:
        outcome = await sending.send(rendition.mail, outcome.to)
    if outcome.fault:
        return await asyncio.to_thread(_send_page, layout, rendition, view, sending, outcome)
    query = urlencode([*view.fields(), ("to", outcome.to), ("id", outcome.id)])
    return layout.redirect("send", path_name, view=f"?{query}")


def _send_page(
    layout: Layout, rendition: Rendition, view: View, sending: Sending | None, outcome: Outcome
) -> Response[str]:
    view = view.to(sample=rendition.sample)
    context = {"template": rendition.template, "view": view, "rendition": rendition}
    context |= {"sending": sending, "outcome": outcome}
    return layout.page("send.html", context, 422 if outcome.fault else 200)


HANDLERS = (send_page, send)
