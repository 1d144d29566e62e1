"""The cookies of the service. All have the same protections."""

from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote, unquote

import msgspec
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from keyturn.service.accounts.sessions import SESSION_LIFE
from keyturn.service.reset.sign_in import DEVICE_LIFE
from keyturn.service.settings import Settings

Holds = Literal[
    "session", "device", "form", "link", "proof", "password", "language", "asked", "flash"
]
"""What a cookie of the service holds. Its name ends with this word."""


class BrowserCookie(msgspec.Struct, frozen=True, kw_only=True):
    """A cookie hidden from scripts and other sites' requests (ASVS 3.3.1 to 3.3.5).

    `path`: the path that gets it, or "" for the whole host.
    """

    holds: Holds
    life: timedelta
    secure: bool
    path: str = ""

    @property
    def name(self) -> str:
        # A browser accepts __Host- only over https, for this host alone and with the path "/", so
        # no other host of the domain can plant it (RFC 6265bis 4.1.3.2; ASVS 3.3.3).
        prefix = "__Secure-" if self.path else "__Host-"
        return f"{prefix if self.secure else ''}keyturn_{self.holds}"

    def read(self, request: ASGIConnection[Any, Any, Any, Any]) -> str:
        return request.cookies.get(self.name, "")

    def issue(self, value: str) -> Cookie:
        # Lax, not strict: a click on a link in a mailbox comes from another site.
        return Cookie(
            self.name,
            value=value,
            path=self.path or "/",
            max_age=int(self.life.total_seconds()),
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def issue_texts(self, *texts: str) -> Cookie:
        """Return the cookie with several texts, which may have any characters.

        They are quoted twice, since Litestar unquotes a cookie once.
        """
        value = ":".join(quote(text, safe="") for text in texts)
        return self.issue(quote(value.rstrip(":"), safe=":"))

    def read_texts(self, request: ASGIConnection[Any, Any, Any, Any], count: int) -> list[str]:
        """Return the first `count` texts that a browser sends, with "" for each missing one.

        A client can send any text.
        """
        texts = [unquote(part) for part in self.read(request).split(":")[:count]]
        missing = count - len(texts)
        return texts + [""] * missing

    def expire(self) -> Cookie:
        return msgspec.structs.replace(self, life=timedelta(0)).issue("")


def session_cookie(settings: Settings) -> BrowserCookie:
    return BrowserCookie(holds="session", life=SESSION_LIFE, secure=settings.secure)


def device_cookie(settings: Settings) -> BrowserCookie:
    """Return the cookie of a browser that was used to sign in before."""
    return BrowserCookie(holds="device", life=DEVICE_LIFE, secure=settings.secure)
