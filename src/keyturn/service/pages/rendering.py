"""Answers requests for pages, in the reader's language and the account's brand."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from litestar import MediaType, Response
from litestar.datastructures import Cookie
from litestar.di import Provide
from litestar.response import Redirect
from litestar.template.base import csrf_token

from keyturn.errors import TemplateInvalid
from keyturn.mail.addresses import LONGEST
from keyturn.mail.languages.language import READER, Language
from keyturn.service.accounts.port import Account
from keyturn.service.api.cookies import BrowserCookie
from keyturn.service.api.requests import AnyRequest, accepted_language, client_of
from keyturn.service.client import Client
from keyturn.service.container import Container
from keyturn.service.one_time_secrets import TOKEN_LENGTH
from keyturn.service.pages.assets import Assets
from keyturn.service.pages.cookies import Cookies, Flash
from keyturn.service.pages.page_templates import PageTemplates
from keyturn.service.pages.security import security_headers
from keyturn.service.pages.site import Site
from keyturn.service.problems.proofs import NotSignedIn
from keyturn.service.reset.proofs.codes import EmailCodes
from keyturn.service.reset.sign_in import SignIns
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.pages")

_IN_A_URL = "%/:=&?~#+!$,;'@()*[]"
"""The characters that stay as they are in the URL of a header Refresh, besides letters and digits.
"""

_LONGEST_QUERY = 1000
"""Characters of the query that links to other languages keep, such as a way back and an address."""

PageResponse = Response[Any]

PageOwner = Account | Flash


class Pages:
    """Renders the pages of a process, and holds what they share: files, cookies and headers."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.site = Site.of(container)
        self.cookies = Cookies(container, self.site)
        self.headers = security_headers(self.site)
        self.assets = Assets(self.site, self.headers)
        own = self.site.settings.pages.templates
        self._templates = PageTemplates(self.site, self.assets, own)
        self._packaged = PageTemplates(self.site, self.assets)

    def render(
        self,
        template: str,
        values: Mapping[str, Any],
        language: Language,
        kind: str,
        link_to_itself: str,
    ) -> str:
        """Return the page (`PageTemplates.render`).

        If a custom template fails, the packaged one is used, so that the user can continue.
        """
        try:
            return self._templates.render(template, values, language, kind, link_to_itself)
        except TemplateInvalid as error:
            log.error(LogEvent("page.template_failed", reason=error))
            return self._packaged.render(template, values, language, kind, link_to_itself)


