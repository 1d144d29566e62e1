# ruff: noqa: N802 - aiosmtpd finds a handler's methods by these names
"""The inbox over SMTP (RFC 5321): it accepts any mail, for any address and after any log-in, and
delivers none.
"""

import asyncio
import contextlib
import logging
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
from aiosmtpd.smtp import SMTP, AuthResult, Session, TLSSetupException
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from keyturn.studio.inbox.captured_mail import Envelope
from keyturn.studio.inbox.decoding import decode_text
from keyturn.studio.inbox.store import CapturedMails

logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd would log each command

_HANDSHAKE = 10.0  # seconds that a client has to begin TLS
# Bytes of a line. RFC 5321, 4.5.3.1.6, allows 1,000, but apps send minified HTML in one line.
_LINE = 1024**2
_AUTH_PARAMETER = re.compile(r" AUTH=\S+", re.IGNORECASE)


class SmtpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits. `size`, `in_flight`: bytes of one mail, and of all mails that are being received.

    `recipients`: of a mail. `connections`: at once. `idle`, `session`: seconds of silence, and of a
    connection.
    """

    size: int = 32 * 1024**2
    in_flight: int = 256 * 1024**2
    recipients: int = 100
    connections: int = 100
    idle: float = 60.0
    session: float = 600.0


_NAMES = ("localhost", "host.docker.internal", "host.containers.internal", "127.0.0.1", "::1")


class SmtpTls(msgspec.Struct, frozen=True, kw_only=True):
    """TLS of the SMTP server (RFC 8314, RFC 3207), with a certificate of its own, for as long as
    the process lives.

    `pem`: the certificate that clients are to trust. `at_once`: the socket on which TLS begins at
    once, or None.
    `starttls`: whether the other socket offers STARTTLS.
    """

    context: ssl.SSLContext
    pem: str
    at_once: socket.socket | None = None
    starttls: bool = False

    @classmethod
    def open(
        cls, host: str, *, at_once: socket.socket | None = None, starttls: bool = False
    ) -> "SmtpTls":
        import trustme  # loads cryptography

        authority = trustme.CA()
        names = dict.fromkeys((*_NAMES, host, socket.gethostname()))
        certificate = authority.issue_cert(*filter(str.isascii, names))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
        return cls(
            context=context,
            pem=authority.cert_pem.bytes().decode(),
            at_once=at_once,
            starttls=starttls,
        )


class SmtpServer:
    """Listens on a socket, in a thread with its own loop, and answers the commands.

    aiosmtpd finds the answers by the names of the methods.
    """

    def __init__(
        self,
        bound: socket.socket,
        mails: CapturedMails,
        limits: SmtpLimits | None = None,
        tls: SmtpTls | None = None,
    ) -> None:
        self.tls = tls
        self.limits = limits or SmtpLimits()
        self.connections: set[_Connection] = set()
        self.loop = asyncio.new_event_loop()
        self._bound = bound
        self._mails = mails
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="inbox over SMTP", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._bound.getsockname()[:2]
        return host, port

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Listen while the block runs.

        The socket is bound already, so clients wait at most a moment.
        """
        self._thread.start()
        try:
            yield
        finally:
            self.loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self.loop):
            self.loop.run_until_complete(self._serve())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())

    async def _serve(self) -> None:
        listen = partial(self.loop.create_server, partial(_Connection, self))
        async with contextlib.AsyncExitStack() as listening:
            await listening.enter_async_context(await listen(sock=self._bound))
            if self.tls and self.tls.at_once:
                at_once = listen(
                    sock=self.tls.at_once, ssl=self.tls.context, ssl_handshake_timeout=_HANDSHAKE
                )
                await listening.enter_async_context(await at_once)
            await self._stopping.wait()
            for connection in list(self.connections):
                connection.hang_up()

    def log_in(self, *of_session: Any) -> AuthResult:
        """Accept any user and password, as PLAIN and LOGIN, the only mechanisms, send them."""
        return AuthResult(success=True, handled=False, auth_data=of_session[-1])

    async def handle_MAIL(
        self,
        server: "_Connection",
        _: Session,
        envelope: SmtpEnvelope,
        address: str,
        options: list[str],
    ) -> str:
        server.received = 0
        envelope.mail_from = _readable(address)
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, _: "_Connection", __: Session, envelope: SmtpEnvelope, address: str, ___: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= self.limits.recipients:
            return "452 4.5.3 Too many recipients"  # RFC 5321, 4.5.3.1.10
        envelope.rcpt_tos.append(_readable(address))
        return "250 2.1.5 OK"

    async def handle_DATA(
        self, server: "_Connection", session: Session, envelope: SmtpEnvelope
    ) -> str:
        user = getattr(session.auth_data, "login", b"")
        sent = Envelope(
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            username=user.decode("utf-8", "replace"),
        )
        assert isinstance(envelope.content, bytes)  # `decode_data` is off
        mail_id = await asyncio.to_thread(self._mails.add, envelope.content, sent)
        server.received = 0
        return f"250 2.0.0 OK {mail_id}"

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, TLSSetupException):
            logging.getLogger("keyturn").warning(
                "A client ended TLS: it may not trust the certificate, which GET /api/certificate "
                "returns"
            )
            return "454 4.7.0 TLS failed"
        logging.getLogger("keyturn").error("The inbox failed", exc_info=error)
        return "451 4.3.0 The inbox failed; its terminal shows the error"


class _Connection(SMTP):
    """Bounds the bytes and the time of one client.

    `received`: bytes since its last mail was kept.
    """

    line_length_limit = _LINE

    def __init__(self, server: SmtpServer) -> None:
        tls_context = None
        if server.tls and server.tls.starttls:
            tls_context = server.tls.context
        super().__init__(
            server,
            data_size_limit=server.limits.size,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Keyturn",
            loop=server.loop,
            timeout=server.limits.idle,
            tls_context=tls_context,
            auth_require_tls=False,
            authenticator=server.log_in,
        )
        self.received = 0
        self._limits = server.limits
        self._others = server.connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # of a stream server
        super().connection_made(transport)
        if self in self._others:  # STARTTLS has begun
            return
        self._others.add(self)
        self._ends = self.loop.call_later(self._limits.session, self.hang_up)
        if len(self._others) > self._limits.connections:
            self._refuse("421 4.7.0 Too many connections")

    def connection_lost(self, error: Exception | None) -> None:
        self._others.discard(self)
        self._ends.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Count bytes, since aiosmtpd reads even a mail that is too big, and a whole line into
        memory (RFC 1870).
        """
        self.received += len(data)
        if self.received > self._limits.size + 2 * _LINE:
            self._refuse("552 5.3.4 Message too big")
        elif sum(other.received for other in self._others) > self._limits.in_flight:
            self._refuse("421 4.3.1 Too much at once")
        else:
            super().data_received(data)

    def hang_up(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def _refuse(self, reply: str) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(f"{reply}\r\n".encode())
            self.transport.close()

    async def smtp_MAIL(self, arg: str | None) -> None:
        """Accept the parameter AUTH as well, which names another submitter (RFC 4954, 5)."""
        await super().smtp_MAIL(arg and _AUTH_PARAMETER.sub("", arg))

    async def _handle_client(self) -> None:
        # A refused connection gets no greeting after its refusal.
        if self.transport and not self.transport.is_closing():
            await super()._handle_client()


def _readable(address: str) -> str:
    """Return an address without the surrogates for bytes that are no UTF-8, which can be kept
    nowhere.
    """
    return decode_text(address.encode("utf-8", "surrogateescape"), None)
