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

# The id of a request: logs, the audit entry and the mail all hold it. An X-Request-ID from a client
# is ignored, since a client could take another's id or write into the logs (CWE-117; OWASP Logging
# Cheat Sheet, "Event data sources"). Only answers from 500 up carry the id: all others are equal to
# the byte.


def request_id_of(scope: Scope) -> str:
    """Return the request's id. The first call creates it, and the logs contain it from then on."""
    state: dict[str, Any] = scope["state"]
    name: str | None = state.get(_REQUEST_ID)
    if name is None:
        name = state[_REQUEST_ID] = random_bytes(16).hex()
        request_id.set(name)
    return name


AnyRequest = Request[Any, Any, Any]


READ = [HttpMethod.GET, HttpMethod.HEAD]
"""The methods of a page and of a file. Programs ask by HEAD whether an address answers."""


def accepted_language(languages: Languages, request: AnyRequest) -> Language:
    """Return the best language for the Accept-Language header (RFC 9110, 12.5.4)."""
    return languages.choose("", request.headers.get("accept-language", ""))


def language_headers(language: Language) -> dict[str, str]:
    """Return the headers of an answer in a language chosen by Accept-Language (RFC 9110, 8.5 and
    12.5.5).
    """
    return {"Content-Language": language.tag, "Vary": "Accept-Language"}


def bearer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the token of an Authorization header with the scheme Bearer (RFC 6750, 2.1); ""
    without one.
    """
    scheme, _, sent = connection.headers.get("authorization", "").partition(" ")
    return sent.strip() if scheme.lower() == "bearer" else ""


def client_of(request: ASGIConnection[Any, Any, Any, Any]) -> Client:
    """Return the client. Its address is the peer's, or the one that a trusted proxy forwards (see
    `keyturn_app`).
    """
    return Client(
        ip_address=str(read_peer(request.client.host) or "") if request.client else "",
        user_agent=clip_header(request.headers.get("user-agent", "")),
        languages=clip_header(request.headers.get("accept-language", "")),
        request_id=request_id_of(request.scope),
    )


def done(message: str, language: Language, cookies: Sequence[Cookie] = ()) -> Response[Done]:
    """Return the answer that something was done, with a sentence for people."""
    body = Done(message=language.gettext(message), success=True)
    return Response(body, headers=language_headers(language), cookies=list(cookies))


async def judgement_of(judging: Awaitable[None], language: Language) -> Response[PasswordJudgement]:
    """Return the judgement on a password.

    Raises the errors of `judging`, except PasswordRejected.
    """
    judgement = PasswordJudgement(accepted=True, violations=())
    try:
        await judging
    except PasswordRejected as rejected:
        judgement = PasswordJudgement(accepted=False, violations=rejected.broken_rules(language))
    return Response(judgement, headers=language_headers(language))


def given(instance: object) -> Provide:
    """Return the provider of a dependency that is the same for every request."""
    return Provide(lambda: instance, sync_to_thread=False)
