"""The service as an ASGI application."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Server, Tag
from litestar.types import ASGIApp, ControllerRouterHandler

from keyturn import __version__
from keyturn.api.edge import behind_proxies, edge
from keyturn.api.metrics import metrics_router
from keyturn.api.problems import problem_handlers
from keyturn.pages.front import home_redirect, service_error_handlers
from keyturn.pages.reference import ReferencePage
from keyturn.pages.rendering import Pages
from keyturn.parts import Parts
from keyturn.plugin import KeyturnPlugin, site_of
from keyturn.settings import Settings, is_loopback


def create_app(
    settings: Settings,
    *,
    parts: Parts | None = None,
    worker: bool = True,
    more: Sequence[ControllerRouterHandler] = (),
) -> ASGIApp:
    """Return the service: the API, the hosted pages and, unless told otherwise, a worker. `more` is mounted beside.

    Raises SettingsInvalid.
    """
    parts = parts or Parts(settings)
    site = site_of(parts)
    pages, reference = Pages(site), ReferencePage(site)
    app = Litestar(
        route_handlers=[
            home_redirect(pages),
            metrics_router(
                parts.meters,
                parts.database,
                token=settings.metrics.token,
                # https ends at a proxy, and so does whatever is reached under another name than this machine's.
                local=is_loopback(settings.base_url),
            ),
            *more,
        ],
        # Only a proxy of ours is believed that says which trace a request belongs to.
        middleware=parts.telemetry.tracing.request_spans(joining=bool(settings.server.trusted_proxies)),
        plugins=[KeyturnPlugin(settings, parts=parts, worker=worker, path="")],
        exception_handlers=service_error_handlers(pages),
        openapi_config=OpenAPIConfig(
            title=f"{settings.brand.name} accounts",
            version=__version__,
            servers=[Server(url=site.prefix or "/")],
            tags=[Tag(name) for name in ("Password reset", *(["Sessions"] if parts.sign_ins else []), "Health")],
            openapi_router=reference.router("/schema"),
            render_plugins=[reference],
        ),
        request_max_body_size=settings.server.max_body,
        cors_config=_cors(settings),
        logging_config=None,
    )
    return edge(behind_proxies(app, settings.server.trusted_proxies), settings.answered_hosts)


def create_metrics_app(parts: Parts) -> ASGIApp:
    """Return /metrics alone, for a process that answers nothing else and listens on a loopback address."""
    return Litestar(
        route_handlers=[metrics_router(parts.meters, parts.database, token=parts.settings.metrics.token, local=True)],
        exception_handlers=problem_handlers(parts.languages),
        openapi_config=None,
        logging_config=None,
    )


def _cors(settings: Settings) -> CORSConfig | None:
    """Let the pages of the origins on the list read answers (OWASP ASVS 3.4.2); cookies stay at home."""
    if not settings.server.allowed_origins:
        return None
    return CORSConfig(
        allow_origins=list(settings.server.allowed_origins),
        allow_methods=["GET", "POST"],
        allow_headers=["content-type"],
        allow_credentials=False,
        max_age=600,
    )
