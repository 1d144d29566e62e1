"""The security settings of a signed-in user: password, devices, events, and the second step on a page below them."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from keyturn.accounts.port import Account
from keyturn.api.mounting import reading
from keyturn.api.requests import AnyRequest, client_of
from keyturn.database import now
from keyturn.languages import SourceTexts
from keyturn.pages.rendering import GivenPages, Pages
from keyturn.problems.proofs import CredentialsRejected, Factor, SecondStepRejected, SecondStepRequired
from keyturn.reset.mails.composer import device_name
from keyturn.reset.proofs.second_step.own_factors import OwnerProof, OwnFactors, PendingSeed, SetUpOver
from keyturn.reset.proofs.second_step.totp import base32, otpauth_uri

GivenFactors = NamedDependency[OwnFactors]

SECOND_STEP = "/second-step"
"""Below each address of the security settings."""

_LONGEST_CODE = 64
_GROUP = 4


class DeviceForm(msgspec.Struct, frozen=True):
    """The submitted form of a device. `device`: its key."""

    device: str = ""


class SecuritySettings(Controller):
    """The cards of the security settings, and what their buttons do.

    Mounted at each address of the page, since kinds of accounts may have one each; `here` is that address. All methods
    raise NotSignedIn.
    """

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        site, (secret, account) = pages.site, await pages.signed_in(request)
        here = site.settings_location(account.kind)
        if here != request.route_handler.opt["here"]:
            return pages.redirect(site.settings_url(account.kind))
        # The first name of a device compiles hundreds of expressions, a fifth of a second.
        await asyncio.to_thread(device_name, "", SourceTexts())
        has_asked, wait = await _link_request_of(request, pages, account)
        flash = pages.cookies.read_flash(request.cookies)
        factors = await site.factors.factors(account) if site.factors else None
        return pages.page(
            request,
            "security_settings.html",
            account=account,
            here=site.url(here),
            said=flash.said if flash else "",
            has_asked=has_asked,
            wait=wait,
            changed_at=await site.review.password_changed_at(account),
            devices=await site.review.devices(account, secret),
            events=await site.review.events(account),
            factors=factors,
            passkeys=len(await site.passkeys.of_account(account.id)) if site.passkeys else 0,
            codes_left=await site.factors.recovery_codes_left(account) if site.factors and factors else 0,
            cookies=[pages.cookies.delete("flash", here)] if flash else [],
        )

    @post()
    async def request_password_change(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Send a link to the account's own address, unless the cooldown holds it back. Raises TooManyRequests."""
        _, account = await pages.signed_in(request)
        url, path = pages.site.settings_url(account.kind), pages.site.settings_location(account.kind)
        _, wait = await _link_request_of(request, pages, account)
        if wait or path not in pages.site.settings_paths:
            return pages.redirect(url)
        await pages.site.requests.accept(account.email, client_of(request))
        return pages.redirect(url, pages.cookies.set_link_request(account.email, path))

    @post("/sign-out")
    async def sign_out_device(
        self, request: AnyRequest, data: URLEncodedBody[DeviceForm], pages: GivenPages
    ) -> Response[Any]:
        """End a session of the account (ASVS 7.5.2). Another account's, or one that is over, changes nothing.

        Raises TooManyRequests.
        """
        _, account = await pages.signed_in(request)
        ended = await pages.site.review.sign_out(account, data.device, client_of(request))
        return pages.back_to_settings(account.kind, "device_signed_out" if ended else None)

    @post("/sign-out-elsewhere")
    async def sign_out_elsewhere(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """End every other session of the account. Raises TooManyRequests."""
        secret, account = await pages.signed_in(request)
        await pages.site.review.sign_out_elsewhere(account, secret, client_of(request))
        return pages.back_to_settings(account.kind, "others_signed_out")


async def _link_request_of(request: AnyRequest, pages: Pages, account: Account) -> tuple[bool, timedelta]:
    """Return whether this browser requested a link for this account, and the rest of the cooldown.

    The cooldown counts requests from elsewhere, too: a signed-in user may learn of them.
    """
    asked = pages.cookies.read_link_request(request.cookies)
    own_wait = asked.wait if asked and asked.email == account.email else None
    left = await pages.site.mailboxes.cooldown_left(account.email, now())
    return own_wait is not None, max(own_wait or timedelta(0), left)


class FactorForm(msgspec.Struct, frozen=True):
    """The submitted form of the second step. `wish`: the pressed button. `current`, `code`: the owner's proof.

    `pending`: the sealed seed that `code` confirms.
    """

    wish: str = ""
    current: str = ""
    code: str = ""
    pending: str = ""

    @property
    def proof(self) -> OwnerProof:
        return OwnerProof(self.current, self.code[:_LONGEST_CODE])


class SecondStepSettings(Controller):
    """The page on which a signed-in user sets up, replaces or removes the second step.

    All methods raise NotSignedIn.
    """

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages, factors: GivenFactors) -> Response[Any]:
        _, account = await pages.signed_in(request)
        here = pages.site.settings_location(account.kind) + SECOND_STEP
        if here != request.route_handler.opt["here"]:
            return pages.redirect(pages.site.settings_url(account.kind))
        flash = pages.cookies.read_flash(request.cookies)
        is_over = flash is not None and flash.said == "set_up_over"
        cookies = [pages.cookies.delete("flash", here)] if is_over else []
        return _form(pages, request, account, await factors.factors(account), is_over=is_over, cookies=cookies)

    @post(status_code=200)
    async def change(
        self, request: AnyRequest, data: URLEncodedBody[FactorForm], pages: GivenPages, factors: GivenFactors
    ) -> Response[Any]:
        """Do what the pressed button says once the owner has proved to be it. Raises TooManyRequests, Busy.

        New recovery codes and a new seed are in the answer itself, and nowhere else, since they are shown once.
        """
        (secret, account), client = await pages.signed_in(request), client_of(request)
        try:
            match data.wish:
                case "remove":
                    await factors.remove(account, data.proof, client)
                    return pages.back_to_settings(account.kind, "second_step_removed")
                case "codes":
                    codes = await factors.renew_codes(account, data.proof, client)
                    return _codes_page(pages, request, account, codes, is_new=False)
                case _:
                    pending = await factors.begin(account, secret, data.proof, client)
                    return _seed_page(pages, request, account, pending)
        except CredentialsRejected:
            return _form(pages, request, account, await factors.factors(account), rejected=True)
        except SecondStepRequired as asked:
            return _form(pages, request, account, asked.factors, missing=True)
        except SecondStepRejected as wrong:
            return _form(pages, request, account, wrong.factors, tries_left=wrong.tries_left)

    @post("/confirm", status_code=200)
    async def confirm(
        self, request: AnyRequest, data: URLEncodedBody[FactorForm], pages: GivenPages, factors: GivenFactors
    ) -> Response[Any]:
        """Let the seed count if the code is right, and show the recovery codes, once."""
        secret, account = await pages.signed_in(request)
        try:
            code = data.code[:_LONGEST_CODE]
            codes = await factors.confirm(account, secret, data.pending, code, client_of(request))
            if codes is None:
                pending = factors.open(account, secret, data.pending)
                return _seed_page(pages, request, account, pending, is_wrong=True)
        except SetUpOver:
            return pages.back_to_settings(account.kind, "set_up_over", SECOND_STEP)
        return _codes_page(pages, request, account, codes, is_new=True)


