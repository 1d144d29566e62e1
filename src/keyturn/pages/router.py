"""The pages' routes: what they share is said once, here."""

from litestar import Controller, Router
from litestar.di import Provide

from keyturn.api.mounting import MountedOnce
from keyturn.pages.forgot import ForgotPassword
from keyturn.pages.frontend import frontend_routes
from keyturn.pages.not_me import MuteMailbox, SecureAccount
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
    """Return the pages, to be mounted beside the API. Nobody signs in here where the site has no sessions."""
    pages, paths = Pages(site), site.paths
    places = [(paths.forgot, ForgotPassword), (paths.reset, ResetPassword)]
    routers = [_page_at(path, controller) for path, controller in places if path]
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


def _page_at(path: str, controller: type[Controller], back: str = "") -> Router:
    """Return a page at its path. `back` is where its refusals lead: where nothing is said, to the page itself."""
    return MountedOnce(path, route_handlers=[controller], opt={"here": path, "back": back or path})
