"""What the controllers answer, and how their routes are named in OpenAPI."""

import re
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from litestar import HttpMethod, Litestar, MediaType, Response
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Operation, SecurityScheme
from litestar.response.base import ASGIResponse
from litestar.status_codes import HTTP_200_OK
from litestar.types import Method, Receive, Scope, Send
from litestar.types.internal_types import PathParameterDefinition

from keyturn.api.requests import AnyRequest, language_headers
from keyturn.api.schemas import Done, PasswordJudgement
from keyturn.languages import Language
from keyturn.problems.passwords import PasswordRejected

T = TypeVar("T")

SESSION = "session"
"""What the session's cookie is called among OpenAPI's security schemes."""

SERVICE_KEY = "serviceKey"
"""What the key of an operator's app is called there."""

_OTHER_NAMES = {
    "forgotPassword": "requestPasswordReset",
    "verifyResetToken": "validateResetToken",
    "resetPasswordWithToken": "resetPassword",
}
"""What other frontends call a route, and its own name."""


class JsonResponse(Response[T]):
    """An answer with the headers of its route, which are put together once: only the JSON of a struct is written anew.

    Litestar puts them together for each answer, which is a sixth of what a check of a link costs. It does so for
    whatever else is answered.
    """

    def to_asgi_response(
        self,
        app: Litestar | None,
        request: AnyRequest,
        *,
        headers: dict[str, str] | None = None,
        cookies: Iterable[Cookie] | None = None,
        **options: Any,
    ) -> ASGIResponse:
        own = self.headers or self.cookies or cookies or self.background or options
        if own or not isinstance(self.content, msgspec.Struct) or self.media_type != MediaType.JSON:
            return super().to_asgi_response(app, request, headers=headers, cookies=cookies, **options)
        head = _encoded(tuple((headers or {}).items()))
        return _WrittenAnswer(self.status_code or HTTP_200_OK, head, _JSON.encode(self.content))


class _WrittenAnswer(ASGIResponse):
    """Sends a body behind headers that are encoded already."""

    __slots__ = ("_head",)

    def __init__(self, status_code: int, head: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        # What the class beneath would do besides is to put headers together.
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
    """Return an answer that is a sentence for a person, in their language."""
    if not cookies:
        return _same_response(language, message)
    return Response(Done(message=message, success=True), headers=language_headers(language), cookies=list(cookies))


class _SameResponse(Response[Done]):
    """An answer that is written once, by the first request that gets it: it is the same for whoever asks.

    Writing it is a fifth of what an accepted request costs.
    """

    __slots__ = ("_written",)

    def __init__(self, language: Language, message: str) -> None:
        super().__init__(Done(message=message, success=True), headers=language_headers(language))
        self._written: ASGIResponse | None = None

    def to_asgi_response(self, app: Litestar | None, request: AnyRequest, **options: Any) -> ASGIResponse:
        """Return it as Litestar has written it; the options are a route's, and so the same each time."""
        if self._written is None:
            self._written = super().to_asgi_response(app, request, **options)
        return self._written


_same_response = lru_cache(256)(_SameResponse)


async def judgement_response(judging: Awaitable[None], language: Language) -> Response[PasswordJudgement]:
    """Return what came of judging a password. Raises what that does, but for PasswordRejected."""
    judgement = PasswordJudgement(accepted=True, violations=())
    try:
        await judging
    except PasswordRejected as rejected:
        judgement = PasswordJudgement(accepted=False, violations=rejected.broken_rules(language))
    return Response(judgement, headers=language_headers(language))


def named_by_path(_: HTTPRouteHandler, __: Method | HttpMethod, path: list[str | PathParameterDefinition]) -> str:
    """Return the name of an operation by the end of its path: requestPasswordReset for .../request-password-reset."""
    return re.sub(r"-(\w)", lambda letter: letter[1].upper(), str(path[-1]))


@dataclass
class NamedOperation(Operation):
    """Describes a route that has two names; under the second it says which is the first."""

    def __post_init__(self) -> None:
        if own := _OTHER_NAMES.get(self.operation_id or ""):
            said = f"The same as `{own}`, under the name that other frontends have for it."
            self.description = " ".join(filter(None, (self.description, said)))


def session_scheme(cookie: str) -> SecurityScheme:
    """Describe what carries a session: the cookie of this name."""
    return SecurityScheme(
        type="apiKey", name=cookie, security_scheme_in="cookie", description="It comes with the answer to `signIn`."
    )


def service_key_scheme() -> SecurityScheme:
    """Describe how an operator's app shows who it is."""
    return SecurityScheme(type="http", scheme="bearer", description="The setting `invitations.service_key`.")


def with_security_schemes(config: OpenAPIConfig, schemes: Mapping[str, SecurityScheme]) -> OpenAPIConfig:
    """Return an app's description of its API with what its routes ask for, by the names that they have for it."""
    before = config.components if isinstance(config.components, list) else [config.components]
    described = copy(config)  # `replace` would name every member, and with them those that are deprecated
    described.components = [*before, Components(security_schemes=dict(schemes))]
    return described
