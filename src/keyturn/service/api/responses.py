"""The answers of the routes, and what clients may have to show to them."""

from collections.abc import Awaitable
from copy import copy

from litestar import Response
from litestar.datastructures import Cookie
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from keyturn.service.api.cookies import session_cookie
from keyturn.service.api.requests import AnyRequest, accepted_language, language_headers
from keyturn.service.api.schemas import Done, PasswordJudgement
from keyturn.service.parts import Parts
from keyturn.service.problems.passwords import PasswordRejected

SESSION = "session"
"""The name of the session's cookie among OpenAPI's security schemes."""

SERVICE_KEY = "serviceKey"
"""The name of an operator's service key among OpenAPI's security schemes."""


def message_response(request: AnyRequest, parts: Parts, message: str, *cookies: Cookie) -> Response[Done]:
    """Return an answer with a sentence of the catalogues, in the user's language."""
    language = accepted_language(parts.languages, request)
    done = Done(message=language.gettext(message), success=True)
    return Response(done, headers=language_headers(language), cookies=list(cookies))


async def judgement_response(
    request: AnyRequest, parts: Parts, judging: Awaitable[None]
) -> Response[PasswordJudgement]:
    """Return the judgement on a password. Raises the errors of `judging`, except PasswordRejected."""
    language, judgement = accepted_language(parts.languages, request), PasswordJudgement(accepted=True, violations=())
    try:
        await judging
    except PasswordRejected as rejected:
        judgement = PasswordJudgement(accepted=False, violations=rejected.broken_rules(language))
    return Response(judgement, headers=language_headers(language))


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
