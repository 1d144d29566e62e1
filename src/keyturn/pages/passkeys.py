"""Passkeys on the hosted pages: after a new password, at sign-in, and in the security settings.

A script asks the browser for a passkey and sends its answer as a form. Without a script, or where the browser knows no
passkeys, the buttons are not there.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Response, post
from litestar.params import URLEncodedBody

from keyturn.api.mounting import reading
from keyturn.api.passkeys import GivenPasskeys
from keyturn.api.requests import AnyRequest, client_of
from keyturn.pages.cookies import Flash, Said
from keyturn.pages.rendering import GivenPages
from keyturn.pages.sign_in import GivenSignIns, next_url
from keyturn.pages.site import Site
from keyturn.problems.proofs import PasskeyRejected
from keyturn.reset.passkeys import Offer

PASSKEYS = "/passkeys"
"""Below each address of the security settings."""


class PasskeyForm(msgspec.Struct, frozen=True):
    """The submitted form. `state`, `credential`: the browser's answer. `passkey`: an id. `next`: the page after it."""

    state: str = ""
    credential: str = ""
    passkey: str = ""
    name: str = ""
    next: str = ""


class PasskeyAfterReset(Controller):
    """The button on the page of a saved password. Mounted beside it."""

    @post("/passkey/options", status_code=200)
    async def begin(self, request: AnyRequest, pages: GivenPages, passkeys: GivenPasskeys) -> Response[Any]:
        """Return the options, for the script. Raises PasskeyRejected, TooManyRequests."""
        right = pages.cookies.read_passkey_right(request.cookies)
        return _offered(await passkeys.begin_with_right(right, client_of(request)))

    @post("/passkey")
    async def create(
        self, request: AnyRequest, data: URLEncodedBody[PasskeyForm], pages: GivenPages, passkeys: GivenPasskeys
    ) -> Response[Any]:
        """Create the passkey, or say that it did not work; the right survives that. Raises TooManyRequests, Busy."""
        path, flash = pages.site.paths.reset, pages.cookies.read_flash(request.cookies)
        said: Said = "passkey_created"
        cookies = [pages.cookies.delete("passkey", path)]
        try:
            right = pages.cookies.read_passkey_right(request.cookies)
            await passkeys.create_with_right(right, data.state, data.credential, client_of(request))
        except PasskeyRejected:
            said, cookies = "passkey_failed", []
        known = (flash.kind, flash.locale) if flash else ("", "")
        shown = Flash(said, *known, return_to=flash.return_to if flash else "")
        return pages.redirect(pages.site.url(path), *cookies, pages.cookies.set_flash(shown, path))


class PasskeySignIn(Controller):
    """The button on the sign-in page. Mounted beside it."""

    @post("/passkey/options", status_code=200)
    async def begin(self, request: AnyRequest, passkeys: GivenPasskeys) -> Response[Any]:
        """Return the options, for the script. Raises TooManyRequests."""
        return _offered(await passkeys.begin_sign_in(client_of(request)))

    @post("/passkey")
    async def sign_in(
        self, request: AnyRequest, data: URLEncodedBody[PasskeyForm], pages: GivenPages, passkeys: GivenPasskeys
    ) -> Response[Any]:
        """Start a session under a new secret, or say that it did not work. Raises TooManyRequests, Busy."""
        site = pages.site
        try:
            opened = await passkeys.sign_in(data.state, data.credential, client_of(request))
        except PasskeyRejected:
            values: dict[str, Any] = {"email": "", "next": data.next, "rejected": False, "flash": "passkey_failed"}
            return pages.page(request, "sign_in.html", status=422, **values)
        url = next_url(data.next, site.settings_url(opened.account.kind))
        cookies = (site.session_cookie.issue(opened.secret), site.device_cookie.issue(opened.device))
        return pages.redirect(url, *cookies)


