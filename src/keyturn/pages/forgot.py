"""Asking for a link: the same page for every address, and a minute's patience before another mail."""

from typing import Any

from litestar import Controller, HttpMethod, Response, post, route
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from keyturn import addresses
from keyturn.api.requests import AnyRequest, client_of
from keyturn.pages.challenge import ForgotForm, forgot_page
from keyturn.pages.rendering import Pages
from keyturn.problems.proofs import ChallengeRequired
from keyturn.problems.requests import InputInvalid


class ForgotPassword(Controller):
    """The page that asks for the address, and "Check your email" after it. Mounted where the settings say."""

    @route(http_method=[HttpMethod.GET, HttpMethod.HEAD])
    async def show(self, request: AnyRequest, pages: NamedDependency[Pages]) -> Response[Any]:
        link_request = pages.cookies.read_link_request(request.cookies)
        if link_request is None or "another" in request.query_params:
            return forgot_page(pages, request)
        return pages.page(request, "check_mail.html", link_request=link_request)

    @post()
    async def ask(
        self, request: AnyRequest, data: URLEncodedBody[ForgotForm], pages: NamedDependency[Pages]
    ) -> Response[Any]:
        """Ask for the link, then redirect, so that reloading "Check your email" asks for nothing.

        The answer depends on what was typed alone, never on whether there is an account (ASVS 6.3.8). Within the
        cooldown nothing is asked: the worker would not send it.
        """
        path = pages.site.paths.forgot
        here, earlier = pages.site.url(path), pages.cookies.read_link_request(request.cookies)
        if earlier and earlier.wait and addresses.is_same_mailbox(earlier.email, data.email):
            return pages.redirect(here)
        try:
            await pages.site.resets.request(data.email, client_of(request), data.answer)
        except InputInvalid:
            return forgot_page(pages, request, email=data.email, malformed=True)
        except ChallengeRequired as required:
            return forgot_page(pages, request, email=data.email, flaw=required.flaw)
        return pages.redirect(here, pages.cookies.set_link_request(addresses.parse(data.email), path))
