"""The pages of the outbox: every mail that was captured, and one of them."""

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from keyturn.emails.lint.checks.sizes import size_of
from keyturn.emails.studio.capture.captured_mails import Captured
from keyturn.emails.studio.capture.links import links_of
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.rendering.source import Source
from keyturn.emails.studio.view import View


@get("/outbox", sync_to_thread=False)
def outbox_page(
    view: NamedDependency[View], captured: NamedDependency[Captured], layout: NamedDependency[Layout]
) -> Response[str]:
    context = {"view": view, "mails": captured.summaries(), "days": captured.days(view.search), "path": captured.folder}
    return layout.page("outbox.html", context)


@get("/outbox/{name:str}", sync_to_thread=False)
def mail_page(
    name: FromPath[str],
    view: NamedDependency[View],
    captured: NamedDependency[Captured],
    layout: NamedDependency[Layout],
) -> Response[str]:
    mail, names = captured.read(name), captured.names()
    here = names.index(name)
    context: dict[str, Any] = {
        "view": view,
        "mail": mail,
        "mails": captured.summaries(),
        "links": links_of(mail.html, mail.text),
        "size": size_of(mail.html, mail.text),
        "frame": View(scheme=view.scheme, images=view.images, dir=view.dir),
        "sandbox": frames.CAPTURED,
        "before": names[here - 1] if here > 0 else None,
        "after": names[here + 1] if here + 1 < len(names) else None,
    }
    if view.show == "source":
        context["source"] = Source(name, "eml", mail.raw)
    return layout.page("mail.html", context)


@get("/outbox/{name:str}/frame", sync_to_thread=False)
def mail_frame(name: FromPath[str], view: NamedDependency[View], captured: NamedDependency[Captured]) -> Response[str]:
    return frames.frame(captured.read(name).html, view, frames.CAPTURED)


@get("/outbox/{name:str}/raw", sync_to_thread=False)
def mail_file(name: FromPath[str], captured: NamedDependency[Captured]) -> Response[bytes]:
    """Hand out the file as it was written, to be opened in a mail program."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(captured.raw(name), media_type="message/rfc822", headers=headers)


HANDLERS = (outbox_page, mail_page, mail_frame, mail_file)
