"""The cookies of the pages. Each goes only to its own page."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, cast, get_args
from urllib.parse import quote, unquote

from litestar.datastructures import Cookie
from msgspec import Struct

from keyturn.mail.addresses import LONGEST
from keyturn.service import addresses
from keyturn.service.clock import unix
from keyturn.service.pages.site import Site
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.sign_in import PROOF_LIFE
from keyturn.service.secrets import LENGTH

Said = Literal[
    "password_changed",
    "signed_out",
    "account_secured",
    "wrong_codes",
    "link_invalid",
    "link_expired",
    "link_used",
    "outcome_unknown",
    "link_replaced",
]
"""A message on the next page about the last action."""

_REMEMBERED = timedelta(minutes=10)
"""How long the page of a request shows "Check your email"."""

_SHOWN_ONCE = timedelta(minutes=1)
_OPENED = timedelta(hours=1)
"""How long the page of such a link can be answered after it was opened."""

_YEAR = timedelta(days=365)
_LONGEST_PART = 100
"""Characters of a name from the app: a browser keeps 4096 bytes."""


class OpenedLink(Struct, frozen=True):
    """The link that was opened in this browser: its token and, if its pattern has one, the address."""

    token: str
    email: str | None


class Flash(Struct, frozen=True):
    """The last action, and the kind and language of the account, so that the next page uses its brand and words.

    `return_to`: the address that a saved password leads to, if its request named one.
    `email`: the address whose password was set, for the sign-in form; masked, that of a link that was replaced.
    """

    said: Said
    kind: str = ""
    locale: str = ""
    timezone: str = ""
    email: str = ""
    return_to: str = ""


class LinkRequest(Struct, frozen=True):
    """The address, or the user name, for which this browser requested a link.

    `wait`: how long no other mail would be sent. Zero: one would be sent now.
    `return_to`: where to go after the reset, or "".
    """

    email: str
    wait: timedelta
    return_to: str = ""


class Cookies:
    """Makes and reads the pages' cookies. Attributes follow ASVS 3.3.1 to 3.3.5; returned values are checked."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def set_link(self, token: str, email: str | None) -> Cookie:
        """Hold a link in place of the address bar. Lax, since the click on it comes from another site, a mailbox.

        Both parts are cut one character beyond a valid length, so that they fit and stay invalid.
        """
        value = quote(token[: LENGTH + 1], safe="")
        if email:
            value += ":" + quote(email[: LONGEST + 1], safe="")
        return self._cookie("link", value, self._site.paths.reset, self._site.link_life)

    def read_link(self, cookies: Mapping[str, str]) -> OpenedLink | None:
        token, _, email = cookies.get(self._name("link"), "").partition(":")
        return OpenedLink(token, email or None) if token else None

    def delete_link(self) -> Cookie:
        return self.delete("link", self._site.paths.reset)

    def set_security_token(self, token: str) -> Cookie:
        """Hold the token of a link "This was not me", for its page."""
        return self._cookie("proof", quote(token[: LENGTH + 1], safe=""), self._site.paths.secure, _OPENED)

    def read_security_token(self, cookies: Mapping[str, str]) -> str:
        return cookies.get(self._name("proof"), "")

    def set_password_proof(self, proof: str) -> Cookie:
        """Hold the proof that a password was right, for the sign-in page while it asks for the second step."""
        return self._cookie("password", proof, self._site.paths.sign_in, PROOF_LIFE)

    def read_password_proof(self, cookies: Mapping[str, str]) -> str:
        return cookies.get(self._name("password"), "")

    def set_link_request(self, email: str, path: str, return_to: str = "") -> Cookie:
        """Hold the requested address and the time for ten minutes, for the page at `path`."""
        asked_for = f"{email}\n{return_to}".rstrip("\n")
        return self._cookie("asked", f"{int(unix())}:{quote(asked_for, safe='')}", path, _REMEMBERED)

    def read_link_request(self, cookies: Mapping[str, str]) -> LinkRequest | None:
        asked_at, _, asked_for = cookies.get(self._name("asked"), "").partition(":")
        email, _, return_to = asked_for.partition("\n")
        try:
            left = int(asked_at) + int(self._site.mailboxes.cooldown.total_seconds()) - int(unix())
            wait = min(timedelta(seconds=max(left, 0)), self._site.mailboxes.cooldown)
            identifier = addresses.identify(email, takes_names=self._site.takes_names)
            return_to = self._site.return_addresses.allowed(return_to)
            return LinkRequest(identifier, wait, return_to)
        except (InputInvalid, ValueError, OverflowError):
            return None

    def set_flash(self, flash: Flash, path: str) -> Cookie:
        """Hold a message for the page at that path, for a minute."""
        texts = [flash.kind[:_LONGEST_PART], flash.locale[:_LONGEST_PART], flash.email[:LONGEST]]
        texts += [flash.return_to] if flash.return_to else []
        parts = (flash.said, *(quote(text, safe="") for text in texts))
        return self._cookie("flash", ":".join(parts), path, _SHOWN_ONCE)

    def read_flash(self, cookies: Mapping[str, str]) -> Flash | None:
        said, *texts = cookies.get(self._name("flash"), "").split(":", 4)
        if said not in get_args(Said):
            return None
        kind, locale, email = (*map(unquote, texts[:3]), "", "", "")[:3]
        return_to = self._site.return_addresses.allowed("".join(texts[3:]))  # a browser's cookie proves nothing
        return Flash(cast("Said", said), kind, locale, email=email, return_to=return_to)

    def set_language(self, tag: str) -> Cookie:
        return self._cookie("language", tag, "/", _YEAR)

    def read_language(self, cookies: Mapping[str, str]) -> str:
        return cookies.get(self._name("language"), "")

    def delete(self, name: Literal["link", "proof", "asked", "flash", "password"], path: str) -> Cookie:
        return self._cookie(name, "", path, timedelta(0))

    def _name(self, name: str) -> str:
        # __Secure- since a __Host- cookie would go to every path (RFC 6265bis 4.1.3.1; ASVS 3.3.1).
        return f"__Secure-keyturn_{name}" if self._site.secure else f"keyturn_{name}"

    def _cookie(self, name: str, value: str, path: str, life: timedelta) -> Cookie:
        return Cookie(
            self._name(name),
            value=value,
            path=self._site.url(path),
            max_age=int(life.total_seconds()),
            secure=self._site.secure,
            httponly=True,
            samesite="lax",
        )
