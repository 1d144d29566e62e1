"""One mail: as it was read, as it was received, its parts, and as a bare page."""

import asyncio
from collections.abc import Callable
from html import escape
from typing import Any, TypeVar

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from keyturn.emails.inbox.captured_mail import CapturedMail
from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.query import with_id
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.lint.finding import Finding
from keyturn.emails.studio.api.asked import Asked
from keyturn.emails.studio.api.shapes import Message, message_of
from keyturn.emails.studio.api.waiting import found_one
from keyturn.emails.studio.capture.downloads import attached
from keyturn.emails.studio.checks.captured_checks import CapturedChecks
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.studio import Studio
from keyturn.emails.studio.view import View

_Read = TypeVar("_Read")

_AS_TEXT = '<!doctype html><meta charset="utf-8"><pre style="white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>'


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a mail; `unchecked` says why a part of it was not checked."""

    findings: tuple[Finding, ...]
    unchecked: str


class OneMail:
    """Finds the mail that a request names, and reads it in a thread."""

    def __init__(self, studio: Studio, captured: CapturedMails, asked: Asked) -> None:
        self._studio = studio
        self._captured = captured
        self._asked = asked

    async def read(self, name: str, read: Callable[[CapturedMail, MailContent], _Read]) -> _Read:
        """Return what is read of it; it is opened by that. Raises LookupError where there is no such mail."""
        mail = await found_one(self._studio, self._captured, name, self._asked)

        def in_thread() -> _Read:
            content = MailContent(self._captured.raw(mail))
            self._captured.mark_read(with_id(mail.id), read=True)
            return read(mail, content)

        return await asyncio.to_thread(in_thread)


@get("/message/{name:str}")
async def message(name: FromPath[str], one_mail: NamedDependency[OneMail]) -> Message:
    return await one_mail.read(name, message_of)


@get("/message/{name:str}/headers")
async def message_headers(name: FromPath[str], one_mail: NamedDependency[OneMail]) -> dict[str, list[str]]:
    def headers(_: CapturedMail, content: MailContent) -> dict[str, list[str]]:
        values: dict[str, list[str]] = {}
        for key, value in content.headers:
            values.setdefault(key, []).append(value)
        return values

    return await one_mail.read(name, headers)


@get("/message/{name:str}/raw", media_type=MediaType.TEXT)
async def message_raw(name: FromPath[str], one_mail: NamedDependency[OneMail]) -> bytes:
    return await one_mail.read(name, lambda _, content: content.raw)


@get("/message/{name:str}/checks")
async def message_checks(
    name: FromPath[str], one_mail: NamedDependency[OneMail], captured_checks: NamedDependency[CapturedChecks]
) -> Checked:
    report = await one_mail.read(name, captured_checks.check)
    return Checked(findings=report.findings, unchecked=report.unchecked)


@get("/message/{name:str}/part/{number:int}")
async def message_part(
    name: FromPath[str], number: FromPath[int], one_mail: NamedDependency[OneMail]
) -> Response[bytes]:
    part = await one_mail.read(name, lambda _, content: content.attachment(number))
    return attached(part.content, part.content_type, part.name)


@get("/view/{file:str}")
async def view_page(file: FromPath[str], one_mail: NamedDependency[OneMail]) -> Response[Any]:
    """Show the mail alone, for a screenshot: "latest.html", "ID.txt"."""
    name, _, kind = file.rpartition(".")
    if kind not in ("html", "txt"):
        raise LookupError("A mail is shown as ID.html or ID.txt.")

    def shown(mail: CapturedMail, content: MailContent) -> Response[Any]:
        if kind == "txt":
            return Response(content.text, media_type="text/plain; charset=utf-8")
        html = content.html or _AS_TEXT.format(escape(content.text))
        return frames.captured_frame(content, mail.id, View(), html=html)

    return await one_mail.read(name, shown)


HANDLERS = (message, message_headers, message_raw, message_checks, message_part)
