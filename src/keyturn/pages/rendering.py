"""A template, the language of who asks, the brand: a page."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect
from litestar.template.base import csrf_token

from keyturn.api.requests import AnyRequest
from keyturn.languages import READER, Language, order_of_name
from keyturn.mail.rendering.jinja_cache import shared_bytecode_cache
from keyturn.pages.assets import Assets
from keyturn.pages.cookies import Cookies
from keyturn.pages.security import security_headers
from keyturn.pages.site import Site
from keyturn.reset.passwords.rule_texts import rule_text

_TEMPLATES = Path(__file__).parent / "templates"


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
        self._environments: dict[tuple[str, str], Environment] = {}

    def page(
        self, request: AnyRequest, template: str, *,
        status: int = 200, account: PageOwner | None = None, cookies: Sequence[Cookie] = (),
        headers: Mapping[str, str] | None = None, **values: Any,
    ) -> Response[Any]:  # fmt: skip
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
        page = self._environment(language, kind).get_template(template)
        listed = sorted(known.values(), key=lambda one: order_of_name(one.name))
        languages_and_links = [(one, _link_in_language(one, request)) for one in listed]
        values[READER] = language.in_zone(account.timezone if account else "")
        html = page.render(
            values, account=account, language=language, languages=languages_and_links,
            csrf_token=csrf_token({"request": request}),
        )  # fmt: skip
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

    def _environment(self, language: Language, kind: str) -> Environment:
        if (language.tag, kind) not in self._environments:
            environment = page_environment()
            language.teach(environment)
            environment.globals.update(
                site=self.site,
                brand=self.site.theme(kind).brand,
                url=self.site.url,
                asset=partial(self.assets.url, kind=kind),
                brand_file=partial(self.assets.brand_url, kind=kind),
            )
            environment.filters["rule_text"] = lambda rule: rule_text(rule.name, rule.limit, language) or rule.message
            self._environments[language.tag, kind] = environment
        return self._environments[language.tag, kind]


def page_environment() -> Environment:
    """Return what compiles the pages' templates, without a language or values yet."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=shared_bytecode_cache(),
    )


def _link_in_language(language: Language, request: AnyRequest) -> str:
    """Return the reference from a page to itself in another language: all else in its address stays."""
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return f"?{urlencode([*others, ('lang', language.tag)])}"
