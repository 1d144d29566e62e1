"""The pages of second addresses: the owner's form in the security settings, and that of the link to a new address."""

from typing import Any, Literal

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.api.mounting import reading
from keyturn.api.requests import AnyRequest, client_of
from keyturn.pages.cookies import Said
from keyturn.pages.not_me import TokenPage, say_done, token_of, was_done
from keyturn.pages.rendering import GivenPages, Pages
from keyturn.pages.sign_in import GivenSignIns
from keyturn.problems.proofs import CredentialsRejected
from keyturn.problems.requests import InputInvalid
from keyturn.reset.second_address import SecondAddressRoom

GivenRoom = NamedDependency[SecondAddressRoom]

SECOND_ADDRESS = "/second-address"
"""Below each address of the security settings."""


_Fault = Literal["", "rejected", "malformed", "own"]


class SecondAddressForm(msgspec.Struct, frozen=True):
    """The submitted form. `wish`: the pressed button. `current`: the password, which proves the owner."""

    wish: str = ""
    email: str = ""
    current: str = ""

    def __repr__(self) -> str:
        return "SecondAddressForm(...)"


class SecondAddressSettings(Controller):
    """The page on which a signed-in user adds or removes the second address. All methods raise NotSignedIn."""

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages, second_address: GivenRoom) -> Response[Any]:
        _, account = await pages.signed_in(request)
        if pages.site.settings_location(account.kind) + SECOND_ADDRESS != request.route_handler.opt["here"]:
            return pages.redirect(pages.site.settings_url(account.kind))
        return await _form(pages, request, account, second_address)

    @post(status_code=200)
    async def change(
        self,
        request: AnyRequest,
        data: URLEncodedBody[SecondAddressForm],
        pages: GivenPages,
        sign_ins: GivenSignIns,
        second_address: GivenRoom,
    ) -> Response[Any]:
        """Do what the pressed button says, once the password has proved the owner. Raises TooManyRequests, Busy."""
        (_, account), client = await pages.signed_in(request), client_of(request)
        said: Said = "second_address_asked"
        try:
            await sign_ins.require_password(account, data.current, client, event="second_address_change")
            if data.wish == "remove":
                await second_address.remove(account, client)
                said = "second_address_removed"
            else:
                await second_address.ask(account.email, data.email or "@", client, account.id)
        except CredentialsRejected:
            return await _form(pages, request, account, second_address, data.email, "rejected")
        except InputInvalid:
            is_own = addresses.is_same_mailbox(account.email, data.email)
            return await _form(pages, request, account, second_address, data.email, "own" if is_own else "malformed")
        return pages.back_to_settings(account.kind, said)


async def _form(
    pages: Pages,
    request: AnyRequest,
    account: Account,
    room: SecondAddressRoom,
    email: str = "",
    fault: _Fault = "",
) -> Response[Any]:
    second, status = await room.find(account), 422 if fault else 200
    return pages.page(
        request, "second_address.html", status=status, account=account, second=second, email=email, fault=fault
    )


class ConfirmSecondAddress(TokenPage):
    """The page of the link to a new address. GET changes nothing, since mail scanners follow links."""

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages, second_address: GivenRoom) -> Response[Any]:
        """Ask for confirmation. Raises SecurityLinkDead, TooManyRequests."""
        if was_done(pages, request, "second_address_confirmed"):
            return pages.page(request, "confirm_second_address.html", email="")
        found = await second_address.check(token_of(pages, request), client_of(request))
        return pages.page(request, "confirm_second_address.html", email=found.pending)

    @post()
    async def confirm(self, request: AnyRequest, pages: GivenPages, second_address: GivenRoom) -> Response[Any]:
        """Verify the address, once. Raises SecurityLinkDead, TooManyRequests, AccountsUnready."""
        await second_address.verify(token_of(pages, request), client_of(request))
        return say_done(pages, pages.site.paths.second_address, "second_address_confirmed")
