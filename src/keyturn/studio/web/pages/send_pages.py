"""The page that sends a preview to a real address."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from keyturn.studio.web.pages.layout import Visit
from keyturn.studio.web.sending import Outcome, send_preview


class Recipient(msgspec.Struct, frozen=True):
    to: str = ""


@get("/send/{name:path}", sync_to_thread=True)
def send_page(
    visit: NamedDependency[Visit],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    """Show the page; without a mail provider, it explains how to set one."""
    return _page(visit, Outcome(to, id=id))


@post("/send/{name:path}", status_code=200)
async def send(visit: NamedDependency[Visit], data: URLEncodedBody[Recipient]) -> Response[Any]:
    """Send the mail, and redirect to the page, so that a reload does not send it again."""
    studio, outcome = visit.studio, Outcome(data.to.strip(), fault="This mail cannot be sent yet.")
    rendition = await asyncio.to_thread(lambda: visit.rendition)
    if studio.provider and rendition.mail:
        outcome = await send_preview(studio.provider, studio.sender, outcome.to, rendition.mail)
    if outcome.fault:
        return await asyncio.to_thread(_page, visit, outcome)
    query = urlencode([*visit.view.fields(), ("to", outcome.to), ("id", outcome.id)])
    return visit.layout.redirect("send", visit.name, view=f"?{query}")


def _page(visit: Visit, outcome: Outcome) -> Response[str]:
    rendition, view = visit.rendition, visit.view.to(sample=visit.rendition.sample)
    context = {"template": visit.name, "view": view, "rendition": rendition, "outcome": outcome}
    return visit.page("send.html", context | {"provider": visit.studio.provider}, 422 if outcome.fault else 200)


HANDLERS = (send_page, send)
