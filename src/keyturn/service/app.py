"""Builds the service as an ASGI application."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Server, Tag
from litestar.types import ControllerRouterHandler

from keyturn import __version__
from keyturn.service.api.health import HealthController, read_metrics
from keyturn.service.api.openapi import operation_id, security_schemes
from keyturn.service.api.problems import problem_handlers
from keyturn.service.api.requests import given
from keyturn.service.container import Container
from keyturn.service.keyturn_app import KeyturnApp
from keyturn.service.pages.redirects import redirect_home, redirect_to_change
from keyturn.service.pages.reference import ReferencePage
from keyturn.service.pages.refusals import service_error_handlers
from keyturn.service.pages.rendering import Pages, visit_dependency
from keyturn.service.routes import api_router, pages_router
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import FixedRoute
from keyturn.service.settings.reading import read_settings, require_valid
from keyturn.service.telemetry.logs import configure_logs
from keyturn.service.telemetry.tracing import request_spans

_TAGS = {
    "Password reset": "Request a link, check it, and use it to set a new password.",
    "Not me": "Report a reset request or a password change that the account's owner did not make.",
    "Sessions": "Sign in, sign out, and change a known password.",
    "Invitations": "Invite a user to choose a first password, from your app's server.",
    "Health": "Checks for load balancers and orchestrators.",
}


def create_app(
    settings: Settings | None = None,
    *,
    container: Container | None = None,
    worker: bool = True,
    more: Sequence[ControllerRouterHandler] = (),
) -> Litestar:
    """Return the service: the API, the hosted pages and the worker.

    `settings`: by default, the settings that `keyturn serve` reads. The logs are then configured,
    too.
    `container`: what a command has already built and checked.
    `worker`: False starts no worker; otherwise `server.worker` decides.
    `more`: further route handlers.

    Raises SettingsInvalid.
    """
    if settings is None:
        settings = read_settings()
        configure_logs(settings.logs.level)
    pages = Pages(container or Container(require_valid(settings)))
    built = pages.container
    return KeyturnApp(
        built,
        worker=worker,
        is_checked=container is not None,
        route_handlers=[
            api_router(built),
            pages_router(pages),
            redirect_home,
            redirect_to_change,
            read_metrics,
            *more,
        ],
        dependencies={"container": given(built), **visit_dependency(pages)},
        middleware=request_spans(joining=bool(built.settings.server.trusted_proxies)),
        exception_handlers=service_error_handlers(pages),
        openapi_config=_openapi(pages),
        cors_config=_cors(built.settings),
    )


def _openapi(pages: Pages) -> OpenAPIConfig:
    container = pages.container
    reference = ReferencePage(pages)
    left_out = set()
    if not container.sign_ins:
        left_out.add("Sessions")
    if not container.invitations.over_http:
        left_out.add("Invitations")
    return OpenAPIConfig(
        title=f"{container.settings.brand.name} accounts",
        version=__version__,
        components=Components(security_schemes=dict(security_schemes(container))),
        operation_id_creator=operation_id,
        use_handler_docstrings=True,
        servers=[Server(url=pages.site.prefix or "/")],
        tags=[Tag(name, about) for name, about in _TAGS.items() if name not in left_out],
        openapi_router=reference.router(FixedRoute.SCHEMA),
        render_plugins=[reference],
    )


def create_worker_app(container: Container) -> Litestar:
    """Return an app with only /health and /metrics, for a process without an API."""
    return Litestar(
        route_handlers=[HealthController, read_metrics],
        dependencies={"container": given(container)},
        exception_handlers=problem_handlers(container.languages),
        openapi_config=None,
        logging_config=None,
    )


_TRACING = ("baggage", "sentry-trace", "traceparent", "tracestate")
"""Headers that scripts for tracing add to each request of a page
(https://www.w3.org/TR/trace-context/).
"""


def _cors(settings: Settings) -> CORSConfig | None:
    """Let pages of the allowed origins read answers, and the header Retry-After.

    Browsers send no cookies with these requests (ASVS 3.4.2; Fetch, 3.3.2).
    """
    if not settings.server.allowed_origins:
        return None
    return CORSConfig(
        allow_origins=list(settings.server.allowed_origins),
        allow_methods=["GET", "POST"],
        allow_headers=["content-type", *_TRACING],
        expose_headers=["retry-after"],
        allow_credentials=False,
        max_age=600,
    )
