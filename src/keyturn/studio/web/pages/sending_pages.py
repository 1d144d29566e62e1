"""The page that sends a mail to the reader's own mailbox, as a preview."""

import asyncio
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody
from msgspec import Struct

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused
from keyturn.mail.addresses import parse, parse_sender
from keyturn.mail.port.email import Email
from keyturn.mail.rendering.compiling import Rendered
from keyturn.studio.inbox.store import OWN
from keyturn.studio.web.pages.addresses import redirect
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.rendering.rendition import Rendition
from keyturn.studio.web.studio import MailProvider, Studio


class PreviewResult(Struct, frozen=True):
    """The outcome of one mail: the provider's `id`, or `fault`: why it was not sent, and what to
    do.
    """

    to: str
    id: str = ""
    fault: str = ""


@get("/send/{name:path}", sync_to_thread=True)
def send_page(
    visit: NamedDependency[Visit],
    studio: NamedDependency[Studio],
    to: FromQuery[str] = "",
    id: FromQuery[str] = "",  # noqa: A002 - as the address has it
) -> Response[str]:
    """Show the page; without a mail provider, it explains how to set one."""
    return _page(visit, studio.provider, visit.rendition(), PreviewResult(to, id=id))


@post("/send/{name:path}", status_code=200)
async def send(
    visit: NamedDependency[Visit],
    studio: NamedDependency[Studio],
    data: URLEncodedBody[dict[str, str]],
) -> Response[Any]:
    """Send the mail, and redirect to the page, so that a reload does not send it again."""
    to = data.get("to", "").strip()
    result = PreviewResult(to, fault="This mail cannot be sent yet.")
    rendition = await asyncio.to_thread(visit.rendition)
    if studio.provider and rendition.mail:
        result = await send_preview(studio.provider, studio.sender, to, rendition.mail)
    if result.fault:
        return await asyncio.to_thread(_page, visit, studio.provider, rendition, result)
    query = urlencode([*visit.view.fields(), ("to", result.to), ("id", result.id)])
    return redirect("send", visit.name, view=f"?{query}")


async def send_preview(
    provider: MailProvider, sender: str, to: str, mail: Rendered
) -> PreviewResult:
    """Send one mail to the reader's own mailbox, as it is seen; the subject says that it is a
    preview.
    """
    if not to:
        return PreviewResult(to, fault="Enter an email address, such as name@example.org.")
    try:
        address = parse(to)
    except ValueError:
        return PreviewResult(to, fault=f"{to} is not an email address.")
    try:
        written = str(parse_sender(sender))
    except ValueError as error:
        return PreviewResult(address, fault=f"Correct the studio's setting `sender`: {error}.")
    email = Email(
        sender=written,
        to=address,
        subject=f"[Preview] {mail.subject}",
        html=mail.html,
        text=mail.text,
    )
    key = f"{OWN}{uuid4().hex}"  # the file in an inbox
    opened = provider.open()
    try:
        return PreviewResult(address, id=await opened.send(email, key))
    except SendFailed as error:
        return PreviewResult(address, fault=_way_out(error, provider.name))
    finally:
        await opened.close()


def _way_out(error: SendFailed, provider: str) -> str:
    match error:
        case QuotaExhausted(until=until):
            return f"{provider} accepts no more mails until {until:%H:%M} UTC: {error.reason}."
        case SendRefused(account=True):
            return (
                f"{provider} refused the key or login: {error.reason}. Check the provider's "
                "settings."
            )
        case SendRefused():
            return (
                f"{provider} refused the mail: {error.reason}. Check the sender and the recipient."
            )
        case _:
            return f"{provider} could not be reached: {error.reason}. Try again."


def _page(
    visit: Visit, provider: MailProvider | None, rendition: Rendition, result: PreviewResult
) -> Response[str]:
    context = {
        "template": visit.name,
        "view": visit.view.to(sample=rendition.view.sample),
        "rendition": rendition,
        "outcome": result,
        "provider": provider,
    }
    return visit.page("send.html", context, 422 if result.fault else 200)


HANDLERS = (send_page, send)
