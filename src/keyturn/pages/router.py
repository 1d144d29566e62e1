"""The pages' routes: what they share is said once, here."""

from litestar import Controller, Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler

from keyturn.api.mounting import MountedOnce
from keyturn.pages.code import show_code_form, take_code
from keyturn.pages.forgot import ForgotPassword
from keyturn.pages.frontend import frontend_routes
from keyturn.pages.not_me import MuteMailbox, SecureAccount
from keyturn.pages.preview import require_drawable
from keyturn.pages.refusals import RefusalPages
from keyturn.pages.rendering import Pages
from keyturn.pages.reset import ResetPassword
from keyturn.pages.security import form_token_check
from keyturn.pages.security_settings import SecuritySettings
from keyturn.pages.sign_in import SignIn, SignOut
from keyturn.pages.site import Site

_LARGEST_FORM = 16_384
"""Bytes: an address and two passwords, however they are encoded, are shorter."""


def pages_router(site: Site) -> Router:
    """Return the pages, to be mounted beside the API. Nobody signs in here where the site has no sessions.

    Raises SettingsInvalid with every mistake in templates of one's own.
    """
    pages, paths = Pages(site), site.paths
    require_drawable(site, pages.assets)
    places: dict[str, list[type[Controller] | HTTPRouteHandler]] = {
        paths.forgot: [ForgotPassword, show_code_form, take_code],
        paths.reset: [ResetPassword],
    }
    routers = [_page_at(path, *handlers) for path, handlers in places.items() if path]
    links = [(paths.secure, SecureAccount), (paths.mute, MuteMailbox)]
    routers += [_page_at(path, controller, back=paths.forgot) for path, controller in links if path]
    dependencies = {"pages": Provide(lambda: pages, sync_to_thread=False)}
    if sign_ins := site.sign_ins:
        routers += [_page_at(paths.sign_in, SignIn), _page_at("/logout", SignOut, back=paths.sign_in)]
        routers += [_page_at(path, SecuritySettings, back=paths.sign_in) for path in site.settings_paths]
        dependencies["sign_ins"] = Provide(lambda: sign_ins, sync_to_thread=False)
    return MountedOnce(
        "/",
        route_handlers=[pages.assets.route(), *frontend_routes(site), *routers],
        dependencies=dependencies,
        middleware=[form_token_check(site)],
        exception_handlers=RefusalPages(pages).handlers(),
        include_in_schema=False,
        request_max_body_size=_LARGEST_FORM,
    )


def _page_at(path: str, *handlers: type[Controller] | HTTPRouteHandler, back: str = "") -> Router:
    """Return a page, and what stands below it, at its path.

    `back` is where its refusals lead: where nothing is said, to the page itself.
    """
    return MountedOnce(path, route_handlers=[*handlers], opt={"here": path, "back": back or path})
