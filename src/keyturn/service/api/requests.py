"""Reads requests and writes responses in the same way for the API and the hosted pages."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.types import Scope

from keyturn.mail.languages import Language, Languages
from keyturn.service.clock import random_bytes
from keyturn.service.problems.requests import OriginRefused
from keyturn.service.reset.check import LinkChecks
from keyturn.service.reset.complete import PasswordResets
from keyturn.service.reset.inviting import Invitations, OperatorLinks
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.reset.proofs.challenge import RequestChallenge
from keyturn.service.reset.proofs.codes import CodeExchange
from keyturn.service.reset.records.client import Client, clip_header
from keyturn.service.reset.request import ResetRequests
from keyturn.service.reset.securing import AccountSecuring
from keyturn.service.reset.sign_in import SignIns
from keyturn.service.settings.networks import read_peer
from keyturn.service.telemetry.logs import request_id

_REQUEST_ID = "keyturn_request_id"

# The id of a request: logs, the audit entry and the mail all hold it. An X-Request-ID from a client is ignored,
# since a client could take another's id or write into the logs (CWE-117; OWASP Logging Cheat Sheet, "Event data
# sources"). Only answers from 500 up carry the id: all others are equal to the byte.


def request_id_of(scope: Scope) -> str:
    """Return the request's id. The first call creates it, and the logs contain it from then on."""
    state: dict[str, Any] = scope["state"]
    name: str | None = state.get(_REQUEST_ID)
    if name is None:
        name = state[_REQUEST_ID] = random_bytes(16).hex()
        request_id.set(name)
    return name


AnyRequest = Request[Any, Any, Any]


class HostCookie(msgspec.Struct, frozen=True, kw_only=True):
    """Carries a secret between the browser and the service: that of a session, or of a device.

    `holds` says which. `secure` follows the scheme of the base URL; `max_age` is in seconds.
    """

    holds: str
    secure: bool
    max_age: int

    @property
    def name(self) -> str:
        # A browser accepts __Host- only over https, for this host alone, from a path of "/" (RFC 6265bis 4.1.3.2).
        return f"__Host-keyturn_{self.holds}" if self.secure else f"keyturn_{self.holds}"

    def issue(self, secret: str) -> Cookie:
        """Return the cookie: hidden from scripts, and not sent by other sites' requests (ASVS 3.3.1, 3.3.2)."""
        return self._cookie(secret, self.max_age)

    def expire(self) -> Cookie:
        return self._cookie("", 0)

    def read(self, request: AnyRequest) -> str:
        return request.cookies.get(self.name, "")

    def _cookie(self, value: str, max_age: int) -> Cookie:
        return Cookie(
            key=self.name, value=value, path="/", secure=self.secure, httponly=True, samesite="lax", max_age=max_age
        )


class SessionApi(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that the routes of sessions need.

    `cookie` carries a session. `device_cookie` marks a browser that was used to sign in before.
    """

    sign_ins: SignIns
    cookie: HostCookie
    device_cookie: HostCookie
    languages: Languages

    def language(self, request: AnyRequest) -> Language:
        return accepted_language(self.languages, request)


class ResetApi(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that the routes need, as one dependency: Litestar starts a task group for several.

    `sessions` is None if users cannot sign in here.
    `takes_names`: users may enter a user name in place of their address.
    `link_life`: how long a link works. `challenge` and `codes` are None if they are off.
    `require_ready` raises Unavailable if the process cannot work.
    """

    requests: ResetRequests
    checks: LinkChecks
    resets: PasswordResets
    invitations: Invitations
    operator_links: OperatorLinks
    policy: PasswordPolicy
    sessions: SessionApi | None
    require_ready: Callable[[], Awaitable[None]]
    languages: Languages
    link_life: timedelta
    securing: AccountSecuring
    challenge: RequestChallenge | None = None
    codes: CodeExchange | None = None
    takes_names: bool = False

    def language(self, request: AnyRequest) -> Language:
        return accepted_language(self.languages, request)


GivenApi = NamedDependency[ResetApi]
GivenSessions = NamedDependency[SessionApi]
"""The parts, as a handler gets them."""


def accepted_language(languages: Languages, request: AnyRequest) -> Language:
    """Return the best language for the Accept-Language header (RFC 9110, 12.5.4)."""
    return languages.choose("", request.headers.get("accept-language", ""))


def language_headers(language: Language) -> dict[str, str]:
    """Return the headers of an answer in a language chosen by Accept-Language (RFC 9110, 8.5 and 12.5.5)."""
    return {"Content-Language": language.tag, "Vary": "Accept-Language"}


def bearer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the token of an Authorization header with the scheme Bearer (RFC 6750, 2.1); "" without one."""
    scheme, _, sent = connection.headers.get("authorization", "").partition(" ")
    return sent.strip() if scheme.lower() == "bearer" else ""


def client_of(request: ASGIConnection[Any, Any, Any, Any]) -> Client:
    """Return the client. Its address is the peer's, or the one that a trusted proxy forwards (see `app.create_app`)."""
    return Client(
        ip_address=str(read_peer(request.client.host) or "") if request.client else "",
        user_agent=clip_header(request.headers.get("user-agent", "")),
        languages=clip_header(request.headers.get("accept-language", "")),
        request_id=request_id_of(request.scope),
    )


def require_same_origin(request: AnyRequest, origin: str) -> None:
    """Raise OriginRefused if the browser reports that another site caused this request.

    Reads Sec-Fetch-Site if it is sent, else Origin. A client that sends neither is not a browser, so other sites cannot
    misuse its cookies (OWASP CSRF Prevention Cheat Sheet, "Fetch Metadata headers").
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise OriginRefused
    elif (sent := request.headers.get("origin")) is not None and sent.lower() != origin:
        raise OriginRefused
