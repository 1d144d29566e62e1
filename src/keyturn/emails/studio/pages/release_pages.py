"""Sending a captured mail on to somebody real."""

import asyncio
from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect
from litestar.status_codes import HTTP_200_OK, HTTP_303_SEE_OTHER, HTTP_422_UNPROCESSABLE_ENTITY

from keyturn.emails.inbox.captured_mail import CapturedMail
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.capture.release import Release
from keyturn.emails.studio.capture.sending import Outcome
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.mail.send_pages import Recipient
from keyturn.emails.studio.studio import Studio


@get("/outbox/{name:str}/release")
async def release_page(
    name: FromPath[str],
    captured: NamedDependency[CapturedMails],
    layout: NamedDependency[Layout],
    studio: NamedDependency[Studio],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    """Ask to whom the mail shall go on; after it did, say so."""
    mail = await asyncio.to_thread(captured.find, name)
    return _release_page(layout, mail, studio.release, Outcome(to, id=id))


@post("/outbox/{name:str}/release", status_code=HTTP_200_OK)
async def release_mail(
    name: FromPath[str],
    data: Annotated[Recipient, Body(media_type=RequestEncodingType.URL_ENCODED)],
    captured: NamedDependency[CapturedMails],
    layout: NamedDependency[Layout],
    studio: NamedDependency[Studio],
) -> Response[Any]:
    """Send it on, and go back to the page, so that a reload does not send it once more."""
    mail = await asyncio.to_thread(captured.find, name)
    if studio.release is None:
        return _release_page(layout, mail, None, Outcome(data.to))
    outcome = await studio.release.release(await asyncio.to_thread(captured.raw, mail), data.to.strip())
    if outcome.fault:
        return _release_page(layout, mail, studio.release, outcome)
    query = urlencode({"to": outcome.to, "id": outcome.id})
    return Redirect(f"{layout.url('outbox', mail.id, 'release')}?{query}", status_code=HTTP_303_SEE_OTHER)


def _release_page(layout: Layout, mail: CapturedMail, release: Release | None, outcome: Outcome) -> Response[str]:
    context = {"mail": mail, "captured": [mail], "release": release, "outcome": outcome}
    return layout.page("release.html", context, HTTP_422_UNPROCESSABLE_ENTITY if outcome.fault else HTTP_200_OK)


HANDLERS = (release_page, release_mail)
