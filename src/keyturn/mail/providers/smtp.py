"""Any mail server, over SMTP with STARTTLS or TLS and a log-in."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.hosts import is_host, is_loopback
from keyturn.mail.port.email import Email
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.mail.port.provider import CheckedSender, Provider, Spf
from keyturn.values import SecretStr

if TYPE_CHECKING:
    from aiosmtplib import SMTP

_TRANSIENT, _PERMANENT = range(400, 500), range(500, 600)
"""RFC 5321 4.2.1: a reply of 5yz is permanent, 4yz may work later. No other replies refuse."""

_MOST_SAID = 200

_UNKNOWN_PAUSE = 600.0
"""Seconds before a mail is repeated that the server may have: one that never answers would send a
copy each time.
"""

_LONGEST = timedelta(seconds=35)
"""Of a session until the mail is handed over, however soon each reply comes: a try has 60 s for
that, of which ten may go by before it.
"""

_LAST_ANSWER = timedelta(minutes=10)
"""For the reply to the end of a mail (RFC 5321, 4.5.3.2.6).

A server may filter and store the mail before it answers. A client that hangs up sooner sends the
mail again, and the recipient gets it twice.
"""

_own_name = cache(socket.getfqdn)  # which may wait for DNS
_GOODBYE = 2.0
"""Seconds to wait for the reply to QUIT: the mail was taken or not by then."""


class SmtpSender:
    """Sends with a mail server.

    SMTP knows no idempotency key, so a mail arrives at least once: if the reply to the end of DATA
    is lost, it may arrive again (RFC 5321, 6.1). The Message-ID is derived from the key, so that
    mail programs can fold a repeat.
    """

    name = "smtp"

    def __init__(
        self,
        settings: "Smtp",
        timeout: timedelta,
        longest: timedelta = _LONGEST,
        last_answer: timedelta = _LAST_ANSWER,
    ) -> None:
        import_module("aiosmtplib")  # which would hold the event loop with the first mail
        self._settings = settings
        self._seconds = timeout.total_seconds()
        self._longest = longest.total_seconds()
        self._last_answer = last_answer.total_seconds()

    async def send(self, email: Email, idempotency_key: str) -> str:
        from aiosmtplib import SMTPException

        from keyturn.mail.port.mime import bare_address, message_id_of, needs_utf8, to_mime

        utf8, sender = needs_utf8(email), bare_address(email.sender)
        message = to_mime(email, key=idempotency_key, date=datetime.now(UTC), utf8=utf8)
        client: SMTP | None = None
        may_have_it = False
        try:
            async with asyncio.timeout(self._longest):
                client = await self._settings.connection(sender, self._seconds)
                await client.connect()
                await self._settings.log_in(client)
                await _name_sender(client, sender, utf8=utf8)
                await client.rcpt(bare_address(email.to), encoding="utf-8")
            may_have_it = True
            await client.data(message, timeout=self._last_answer)
        except (SMTPException, OSError) as error:
            raise _failure_of(error, may_have_it=may_have_it) from None
        finally:
            if client is not None:
                with closing(client), suppress(SMTPException):
                    await client.quit(timeout=_GOODBYE)
        return message_id_of(email, idempotency_key)

    async def close(self) -> None: ...


async def _name_sender(client: "SMTP", sender: str, *, utf8: bool) -> None:
    options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []  # RFC 6531, 3.1 and 3.6
    await client.mail(sender, options=options, encoding="utf-8")


_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")  # RFC 4422, 3.1


def _failure_of(error: Exception, *, may_have_it: bool) -> SendFailed:
    """Return what an error means.

    A server that refuses did not take the mail; other codes are unclear.
    """
    import aiosmtplib

    if not isinstance(error, aiosmtplib.SMTPResponseException):
        # aiosmtplib names STARTTLS if AUTH is missing, too.
        missing = next(
            (name for name in ("AUTH", "STARTTLS") if name in str(error) and not may_have_it), ""
        )
        # The cause of its errors says more, as SSLCertVerificationError; that of a time-out is its
        # own CancelledError.
        cause = error.__cause__ if isinstance(error, aiosmtplib.SMTPException) else None
        reason = f"no {missing}" if missing else type(cause or error).__name__
        return (
            SendUnknown(reason, _UNKNOWN_PAUSE)
            if may_have_it
            else SendRetryable(reason, not_accepted=True)
        )
    reason = f"SMTP {error.code}"
    refuses_client = isinstance(
        error, aiosmtplib.SMTPConnectResponseError | aiosmtplib.SMTPHeloError
    )  # not the mail
    if (
        refuses_client or error.code in _TRANSIENT
    ):  # 454: it cannot look the account up now (RFC 4954, 4)
        return SendRetryable(reason, not_accepted=True)
    is_account = isinstance(
        error, aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPSenderRefused
    )
    return (
        SendRefused(reason, account=is_account) if error.code in _PERMANENT else SendUnknown(reason)
    )


_FIX = (
    "Correct smtp.host (the name in its certificate), smtp.port and "
    'smtp.security: "starttls" (port 587), "tls" (465), or "none" for a mail catcher on this '
    "machine (no login)."
)
_FIX_LOGIN = (
    "Let it accept a user name and a password (PLAIN or LOGIN), or choose another server: "
    "Keyturn has no OAuth."
)


class Smtp(Provider, frozen=True):
    """The mail server and its address.

    `security`: `starttls`, `tls` or `none`
    """

    host: str = ""
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    username: str = ""
    password: SecretStr = SecretStr("")
    security: Literal["starttls", "tls", "none"] = "starttls"

    name = "smtp"
    place = 6
    needs: ClassVar = {"host": "KEYTURN_SMTP_HOST"}
    # The envelope sender is the address in From, so receivers read the SPF record of its domain.
    spf = Spf(missing="fail")
    last_answer = _LAST_ANSWER
    extra = "smtp"
    package = "aiosmtplib"

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.host and not _is_server(self.host):
            yield (
                "host",
                (
                    "not a host, such as smtp.example.org: write its port into smtp.port, and no "
                    "smtp:// before it"
                ),
            )

    def build(self, timeout: timedelta) -> SmtpSender:
        return SmtpSender(self, timeout)

    async def connection(self, sender: str, seconds: float) -> "SMTP":
        """Return a connection to enter: from a name with a dot (RFC 5321, 4.1.1.1), in a container
        the sender's.
        """
        from aiosmtplib import SMTP

        name = await asyncio.to_thread(_own_name)
        return SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            timeout=seconds,
            local_hostname=name if "." in name else sender.rpartition("@")[2],
        )

    async def log_in(self, client: "SMTP") -> None:
        """Log in, if there is a user name.

        Raises SendRefused for a server that takes no user name and password.
        """
        from aiosmtplib import SMTPException

        if not self.username:
            return
        try:
            await client.login(self.username, str(self.password))
        except SMTPException:
            offered = [name.upper() for name in client.server_auth_methods]
            if client.supported_auth_methods or not offered:
                raise
            names = ", ".join(name for name in offered if _MECHANISM.fullmatch(name))
            raise SendRefused(
                f"no password login, only {names}"[:_MOST_SAID], account=True
            ) from None

    async def check(self, sender: CheckedSender) -> list[Finding]:
        """Connect, encrypt, log in, and ask whether the server takes mails from this sender.

        Sends no mail.
        """
        try:
            import aiosmtplib
        except ModuleNotFoundError:
            return [
                fail("the library for SMTP is not installed", "Run `pip install 'keyturn[smtp]'`.")
            ]
        server, encrypts = f"{self.host}:{self.port}", self.security != "none"
        client = await self.connection(sender.address, sender.timeout.total_seconds())
        try:
            async with client:
                await self.log_in(client)
                await _name_sender(client, sender.address, utf8=not sender.address.isascii())
                await client.rset()
        except SendRefused as error:
            return [fail(f"{server} has {error.reason}", _FIX_LOGIN)]
        except aiosmtplib.SMTPAuthenticationError as error:
            fix = "Correct smtp.username and smtp.password. Gmail needs an app password."
            return [fail(f"{self.host} refused the login ({error.code})", fix)]
        except aiosmtplib.SMTPSenderRefused as error:
            fix = (
                "Set mail.from to an address that this account may use, or set smtp.username "
                "and smtp.password."
            )
            return [fail(f"{self.host} refused {sender.address} as the sender ({error.code})", fix)]
        except (aiosmtplib.SMTPException, OSError) as error:
            cause = error.__cause__ or error
            return [
                fail(
                    f"{server} cannot be used: {str(cause)[:_MOST_SAID] or type(cause).__name__}",
                    _FIX,
                )
            ]
        done = [
            "connected",
            *(["encrypted"] if encrypts else []),
            *(["logged in"] if self.username else []),
        ]
        accepts = ok(f"{server} accepts mails: {', '.join(done)}")
        if encrypts or is_loopback(f"smtp://{f'[{self.host}]' if ':' in self.host else self.host}"):
            return [accepts]
        fix = 'Set smtp.security to "starttls" or "tls".'
        return [warn("not encrypted: attackers on the network can read the links", fix), accepts]


def _is_server(host: str) -> bool:
    if ":" in host:
        return is_host(f"[{host}]")  # an IPv6 address
    try:
        return is_host(host.encode("idna").decode())
    except UnicodeError:
        return False