class PasskeySettings(Controller):
    """The page on which a signed-in user creates, names and removes passkeys. All methods raise NotSignedIn."""

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages, passkeys: GivenPasskeys) -> Response[Any]:
        secret, account = await pages.signed_in(request)
        path = pages.site.settings_location(account.kind) + PASSKEYS
        if path != request.route_handler.opt["here"]:
            return pages.redirect(pages.site.settings_url(account.kind))
        flash = pages.cookies.read_flash(request.cookies)
        return pages.page(
            request,
            "passkeys.html",
            account=account,
            here=pages.site.url(path),
            said=flash.said if flash else "",
            passkeys=await passkeys.of_account(account.id),
            is_fresh=await passkeys.is_fresh(account, secret),
            cookies=[pages.cookies.delete("flash", path)] if flash else [],
        )

    @post("/passkey/options", status_code=200)
    async def begin(self, request: AnyRequest, pages: GivenPages, passkeys: GivenPasskeys) -> Response[Any]:
        """Return the options, for the script. Raises PasskeyRejected, TooManyRequests."""
        secret = pages.site.session_cookie.read(request)
        return _offered(await passkeys.begin_signed_in(secret, client_of(request)))

    @post("/passkey")
    async def create(
        self, request: AnyRequest, data: URLEncodedBody[PasskeyForm], pages: GivenPages, passkeys: GivenPasskeys
    ) -> Response[Any]:
        """Create the passkey, or say that it did not work. Raises TooManyRequests, Busy."""
        secret, account = await pages.signed_in(request)
        try:
            await passkeys.create_signed_in(secret, data.state, data.credential, client_of(request))
        except PasskeyRejected:
            return pages.back_to_settings(account.kind, "passkey_failed", PASSKEYS)
        return pages.back_to_settings(account.kind, "passkey_created", PASSKEYS)

    @post("/rename")
    async def rename(
        self, request: AnyRequest, data: URLEncodedBody[PasskeyForm], pages: GivenPages, passkeys: GivenPasskeys
    ) -> Response[Any]:
        """Name a passkey. One that is gone, and an empty name, change nothing. Raises TooManyRequests."""
        secret, account = await pages.signed_in(request)
        try:
            is_done = await passkeys.rename(secret, data.passkey, data.name, client_of(request))
        except PasskeyRejected:
            is_done = False
        return pages.back_to_settings(account.kind, "passkey_renamed" if is_done else None, PASSKEYS)

    @post("/remove")
    async def remove(
        self, request: AnyRequest, data: URLEncodedBody[PasskeyForm], pages: GivenPages, passkeys: GivenPasskeys
    ) -> Response[Any]:
        """Remove a passkey. One that is gone changes nothing. Raises TooManyRequests."""
        secret, account = await pages.signed_in(request)
        try:
            is_done = await passkeys.remove(secret, data.passkey, client_of(request))
        except PasskeyRejected:
            is_done = False
        return pages.back_to_settings(account.kind, "passkey_removed" if is_done else None, PASSKEYS)

    @post("/sign-in-again")
    async def sign_in_again(self, request: AnyRequest, pages: GivenPages, sign_ins: GivenSignIns) -> Response[Any]:
        """End this session, and lead back here after a sign-in."""
        site, (secret, account) = pages.site, await pages.signed_in(request)
        await sign_ins.sign_out(secret)
        here = site.url(site.settings_location(account.kind) + PASSKEYS)
        url = f"{site.url(site.paths.sign_in)}?{urlencode({'next': here})}"
        return pages.redirect(url, site.session_cookie.expire())


def places(site: Site) -> Mapping[str, Sequence[type[Controller]]]:
    """Return the pages by their paths."""
    found: dict[str, Sequence[type[Controller]]] = {site.paths.reset: [PasskeyAfterReset]}
    if site.passkeys and site.passkeys.signs_in:
        found[site.paths.sign_in] = [PasskeySignIn]
    if site.sign_ins:
        found |= {f"{path}{PASSKEYS}": [PasskeySettings] for path in site.settings_paths}
    return found


def _offered(offer: Offer) -> Response[Any]:
    return Response(msgspec.to_builtins(offer), status_code=200, headers={"Cache-Control": "no-store"})
