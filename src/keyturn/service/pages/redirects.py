"""Addresses that lead to a page: the root, and the one that password managers know."""

from litestar import route
from litestar.di import NamedDependency

from keyturn.service.api.requests import READ
from keyturn.service.pages.rendering import PageResponse, Visit


@route("/", http_method=READ, include_in_schema=False)
async def redirect_home(visit: NamedDependency[Visit]) -> PageResponse:
    site = visit.site
    if visit.container.sign_ins:
        return visit.redirect(site.url(site.paths.sign_in))
    return visit.redirect(site.forgot)


@route("/.well-known/change-password", http_method=READ, include_in_schema=False)
async def redirect_to_change(visit: NamedDependency[Visit]) -> PageResponse:
    """Lead password managers to the form (https://w3c.github.io/webappsec-change-password-url/)."""
    site = visit.site
    form = site.url(site.paths.reset)
    if not visit.container.sign_ins:
        return visit.redirect(site.forgot)
    if await visit.signed_in():
        return visit.redirect(form)
    return visit.redirect(site.hosted_sign_in(form))
