"""The pages' routes: what they share is said once, here."""

from typing import Any

from litestar import Router
from litestar.di import Provide

from keyturn.pages.forgot import ForgotPassword
from keyturn.pages.refusals import Refusals
from keyturn.pages.rendering import Pages
from keyturn.pages.reset import ResetPassword
from keyturn.pages.security import forged_requests_refused
from keyturn.pages.security_settings import SecuritySettings
from keyturn.pages.sign_in import SignIn
from keyturn.pages.site import Site
from keyturn.reset.mounting import MountedOnce

_LARGEST_FORM = 16_384
"""Bytes: an address and two passwords, however they are encoded, are shorter."""


def pages_router(site: Site) -> Router:
    """Return the pages, to be mounted beside the API. Nobody signs in here where the site has no sessions."""
    pages = Pages(site)
    controllers: list[Any] = [ForgotPassword, ResetPassword]
    dependencies = {"pages": Provide(lambda: pages, sync_to_thread=False)}
    if sign_ins := site.sign_ins:
        controllers += [SignIn, SecuritySettings]
        dependencies["sign_ins"] = Provide(lambda: sign_ins, sync_to_thread=False)
    return MountedOnce(
        "/",
        route_handlers=[pages.assets.route(), *controllers],
        dependencies=dependencies,
        middleware=[forged_requests_refused(site)],
        exception_handlers=Refusals(pages).handlers(),
        include_in_schema=False,
        request_max_body_size=_LARGEST_FORM,
    )