class Visit:
    """A request for a page. Its methods make all answers, so that each has the security headers."""

    def __init__(self, pages: Pages, request: AnyRequest) -> None:
        self.pages = pages
        self.container = pages.container
        self.site = pages.site
        self.cookies = pages.cookies
        self.request = request

    @property
    def client(self) -> Client:
        return client_of(self.request)

    @property
    def language(self) -> Language:
        return accepted_language(self.container.languages, self.request)

    @property
    def sign_ins(self) -> SignIns:
        """The sign-in, for pages that are only routed if there is one."""
        assert self.container.sign_ins is not None
        return self.container.sign_ins

    @property
    def codes(self) -> EmailCodes:
        """The codes of mails, for the page that is only routed if mails have codes."""
        assert self.container.codes is not None
        return self.container.codes

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        account: PageOwner | None = None,
        cookies: Sequence[Cookie] = (),
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> PageResponse:
        """Return a rendered template as the answer.

        It is in the language that the reader has chosen, else the account's, else the browser's.
        """
        kind = ""
        timezone = ""
        if account:
            timezone = account.timezone
            if account.kind in self.site.themes.kinds:
                kind = account.kind
        language, chosen = self._choose_language(account)
        values |= {
            READER: language.in_zone(timezone),
            "account": account,
            "csrf_token": csrf_token({"request": self.request}),
        }
        link_to_itself = self._link_to_itself(values.get("next", ""))
        of_page = {
            "Content-Language": language.tag,
            "Vary": "Accept-Language, Cookie",
            "X-Robots-Tag": "noindex",  # a page is for one person, or useless to find
        }
        return Response(
            self.pages.render(template, values, language, kind, link_to_itself),
            status_code=status,
            media_type=MediaType.HTML,
            cookies=[*cookies, *chosen],
            headers={**self.pages.headers, **of_page, **(headers or {})},
        )

    def _choose_language(self, account: PageOwner | None) -> tuple[Language, Sequence[Cookie]]:
        """Return the language of an answer, and cookies.

        A cookie remembers the language if the reader has just chosen it.
        """
        languages = self.container.languages
        cookie = self.cookies.language
        accepted = self.request.headers.get("accept-language", "")
        chosen = self.request.query_params.get("lang", "")
        if chosen in languages.known:
            return languages.choose(chosen, accepted), [cookie.issue(chosen)]
        remembered = cookie.read(self.request)
        if remembered in languages.known:
            return languages.choose(remembered, accepted), []
        return languages.choose(account.locale if account else "", accepted), []

    def _link_to_itself(self, typed: str) -> str:
        """Return the link from a page to itself, without the language tag at its end.

        A query that is too long is left out.

        `typed`: the page after a sign-in, from the form that was sent.
        """
        here = ""
        query = list(self.request.query_params.multi_items())
        # After a POST, the link leads to the page of the form: the POST's own path may have no GET.
        if self.request.method == "POST" and "route_handler" in self.request.scope:
            here = self.site.url(self.request.route_handler.opt.get("here", ""))
            query = [("next", typed)] if typed else []
        if len(urlencode(query)) > _LONGEST_QUERY:
            query = []
        kept = [(name, value) for name, value in query if name != "lang"]
        return f"{here}?{urlencode([*kept, ('lang', '')])}"

    def redirect(self, url: str, *cookies: Cookie) -> PageResponse:
        """Return a redirect that browsers follow with GET, also after a POST (RFC 9110, 15.4.4)."""
        return Redirect(url, status_code=303, cookies=list(cookies), headers=self.pages.headers)

    def lead_on(
        self, url: str, *cookies: Cookie, template: str = "lead_on.html", **values: Any
    ) -> PageResponse:
        """Answer a form by a redirect or, if `url` is on another site, by a page that leads there.

        The policy `form-action` forbids a redirect to another site (CSP Level 3, 6.4.2).
        """
        if url.startswith("/"):
            return self.redirect(url, *cookies)
        # A line break or a quotation mark of a URL must not end the header's value (CWE-113). A "%"
        # stays, since the URL is encoded already.
        headers = {"Refresh": f"0; url={quote(url, safe=_IN_A_URL)}"}
        return self.page(template, cookies=cookies, headers=headers, leads_to=url, **values)

    def take_link(self, cookie: BrowserCookie, token: str) -> PageResponse:
        """Keep a link whose token is at the end of the path.

        The link is not used up: mail scanners open links, so only a POST does that (RFC 9110,
        9.2.1; ASVS 3.5.3).
        """
        email = self.request.query_params.get(self.site.paths.email)
        return self.keep_link(cookie, token, email)

    def keep_link(
        self, cookie: BrowserCookie, token: str, email: str | None = None
    ) -> PageResponse:
        """Put a link into a cookie, and redirect to its page without the token.

        The token then gets into no history, referrer or screenshot (ASVS 14.2.1).

        Token and address are cut to one character more than a valid length: they fit into the
        cookie, and a long one stays invalid. Spaces before the token are removed first, so that its
        end is not cut off.
        """
        held_token = token.lstrip()[: TOKEN_LENGTH + 1]
        held_email = (email or "")[: LONGEST + 1]
        return self.redirect(cookie.path, cookie.issue_texts(held_token, held_email))

    async def signed_in(self) -> Account | None:
        try:
            return await self.require_signed_in()
        except NotSignedIn:
            return None

    async def require_signed_in(self) -> Account:
        """Return the account that is signed in in this browser. Raises NotSignedIn."""
        if self.container.sign_ins is None:
            raise NotSignedIn
        session = self.cookies.session.read(self.request)
        return await self.container.sign_ins.account(session)


def visit_dependency(pages: Pages) -> dict[str, Provide]:
    """Return the dependency of every page: a `Visit` for each request."""

    def visit(request: AnyRequest) -> Visit:
        return Visit(pages, request)

    return {"visit": Provide(visit, sync_to_thread=False)}
