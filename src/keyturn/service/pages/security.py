"""The security headers of every page, and the tokens in its forms."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from litestar import Request
from litestar.config.csrf import CSRFConfig
from litestar.exceptions import PermissionDeniedException
from litestar.middleware import DefineMiddleware
from litestar.middleware.csrf import CSRFMiddleware
from litestar.types import Receive, Scope, Send

from keyturn.errors import Fault
from keyturn.service.container import Container
from keyturn.service.keys import derive
from keyturn.service.pages.cookies import Cookies
from keyturn.service.pages.site import Site
from keyturn.service.problems.requests import RequestUnreadable

NO_FORM = "keyturn_no_form"
"""Marks a route outside the check of forms. Litestar's own mark belongs to the surrounding app."""


_CLOUDFLARE = ("https://challenges.cloudflare.com",)
_HCAPTCHA = ("https://hcaptcha.com", "https://*.hcaptcha.com")
_SERVICES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "turnstile": {"script-src": _CLOUDFLARE, "frame-src": _CLOUDFLARE},
    "hcaptcha": dict.fromkeys(("script-src", "frame-src", "style-src", "connect-src"), _HCAPTCHA),
}
"""The hosts that the documentation of the services requires:
https://developers.cloudflare.com/turnstile/reference/content-security-policy/,
https://docs.hcaptcha.com/#content-security-policy-settings.
"""


def security_headers(site: Site) -> dict[str, str]:
    """Return the headers of every answer (OWASP ASVS 3.4.2 to 3.4.6, 3.4.8, 14.3.2)."""
    return {
        "Content-Security-Policy": content_security_policy(site),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    }


def content_security_policy(site: Site, method: str = "") -> str:
    """Return a policy that refuses inline code, and all hosts but those of the brands' logos (CSP
    Level 3; ASVS 3.4.3).

    `method`: an external challenge, whose hosts are allowed. Its script does not work with trusted
    types, so that requirement is left out.
    """
    directives = {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "connect-src": "'self'",
        "img-src": " ".join(["'self'", *_origins_of_logos(site)]),
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    if method in _SERVICES:
        del directives["require-trusted-types-for"]
        for name, hosts in _SERVICES[method].items():
            known = [directives[name]] if name in directives else []
            directives[name] = " ".join([*known, *hosts])
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _origins_of_logos(site: Site) -> Sequence[str]:
    """Return the origins of the logos that are on other hosts, each once."""
    origins = []
    for brand in site.themes.brands:
        for logo in (brand.logo, brand.logo_dark):
            if not logo.is_url:  # a file, whose path `urlsplit` may refuse
                continue
            url = urlsplit(logo)
            origin = f"{url.scheme}://{url.netloc}"
            if origin not in origins:
                origins.append(origin)
    return origins


def form_token_check(container: Container, cookies: Cookies) -> DefineMiddleware:
    """Return the middleware that checks the token of every form.

    The method is the signed double submit (ASVS 3.5.1; OWASP CSRF Prevention Cheat Sheet).
    """
    return DefineMiddleware(
        FormTokenCheck,
        config=CSRFConfig(
            secret=derive(container.keys[0], "forms").hex(),
            cookie_name=cookies.form.name,
            cookie_secure=cookies.form.secure,
            cookie_httponly=True,
            exclude_from_csrf_key=NO_FORM,
        ),
    )


class FormTokenCheck(CSRFMiddleware):
    """Litestar's check, for tokens in ASCII: `hmac.compare_digest` raises for other text, which any
    client can send.

    A form that is not in UTF-8 is refused. Litestar would read U+FFFD in place of each wrong byte,
    so that different passwords would become equal.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request[Any, Any, Any](scope, receive)
        if request.method not in self.config.safe_methods:
            sent = request.headers.get(self.config.header_name)
            if not sent:
                form = await request.form()
                sent = form.get("_csrf_token", "")
            expected = request.cookies.get(self.config.cookie_name, "")
            for token in (sent, expected):
                if not isinstance(token, str) or not token.isascii():
                    raise PermissionDeniedException
            if not _is_utf8(await request.body()):
                raise RequestUnreadable(Fault("body", "not UTF-8"))
        await super().__call__(scope, receive, send)


def _is_utf8(body: bytes) -> bool:
    try:
        unquote_to_bytes(body).decode()
    except UnicodeDecodeError:
        return False
    return True
