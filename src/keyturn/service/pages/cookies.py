"""The cookies of the pages. Each goes only to its own page."""

from datetime import timedelta
from typing import ClassVar, Literal, cast, get_args

from litestar.datastructures import Cookie
from msgspec import Struct

from keyturn.mail.addresses import LONGEST
from keyturn.service import addresses
from keyturn.service.api.cookies import BrowserCookie, Holds, device_cookie, session_cookie
from keyturn.service.api.requests import AnyRequest
from keyturn.service.clock import unix
from keyturn.service.container import Container
from keyturn.service.pages.site import Site
from keyturn.service.problems.proofs import DeadReason
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.sign_in import PROOF_LIFE

Said = Literal[
    DeadReason,
    "password_changed",
    "signed_out",
    "account_secured",
    "outcome_unknown",
    "link_replaced",
]

_REMEMBERED = timedelta(minutes=10)

_SHOWN_ONCE = timedelta(minutes=1)
_OPENED = timedelta(hours=1)
"""How long the page of such a link can be answered after it was opened."""

_YEAR = timedelta(days=365)
_LONGEST_PART = 100
"""Characters of a name from the app: a browser keeps 4096 bytes."""


class Flash(Struct, frozen=True):
    """The last action, with the kind and language of its account.

    `email`: for the sign-in, or of a replaced link.
    """

    said: Said
    kind: str = ""
    locale: str = ""
    email: str = ""
    return_to: str = ""
    timezone: ClassVar[str] = ""


class LinkRequest(Struct, frozen=True):
    """The address, or the user name, for which this browser requested a link, and how long it waits
    for another.
    """

    email: str
    wait: timedelta
    return_to: str = ""


class Cookies:
    """The pages' cookies.

    `link` and `proof` hold a link, with its address; `password` the proof of a right one.
    """

    def __init__(self, container: Container, site: Site) -> None:
        self._container, self._site = container, site
        paths = site.paths
        self.session, self.device = (
            session_cookie(container.settings),
            device_cookie(container.settings),
        )
        self.form = BrowserCookie(holds="form", life=timedelta(0), secure=container.settings.secure)
        self.link = self._at(paths.reset, "link", site.link_life)
        self.proof = self._at(paths.secure, "proof", _OPENED)
        self.password = self._at(paths.sign_in, "password", PROOF_LIFE)
        self.language = self._at("/", "language", _YEAR)

    def _at(self, path: str, holds: Holds, life: timedelta) -> BrowserCookie:
        return BrowserCookie(
            holds=holds,
            life=life,
            secure=self._container.settings.secure,
            path=self._site.url(path),
        )

    def asked(self, path: str = "/") -> BrowserCookie:
        return self._at(path, "asked", _REMEMBERED)

    def flash(self, path: str = "/") -> BrowserCookie:
        return self._at(path, "flash", _SHOWN_ONCE)

    def opened_link(self, request: AnyRequest, email: str = "") -> tuple[str, str | None]:
        """Return the token of the link that was opened here, or "", and its address, or that in the
        form.
        """
        token, of_link = self.link.held(request, 2)
        return token, email or of_link or None

    def set_link_request(self, email: str, path: str, return_to: str = "") -> Cookie:
        return self.asked(path).hold(str(int(unix())), email, return_to)

    def read_link_request(self, request: AnyRequest) -> LinkRequest | None:
        asked_at, email, return_to = self.asked().held(request, 3)
        cooldown = self._container.mailboxes.cooldown
        try:
            left = int(asked_at) + int(cooldown.total_seconds()) - int(unix())
            wait = min(timedelta(seconds=max(left, 0)), cooldown)
            identifier = addresses.identify(email, takes_names=self._site.takes_names)
            return LinkRequest(
                identifier, wait, self._container.return_addresses.allowed(return_to)
            )
        except (InputInvalid, ValueError, OverflowError):
            return None

    def set_flash(self, flash: Flash, path: str) -> Cookie:
        kind, locale = flash.kind[:_LONGEST_PART], flash.locale[:_LONGEST_PART]
        return self.flash(path).hold(
            flash.said, kind, locale, flash.email[:LONGEST], flash.return_to
        )

    def read_flash(self, request: AnyRequest) -> Flash | None:
        what, kind, locale, email, return_to = self.flash().held(request, 5)
        if what not in get_args(Said):
            return None
        return_to = self._container.return_addresses.allowed(
            return_to
        )  # a browser's cookie proves nothing
        return Flash(cast("Said", what), kind, locale, email, return_to)
