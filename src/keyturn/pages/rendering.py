"""A template, the language of who asks, the brand: a page."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

from litestar import MediaType, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect
from litestar.template.base import csrf_token

from keyturn.api.requests import AnyRequest
from keyturn.errors import TemplateInvalid
from keyturn.languages import READER, Language, order_of_name
from keyturn.pages.assets import Assets
from keyturn.pages.cookies import Cookies
from keyturn.pages.page_templates import PageTemplates
from keyturn.pages.security import security_headers
from keyturn.pages.site import Site
from keyturn.problems.requests import Unavailable
from keyturn.telemetry.logs import LogEvent, OnceAMinute

log = logging.getLogger("keyturn.pages")


_LONGEST_QUERY = 1000
"""Bytes of what stays in the links to a page in other languages: a way back, an address."""


class PageOwner(Protocol):
    """Whose page it is, as far as that matters: the language, the kind and the time zone of the account."""

    @property
    def locale(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def timezone(self) -> str: ...


class Pages:
    """Makes every answer of the pages' router, so that all of them carry the security headers."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookies = Cookies(site)
        self._headers = security_headers(site)
        self.assets = Assets(site, self._headers)
        self._templates = PageTemplates(site, self.assets)
        self._packaged = self._templates.packaged()
        self._unready = OnceAMinute()

    def log_unready(self, error: Unavailable) -> None:
        """Log that something does not answer: one line a minute and cause."""
        if count := self._unready.count(type(error).__name__):
            log.error(LogEvent("page.unready", reason=error, count=count))

    def page(
        self,
        request: AnyRequest,
        template: str,
        *,
        status: int = 200,
        account: PageOwner | None = None,
        cookies: Sequence[Cookie] = (),
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response[Any]:
        """Return a template as the answer: in the language that was chosen, else the account's, else the browser's.

        Its brand and its words are those of the account's kind.
        """
        kind = account.kind if account and account.kind in self.site.kinds else ""
        languages = self.site.theme(kind).languages
        known, chosen = languages.known, request.query_params.get("lang", "")
        if chosen in known:
            cookies = [*cookies, self.cookies.set_language(chosen)]
        elif (remembered := self.cookies.read_language(request.cookies)) in known:
            chosen = remembered
        else:
            chosen = account.locale if account else ""
        language = languages.choose(chosen, request.headers.get("accept-language", ""))
        listed = sorted(known.values(), key=lambda one: order_of_name(one.name))
        link = _link_to_itself(request)
        languages_and_links = [(one, f"{link}{one.tag}") for one in listed]
        values[READER] = language.in_zone(account.timezone if account else "")
        values |= {
            "account": account,
            "language": language,
            "languages": languages_and_links,
            "csrf_token": csrf_token({"request": request}),
        }
        html = self._draw(template, values, language, kind)
        return Response(
            html,
            status_code=status,
            media_type=MediaType.HTML,
            cookies=list(cookies),
            headers={
                **self._headers,
                "Content-Language": language.tag,
                "Vary": "Accept-Language, Cookie",
                **(headers or {}),
            },
        )

    def redirect(self, url: str, *cookies: Cookie) -> Response[Any]:
        """Return a redirect that a browser follows with GET, whatever it did before (RFC 9110, 15.4.4)."""
        return Redirect(url, status_code=303, cookies=list(cookies), headers=self._headers)

    def _draw(self, template: str, values: Mapping[str, Any], language: Language, kind: str) -> str:
        """Return the page: ours, where one's own cannot be drawn, so that nobody is kept from a new password by it."""
        try:
            return self._templates.draw(template, values, language, kind)
        except TemplateInvalid as error:
            log.error(LogEvent("page.template_failed", reason=error))
            return self._packaged.draw(template, values, language, kind)


def _link_to_itself(request: AnyRequest) -> str:
    """Return the reference from a page to itself, but for the tag of a language at its end.

    All else in its address stays, unless that is longer than any of ours: the page has a link for each language.
    """
    stays = len(request.scope["query_string"]) <= _LONGEST_QUERY
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"] if stays else []
    return f"?{urlencode([*others, ('lang', '')])}"
