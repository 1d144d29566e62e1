# ruff: noqa: N802 - aiosmtpd finds a handler's methods by these names
"""A real SMTP server (aiosmtpd) in the test's own event loop, which answers what a test wants it to
answer.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USERNAME, PASSWORD = "northwind", "a quiet harbour"

authority = cache(trustme.CA)
"""The authority of all certificates here, made once for a process."""


def certificate(*names: str) -> ssl.SSLContext:
    """Return a server's side of TLS, with a certificate for these names, or for this machine."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority().issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    return context


class SmtpServer:
    """`replies` holds what a command is answered instead of 250: EHLO, HELO, MAIL, RCPT or DATA.

    While `drops_answers` is set, the connection ends when a mail was taken, before that is said. A
    mail is answered once `answers` is set, as it is at first.
    """

    def __init__(self) -> None:
        self.port = 0
        self.replies: dict[str, str] = {}
        self.drops_answers = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.taken = asyncio.Event()
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []
        self.sessions: list[Session] = []

    @property
    def mails(self) -> list[EmailMessage]:
        received = [envelope.original_content or b"" for envelope in self.envelopes]
        return [message_from_bytes(content, policy=policy.default) for content in received]

    async def handle_EHLO(
        self, _: SMTP, session: Session, __: Envelope, host: str, answers: list[str]
    ) -> list[str]:
        session.host_name = host
        self.sessions.append(session)
        return [self.replies["EHLO"]] if "EHLO" in self.replies else answers

    async def handle_HELO(self, _: SMTP, session: Session, __: Envelope, host: str) -> str:
        session.host_name = host
        return self.replies.get("HELO", "250 OK")

    async def handle_MAIL(
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from, envelope.mail_options = address, options
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if "RCPT" not in self.replies:
            envelope.rcpt_tos.append(address)
        return self.replies.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:
        if "DATA" not in self.replies:
            self.envelopes.append(envelope)
            assert server.transport
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
            if self.drops_answers:
                server.transport.close()
        self.taken.set()
        await self.answers.wait()
        return self.replies.get("DATA", "250 OK")


def _authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:
    fits = isinstance(data, LoginPassword) and data == LoginPassword(
        USERNAME.encode(), PASSWORD.encode()
    )
    return AuthResult(success=fits, handled=False)


@asynccontextmanager
async def running_smtp(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
) -> AsyncIterator[SmtpServer]:
    """Yield a server on a free port of this machine.

    `login` makes it refuse who has not logged in over TLS.
    """
    handler = SmtpServer()

    def connect() -> SMTP:
        return SMTP(
            handler,
            hostname="mx.test",
            enable_SMTPUTF8=True,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=_authenticate,
            auth_required=login,
        )

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0, ssl=tls)
    async with server:
        handler.port = server.sockets[0].getsockname()[1]
        yield handler
