"""The cookies of the pages. Most go only to the page that needs them."""

from datetime import timedelta
from typing import ClassVar, Literal, cast, get_args

from litestar.datastructures import Cookie
from msgspec import Struct

from keyturn.mail.addresses import LONGEST
from keyturn.service import identifiers
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
"""How long the button of a confirmation can be pressed on the page after its link was opened."""

_YEAR = timedelta(days=365)
_LONGEST_PART = 100
"""Characters of a name from the app: browsers keep cookies of 4096 bytes."""


class Flash(Struct, frozen=True):
    """What the next page says about the last action, once.

    `kind`, `locale`: those of the account, for the look and the language of the page.
    `email`: the address for the sign-in form, or the masked address of a replaced link.
    `return_to`: the address to return to after a reset.
    """

    said: Said
    kind: str = ""
    locale: str = ""
    email: str = ""
    return_to: str = ""
    timezone: ClassVar[str] = ""


class RememberedRequest(Struct, frozen=True):
    """This browser's last request for a link, as a cookie remembers it.

    `email`: the address or the user name.
    `wait`: the time until another request would lead to a mail.
    """

    email: str
    wait: timedelta
    return_to: str = ""


class Cookies:
    """The cookies of the pages.

    `link`: the token of a link for a password, and its address.
    `proof`: the same of a link that reports a change.
    `password`: the proof of a right password, while the second step is asked for.
    """

    def __init__(self, container: Container, site: Site) -> None:
        self._container = container
        self._site = site
        paths = site.paths
        self.session = session_cookie(container.settings)
        self.device = device_cookie(container.settings)
        self.form = BrowserCookie(holds="form", life=timedelta(0), secure=container.settings.secure)
        self.link = self._at(paths.reset, "link", site.link_life)
        self.proof = self._at(paths.secure_account, "proof", _OPENED)
        self.password = self._at(paths.sign_in, "password", PROOF_LIFE)
        self.language = self._at("/", "language", _YEAR)

    def _at(self, path: str, holds: Holds, life: timedelta) -> BrowserCookie:
        return BrowserCookie(
            holds=holds,
            life=life,
            secure=self._container.settings.secure,
            path=self._site.url(path),
        )

    def link_request(self, path: str = "/") -> BrowserCookie:
        """Return the cookie that remembers a request for a link on the page at `path`."""
        # Its name stays "asked": browsers have it while a new version starts.
        return self._at(path, "asked", _REMEMBERED)

    def flash(self, path: str = "/") -> BrowserCookie:
        """Return the cookie that tells the page at `path` what to say, once."""
        return self._at(path, "flash", _SHOWN_ONCE)

    def opened_link(self, request: AnyRequest, email: str = "") -> tuple[str, str | None]:
        """Return the token of the link that was opened in this browser, and an address.

        The address is `email`, from a form, else that of the link. The token is "" without a link.
        """
        token, of_link = self.link.read_texts(request, 2)
        return token, email or of_link or None

    def set_link_request(self, email: str, path: str, return_to: str = "") -> Cookie:
        return self.link_request(path).issue_texts(str(int(unix())), email, return_to)

    def read_link_request(self, request: AnyRequest) -> RememberedRequest | None:
        """Return the request that the cookie remembers; None without a valid cookie."""
        asked_at, email, return_to = self.link_request().read_texts(request, 3)
        cooldown = self._container.mailboxes.cooldown
        # A client can send any cookie: a text that is no number, a huge one, or an address that is
        # none. The wait never exceeds the cooldown, and the page shows no other text of a client's.
        try:
            left = int(asked_at) + int(cooldown.total_seconds()) - int(unix())
            wait = min(timedelta(seconds=max(left, 0)), cooldown)
            identifier = identifiers.identify(email, takes_names=self._site.takes_names)
        except (InputInvalid, ValueError, OverflowError):
            return None
        # A planted cookie must not lead to another site (CWE-601).
        allowed = self._container.return_addresses.allowed(return_to)
        return RememberedRequest(identifier, wait, allowed)

    def set_flash(self, flash: Flash, path: str) -> Cookie:
        return self.flash(path).issue_texts(
            flash.said,
            flash.kind[:_LONGEST_PART],
            flash.locale[:_LONGEST_PART],
            flash.email[:LONGEST],
            flash.return_to,
        )

    def read_flash(self, request: AnyRequest) -> Flash | None:
        """Return what the page has to say; None without a valid cookie."""
        what, kind, locale, email, return_to = self.flash().read_texts(request, 5)
        if what not in get_args(Said):
            return None
        # A client can send any cookie, so the address is checked again (CWE-601).
        return_to = self._container.return_addresses.allowed(return_to)
        return Flash(cast("Said", what), kind, locale, email, return_to)
