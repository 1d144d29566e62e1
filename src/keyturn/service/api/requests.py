"""Reads requests and writes responses in the same way for the API and the hosted pages."""

from collections.abc import Awaitable, Sequence
from typing import Any

from litestar import HttpMethod, Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import Provide
from litestar.types import Scope

from keyturn.mail.languages.language import Language, Languages
from keyturn.service.api.schemas import Done, PasswordJudgement
from keyturn.service.client import Client, clip_header
from keyturn.service.clock import random_bytes
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.settings.networks import read_peer
from keyturn.service.telemetry.logs import request_id

_REQUEST_ID = "keyturn_request_id"

# The logs, the audit entry and the mail of a request have its id. An X-Request-ID from a client is
# ignored: a client could take another request's id, or write into the logs (CWE-117; OWASP Logging
# Cheat Sheet, "Event data sources"). Of the API's answers, only those from 500 on carry the id: a
# random header on the others would tell equal answers apart.


def request_id_of(scope: Scope) -> str:
    """Return the request's id. The first call creates it; the log lines after it have it."""
    state: dict[str, Any] = scope["state"]
    known: str | None = state.get(_REQUEST_ID)
    if known is not None:
        return known
    name = random_bytes(16).hex()
    state[_REQUEST_ID] = name
    request_id.set(name)
    return name


AnyRequest = Request[Any, Any, Any]


READ = [HttpMethod.GET, HttpMethod.HEAD]
"""The methods of a page and of a file. Programs use HEAD to find out whether an address answers."""


def accepted_language(languages: Languages, request: AnyRequest) -> Language:
    """Return the best language for the Accept-Language header (RFC 9110, 12.5.4)."""
    return languages.choose("", request.headers.get("accept-language", ""))


def language_headers(language: Language) -> dict[str, str]:
    """Return the headers of an answer whose language Accept-Language has chosen (RFC 9110, 8.5,
    12.5.5).
    """
    return {"Content-Language": language.tag, "Vary": "Accept-Language"}


def bearer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the token of an Authorization header with the scheme Bearer (RFC 6750, 2.1); ""
    without one.
    """
    scheme, _, sent = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return ""
    return sent.strip()


def client_of(request: ASGIConnection[Any, Any, Any, Any]) -> Client:
    """Return the client of a request.

    Its address is the peer's, or the one that a trusted proxy forwards (`KeyturnApp`).
    """
    address = read_peer(request.client.host) if request.client else None
    return Client(
        ip_address=str(address or ""),
        user_agent=clip_header(request.headers.get("user-agent", "")),
        languages=clip_header(request.headers.get("accept-language", "")),
        request_id=request_id_of(request.scope),
    )


def done(
    message: str, request: AnyRequest, languages: Languages, cookies: Sequence[Cookie] = ()
) -> Response[Done]:
    """Return the answer to a successful request, with a sentence in the user's language."""
    language = accepted_language(languages, request)
    body = Done(message=language.gettext(message), success=True)
    return Response(body, headers=language_headers(language), cookies=list(cookies))


async def judgement_of(judging: Awaitable[None], language: Language) -> Response[PasswordJudgement]:
    """Return the answer that tells whether a password is accepted, and which rules it breaks.

    Raises the errors of `judging`, except PasswordRejected.
    """
    judgement = PasswordJudgement(accepted=True, violations=())
    try:
        await judging
    except PasswordRejected as rejected:
        judgement = PasswordJudgement(accepted=False, violations=rejected.broken_rules(language))
    return Response(judgement, headers=language_headers(language))


def given(instance: object) -> Provide:
    """Return the provider of a dependency that is the same object for every request."""
    return Provide(lambda: instance, sync_to_thread=False)
