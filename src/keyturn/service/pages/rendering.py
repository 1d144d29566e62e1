"""Pages from templates, packaged or custom, in the language of the reader and the brand of the
account.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import quote, urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from litestar import MediaType, Response
from litestar.datastructures import Cookie
from litestar.di import Provide
from litestar.response import Redirect
from litestar.template.base import csrf_token

from keyturn.errors import TemplateInvalid
from keyturn.mail.addresses import LONGEST
from keyturn.mail.languages.language import READER, Language
from keyturn.mail.rendering.jinja import OwnEnvironment, template_invalid
from keyturn.service.accounts.port import Account
from keyturn.service.api.cookies import BrowserCookie
from keyturn.service.api.mail_services import inbox_of, meant_by
from keyturn.service.api.requests import AnyRequest, accepted_language, client_of
from keyturn.service.client import Client
from keyturn.service.container import Container
from keyturn.service.one_time_secrets import LENGTH
from keyturn.service.pages.assets import Assets
from keyturn.service.pages.cookies import Cookies, Flash
from keyturn.service.pages.security import security_headers
from keyturn.service.pages.site import Site
from keyturn.service.problems.passwords import rule_text
from keyturn.service.problems.proofs import LINK_TEXTS, NotSignedIn
from keyturn.service.reset.proofs.codes import EmailCodes
from keyturn.service.reset.sign_in import SignIns
from keyturn.service.telemetry.logs import LogEvent

PACKAGED = Path(__file__).parent / "templates"

OURS = "keyturn"


class PageTemplates:
    """Renders the pages.

    A file in the folder `own` replaces the packaged template of the same name.
    """

    def __init__(self, site: Site, assets: Assets, own: str = "") -> None:
        self._site, self._assets, self._own = site, assets, own
        self._environment = cache(self._make_environment)

    def render(
        self,
        template: str,
        values: Mapping[str, Any],
        language: Language,
        kind: str,
        link_to_itself: str = "?lang=",
    ) -> str:
        """Return the page.

        `link_to_itself` lacks only a language's tag. Raises TemplateInvalid for own templates.
        """
        known = sorted(
            self._site.themes.languages.known.values(),
            key=lambda one: normalize("NFKD", one.name).casefold(),
        )
        languages = [(one, f"{link_to_itself}{one.tag}") for one in known]
        values = {READER: language, "language": language, "languages": languages, **values}
        try:
            return self._environment(language, kind).get_template(template).render(values)
        except Exception as error:  # a template calls filters and methods, which can raise anything
            if not self._own:
                raise
            raise template_invalid(error, template) from error

    def _make_environment(self, language: Language, kind: str) -> Environment:
        environment = page_environment(self._own, reload=self._site.reload)
        language.teach(environment)
        environment.globals.update(
            site=self._site,
            link_texts=LINK_TEXTS,
            brand=self._site.theme(kind).brand,
            palette=self._site.theme(kind).palette,
            url=self._site.url,
            asset=partial(self._assets.url, kind=kind),
            brand_file=partial(self._assets.brand_url, kind=kind),
        )
        environment.filters |= {"inbox": inbox_of, "meant": meant_by}
        environment.filters["rule_text"] = lambda rule: (
            rule_text(rule.name, rule.limit, language) or rule.message
        )
        return environment


def page_environment(own: str = "", *, reload: bool = False) -> Environment:
    by_name = FileSystemLoader([Path(own).resolve(), PACKAGED] if own else PACKAGED)
    return OwnEnvironment(
        ChoiceLoader([by_name, PrefixLoader({OURS: FileSystemLoader(PACKAGED)})]), reload=reload
    )


log = logging.getLogger("keyturn.pages")

_IN_A_URL = "%/:=&?~#+!$,;'@()*[]"


_LONGEST_QUERY = 1000
"""Bytes of the query that the links to other languages keep: a way back, an address."""


Answer = Response[Any]

PageOwner = Account | Flash


class Pages:
    """What the pages of a process share: their values, files, cookies, headers and templates."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.site = site = Site.of(container)
        self.cookies = Cookies(container, site)
        self.headers = security_headers(site)
        self.assets = Assets(site, self.headers)
        self._templates = PageTemplates(site, self.assets, site.settings.pages.templates)
        self._packaged = PageTemplates(site, self.assets)

    def render(self, *page: Any) -> str:
        """Return the page.

        If a custom template fails, use the packaged one, so that the user gets on.
        """
        try:
            return self._templates.render(*page)
        except TemplateInvalid as error:
            log.error(LogEvent("page.template_failed", reason=error))
            return self._packaged.render(*page)