def _form(
    pages: Pages,
    request: AnyRequest,
    account: Account,
    factors: Sequence[Factor],
    *,
    rejected: bool = False,
    missing: bool = False,
    tries_left: int | None = None,
    is_over: bool = False,
    **values: Any,
) -> Response[Any]:
    """Return the form, with what was wrong with the proof. Without a factor that is checked here, it has no fields."""
    return pages.page(
        request,
        "second_step_settings.html",
        status=422 if rejected or missing or tries_left is not None else 200,
        account=account,
        is_set=bool(factors),
        can_prove=not factors or any(factor.method in {"totp", "recovery_code"} for factor in factors),
        rejected=rejected,
        missing=missing,
        tries_left=tries_left,
        is_over=is_over,
        **values,
    )


def _seed_page(
    pages: Pages, request: AnyRequest, account: Account, pending: PendingSeed, *, is_wrong: bool = False
) -> Response[Any]:
    import segno

    uri = otpauth_uri(pending.seed, account.email, pages.site.theme(account.kind).brand.name)
    qr = segno.make(uri, error="m", micro=False)
    key = base32(pending.seed)
    return pages.page(
        request,
        "authenticator.html",
        status=422 if is_wrong else 200,
        account=account,
        qr=qr.svg_inline(omitsize=True, svgclass=None, lineclass=None, border=2),
        key=" ".join(key[at : at + _GROUP] for at in range(0, len(key), _GROUP)),
        uri=uri,
        pending=pending.sealed,
        is_wrong=is_wrong,
    )


def _codes_page(
    pages: Pages, request: AnyRequest, account: Account, codes: Sequence[str], *, is_new: bool
) -> Response[Any]:
    return pages.page(request, "recovery_codes.html", account=account, codes=codes, is_new=is_new)
