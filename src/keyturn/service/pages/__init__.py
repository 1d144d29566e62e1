"""The hosted pages: requesting a link, choosing a new password, signing in, the card in the security settings.

The service also serves keyturn.js for the pages of other sites, and the page of the API's reference.

**Mounted from the settings.** `settings/paths.py` turns the URLs into paths once. Each controller stands in a router
that knows its own path and where its refusals lead. A theme is brand, palette and languages, one for each kind of
account that differs. A page chooses the theme once the account is known.

**After every POST a page redirects.** A cookie holds "Check your email" with the time of the request. So the server can
show the seconds without a script, and a reload requests nothing.

**Custom templates replace the packaged ones** (`rendering.py`), as in mails. Every state is drawn at the start, so the
operator learns of a mistake before a user does. A later mistake is logged, and the packaged page is the answer.

**A brand brings files** that are served from here, so a custom look needs no inline code and no foreign host.

**Litestar's signed double submit is the only CSRF protection**: under `no-referrer` a browser sends `Origin: null` with
its own forms. Headers are set on each response and not by a middleware, since a refusal bypasses the send wrappers of
outer middlewares.

**keyturn.js is written as modules and served as one file**, so one URL is one version; a bundler would bring Node. Its
words come from the API, so only the catalogues hold them. A waiting button is `aria-disabled`, since `disabled` would
take the focus away.

Declined: Lit, Stencil and other makers of custom elements, for three forms and nothing to build. Swagger UI, ReDoc and
Scalar: each fetches megabytes of script from elsewhere or needs inline code, and the reference is one Jinja template
over the same schema.
"""

from collections.abc import Iterator

from litestar import Controller, Router
from litestar.handlers import HTTPRouteHandler

from keyturn.service.api.router import provided
from keyturn.service.pages.assets import frontend_routes
from keyturn.service.pages.forgot import ForgotPassword, replace_expired, show_code_form, take_code
from keyturn.service.pages.not_me import SecureAccount
from keyturn.service.pages.opening import taking_link
from keyturn.service.pages.refusals import RefusalPages
from keyturn.service.pages.rendering import Pages
from keyturn.service.pages.reset import ResetPassword
from keyturn.service.pages.security import form_token_check
from keyturn.service.pages.security_settings import SecuritySettings
from keyturn.service.pages.sign_in import SignIn, SignOut
from keyturn.service.pages.site import Site

__all__ = ["pages_router"]


PAGE = "keyturn_page"
"""Marks the routes of pages for the plugin: an app around them needs their paths alone."""

_LARGEST_FORM = 16_384
"""Bytes: an address and two passwords are shorter in any encoding."""


def pages_router(pages: Pages) -> Router:
    """Return the pages, to be mounted beside the API. Without sessions, the sign-in pages are missing.

    Raises SettingsInvalid with every mistake in custom templates.
    """
    site = pages.site
    if site.settings.pages.templates:
        from keyturn.service.pages.preview import require_drawable  # every state of every page

        require_drawable(pages)
    routers = [*_link_pages(pages), *(_signed_in_pages(site) if pages.parts.sign_ins else ())]
    return Router(
        "/",
        route_handlers=[pages.assets.route(), *frontend_routes(site), *routers],
        dependencies={"pages": provided(pages)},
        middleware=[form_token_check(pages.parts)],
        exception_handlers=RefusalPages(pages).handlers(),
        include_in_schema=False,
        opt={PAGE: True},
        request_max_body_size=_LARGEST_FORM,
    )


def _link_pages(pages: Pages) -> Iterator[Router]:
    """Yield the pages that need no session: where links are requested, and where they lead."""
    paths, cookies = pages.site.paths, pages.cookies
    places: dict[str, list[type[Controller] | HTTPRouteHandler]] = {
        paths.forgot: [ForgotPassword, show_code_form, take_code],
        paths.reset: [taking_link(pages, cookies.link), ResetPassword, replace_expired],
    }
    yield from (_page_at(path, *handlers) for path, handlers in places.items() if path)
    if paths.secure:
        yield _page_at(paths.secure, taking_link(pages, cookies.proof), SecureAccount, back=paths.forgot)


def _signed_in_pages(site: Site) -> Iterator[Router]:
    """Yield the pages for signing in and out, and the security settings behind them."""
    sign_in = site.paths.sign_in
    yield from (_page_at(sign_in, SignIn), _page_at("/logout", SignOut, back=sign_in))
    for path in site.settings_paths:
        yield _page_at(path, SecuritySettings, back=sign_in)


def _page_at(path: str, *handlers: type[Controller] | HTTPRouteHandler, back: str = "") -> Router:
    """Return a page, and everything below it, at its path.

    `back`: where its refusals lead. Empty: the page itself.
    """
    return Router(path, route_handlers=[*handlers], opt={"here": path, "back": back or path})
