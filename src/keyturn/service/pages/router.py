"""The hosted pages as a router, with what all of them share."""

from litestar import Router

from keyturn.errors import SettingsInvalid
from keyturn.service.api.requests import provided
from keyturn.service.pages.assets import frontend_routes
from keyturn.service.pages.refusals import refusal_handlers
from keyturn.service.pages.rendering import Pages
from keyturn.service.pages.security import form_token_check
from keyturn.service.rooms import pages_of

PAGE = "keyturn_page"
"""Marks the routes of pages for the plugin: an app around them needs their paths alone."""


def pages_router(pages: Pages) -> Router:
    """Return the pages, to be mounted beside the API. Without sessions, the sign-in pages are missing.

    Raises SettingsInvalid with every mistake in custom templates.
    """
    site = pages.site
    if site.settings.pages.templates:
        from keyturn.service.pages.preview import PagePreview  # every state of every page

        if faults := PagePreview(lambda: site.settings).faults():
            raise SettingsInvalid(faults)
    return Router(
        "/",
        route_handlers=[pages.assets.route(), *frontend_routes(site), *pages_of(pages)],
        dependencies={"pages": provided(pages)},
        middleware=[form_token_check(pages.parts, pages.cookies)],
        exception_handlers=refusal_handlers(pages),
        include_in_schema=False,
        opt={PAGE: True},
    )