class Visit:
    """A request for a page, and what makes every answer to it, so that all of them carry the
    security headers.
    """

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
        """The sign-in, for pages that are routed only where there is one."""
        assert self.container.sign_ins is not None
        return self.container.sign_ins

    @property
    def codes(self) -> EmailCodes:
        """The codes of mails, for the page that is routed only where mails have them."""
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
    ) -> Answer:
        """Return a template as the answer, in the chosen language, else the account's, else the
        browser's.
        """
        kind = account.kind if account and account.kind in self.site.themes.kinds else ""
        language, chosen = self._choose_language(account)
        values |= {
            READER: language.in_zone(account.timezone if account else ""),
            "account": account,
            "csrf_token": csrf_token({"request": self.request}),
        }
        of_language = {"Content-Language": language.tag, "Vary": "Accept-Language, Cookie"}
        no_index = {"X-Robots-Tag": "noindex"}  # pages of one person each, or of none
        return Response(
            self.pages.render(
                template, values, language, kind, self._link_to_itself(values.get("next"))
            ),
            status_code=status,
            media_type=MediaType.HTML,
            cookies=[*cookies, *chosen],
            headers={**self.pages.headers, **of_language, **no_index, **(headers or {})},
        )

    def _choose_language(self, account: PageOwner | None) -> tuple[Language, Sequence[Cookie]]:
        """Return the language of an answer, and the cookie that remembers it if the reader has just
        chosen it.
        """
        languages, cookie = self.container.languages, self.cookies.language
        chosen = self.request.query_params.get("lang", "")
        tags = (tag for tag in (chosen, cookie.read(self.request)) if tag in languages.known)
        wanted = next(tags, account.locale if account else "")
        cookies = [cookie.issue(chosen)] if chosen in languages.known else []
        return languages.choose(wanted, self.request.headers.get("accept-language", "")), cookies

    def _link_to_itself(self, typed: str | None) -> str:
        """Return the link from a page to itself without the language tag at its end, and without
        too long a query.
        """
        request, here, others = self.request, "", [*self.request.query_params.multi_items()]
        if (
            request.method == "POST" and "route_handler" in request.scope
        ):  # its path may know no GET: its form's does
            here, others = (
                self.site.url(request.route_handler.opt.get("here", "")),
                [("next", typed)] if typed else [],
            )
        others = (
            [one for one in others if one[0] != "lang"]
            if len(urlencode(others)) <= _LONGEST_QUERY
            else []
        )
        return f"{here}?{urlencode([*others, ('lang', '')])}"

    def redirect(self, url: str, *cookies: Cookie) -> Answer:
        """Return a redirect that a browser follows with GET, whatever it did before (RFC 9110,
        15.4.4).
        """
        return Redirect(url, status_code=303, cookies=list(cookies), headers=self.pages.headers)

    def lead_on(
        self, url: str, *cookies: Cookie, template: str = "lead_on.html", **values: Any
    ) -> Answer:
        """Answer a form by a redirect, or by a page that leads to another site (`form-action`, CSP
        Level 3, 6.4.2).
        """
        if url.startswith("/"):
            return self.redirect(url, *cookies)
        headers = {"Refresh": f"0; url={quote(url, safe=_IN_A_URL)}"}
        return self.page(template, cookies=cookies, headers=headers, leads_to=url, **values)

    def take_link(self, cookie: BrowserCookie, token: str) -> Answer:
        """Keep a link that was opened with its token at the end of the path of its page.

        The token leaves the address bar, and only POST acts: mail scanners follow links (RFC 9110,
        9.2.1; ASVS 3.5.3).
        """
        return self.keep_link(cookie, token, self.request.query_params.get(self.site.paths.email))

    def keep_link(self, cookie: BrowserCookie, token: str, email: str | None = None) -> Answer:
        """Keep a link out of histories, referrers and screenshots (ASVS 14.2.1): a cookie, and a
        clean address.

        Both parts are cut one character beyond a valid length, so that they fit and stay invalid.
        Blanks before the token must not take the place of its end.
        """
        return self.redirect(
            cookie.path, cookie.hold(token.lstrip()[: LENGTH + 1], (email or "")[: LONGEST + 1])
        )

    async def signed_in(self) -> Account | None:
        try:
            return await self.require_signed_in()
        except NotSignedIn:
            return None

    async def require_signed_in(self) -> Account:
        """Return the account that is signed in with this browser. Raises NotSignedIn."""
        if self.container.sign_ins is None:
            raise NotSignedIn
        return await self.container.sign_ins.account(self.cookies.session.read(self.request))


def visiting(pages: Pages) -> dict[str, Provide]:
    """Return the dependency of every page: the visit, one for each request."""

    def visit(request: AnyRequest) -> Visit:
        return Visit(pages, request)

    return {"visit": Provide(visit, sync_to_thread=False)}
