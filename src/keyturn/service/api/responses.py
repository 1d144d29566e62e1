"""The answers of the controllers, and the names of their routes in OpenAPI."""

import re
from collections.abc import Awaitable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from litestar import HttpMethod, MediaType, Response
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Operation, SecurityScheme
from litestar.response.base import ASGIResponse
from litestar.status_codes import HTTP_200_OK
from litestar.types import Method, Receive, Scope, Send

from keyturn.mail.languages import Language
from keyturn.service.api.cookies import session_cookie
from keyturn.service.api.requests import language_headers
from keyturn.service.api.schemas import Done, PasswordJudgement
from keyturn.service.parts import Parts
from keyturn.service.problems.passwords import PasswordRejected

T = TypeVar("T")

SESSION = "session"
"""The name of the session's cookie among OpenAPI's security schemes."""

SERVICE_KEY = "serviceKey"
"""The name of an operator's service key among OpenAPI's security schemes."""

_OTHER_NAMES = {
    "forgotPassword": "requestPasswordReset",
    "verifyResetToken": "validateResetToken",
    "resetPasswordWithToken": "resetPassword",
}
"""Other frontends' names of routes, and Keyturn's."""


class JsonResponse(Response[T]):
    """An answer whose headers are built once for its route; only a struct's JSON is encoded each time.

    Litestar builds the headers for each answer, which is a sixth of the cost of checking a link. It still does so for
    all other answers.
    """

    def to_asgi_response(
        self,
        *positional: Any,
        headers: dict[str, str] | None = None,
        cookies: Iterable[Cookie] | None = None,
        **options: Any,
    ) -> ASGIResponse:
        """Return the answer. Litestar names its arguments, of which version 3 has no `app`."""
        own = self.headers or self.cookies or cookies or self.background or options.keys() - {"app", "request"}
        if own or not isinstance(self.content, msgspec.Struct) or self.media_type != MediaType.JSON:
            return super().to_asgi_response(*positional, headers=headers, cookies=cookies, **options)
        head = _encoded(tuple((headers or {}).items()))
        return _WrittenAnswer(self.status_code or HTTP_200_OK, head, _JSON.encode(self.content))


class _WrittenAnswer(ASGIResponse):
    """Sends a body after headers that are already encoded."""

    __slots__ = ("_head",)

    def __init__(self, status_code: int, head: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        # The base class would do nothing more than build headers.
        self.status_code = status_code
        self.body = body
        self._head = head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        headers = [*self._head, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


_JSON = msgspec.json.Encoder()


@lru_cache(256)
def _encoded(headers: Sequence[tuple[str, str]]) -> Sequence[tuple[bytes, bytes]]:
    written = [*headers, ("content-type", "application/json")]
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in written]


def message_response(language: Language, message: str, *cookies: Cookie) -> Response[Done]:
    """Return an answer with a sentence in the user's language."""
    if not cookies:
        return _same_response(language, message)
    return Response(Done(message=message, success=True), headers=language_headers(language), cookies=list(cookies))


class _SameResponse(Response[Done]):
    """An answer that the first request encodes for all others: it is the same for every client.

    Encoding it is a fifth of the cost of an accepted request.
    """

    __slots__ = ("_written",)

    def __init__(self, language: Language, message: str) -> None:
        super().__init__(Done(message=message, success=True), headers=language_headers(language))
        self._written: ASGIResponse | None = None

    def to_asgi_response(self, *positional: Any, **options: Any) -> ASGIResponse:
        """Return the answer as Litestar has encoded it; the options are a route's, and so the same each time."""
        if self._written is None:
            self._written = super().to_asgi_response(*positional, **options)
        return self._written


_same_response = lru_cache(256)(_SameResponse)


async def judgement_response(judging: Awaitable[None], language: Language) -> Response[PasswordJudgement]:
    """Return the judgement on a password. Raises the errors of `judging`, except PasswordRejected."""
    judgement = PasswordJudgement(accepted=True, violations=())
    try:
        await judging
    except PasswordRejected as rejected:
        judgement = PasswordJudgement(accepted=False, violations=rejected.broken_rules(language))
    return Response(judgement, headers=language_headers(language))


def named_by_path(_: HTTPRouteHandler, __: Method | HttpMethod, path: Sequence[object]) -> str:
    """Return an operation's name from the end of its path: requestPasswordReset for .../request-password-reset."""
    return re.sub(r"-(\w)", lambda letter: letter[1].upper(), str(path[-1]))


@dataclass
class NamedOperation(Operation):
    """Describes a route with two names; the description under the second refers to the first."""

    def __post_init__(self) -> None:
        if own := _OTHER_NAMES.get(self.operation_id or ""):
            said = f"The same as `{own}`, under a name that other frontends use."
            self.description = " ".join(filter(None, (self.description, said)))


def security_schemes(parts: Parts) -> dict[str, SecurityScheme]:
    """Return what clients may have to show to the API, for OpenAPI."""
    cookie, key = session_cookie(parts.settings).name, "A key of the settings `[invitations]`."
    schemes = {
        SESSION: SecurityScheme(
            type="apiKey", name=cookie, security_scheme_in="cookie", description="The answer to `signIn` sets it."
        ),
        SERVICE_KEY: SecurityScheme(type="http", scheme="bearer", description=key),
    }
    is_on = {SESSION: parts.sign_ins, SERVICE_KEY: parts.invitations.over_http}
    return {name: scheme for name, scheme in schemes.items() if is_on[name]}


def with_security_schemes(config: OpenAPIConfig, parts: Parts) -> OpenAPIConfig:
    """Return an app's OpenAPI configuration with the security schemes of these routes, under their names."""
    before = config.components if isinstance(config.components, list) else [config.components]
    described = copy(config)  # `replace` would read every member, including deprecated ones
    described.components = [*before, Components(security_schemes=dict(security_schemes(parts)))]
    return described
