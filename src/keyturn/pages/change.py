"""Changing a password that is still known: the page of a link, for who is signed in and comes without one."""

from collections.abc import Sequence
from typing import Any

from litestar import Response

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.api.requests import AnyRequest, client_of
from keyturn.pages.cookies import Flash
from keyturn.pages.password_form import NewPasswordForm, password_form
from keyturn.pages.rendering import Pages
from keyturn.problems.passwords import PasswordRejected, Violation
from keyturn.problems.proofs import CredentialsRejected, NotSignedIn


async def signed_in_account(request: AnyRequest, pages: Pages) -> Account | None:
    """Return who is signed in; None where nobody is, or nobody signs in here."""
    site = pages.site
    if site.sign_ins is None:
        return None
    try:
        return await site.sign_ins.account(site.session_cookie.read(request))
    except NotSignedIn:
        return None


def show_change(request: AnyRequest, pages: Pages, account: Account) -> Response[Any]:
    return password_form(pages, request, account)


async def save_change(request: AnyRequest, pages: Pages, data: NewPasswordForm) -> Response[Any]:
    """Set the password and go on under a fresh session, or show the form again with everything that is wrong.

    The address in the form must be the account's: in another tab, somebody else may have signed in since.
    Raises NotSignedIn, TooManyRequests, Busy.
    """
    site, client = pages.site, client_of(request)
    if site.sign_ins is None:
        raise NotSignedIn
    secret = site.session_cookie.read(request)
    account = await site.sign_ins.account(secret)
    if not addresses.is_same_mailbox(data.email, account.email):
        return pages.redirect(site.url(site.paths.reset))
    mismatch, rejected = data.password != data.again, False
    broken: Sequence[Violation] = ()
    try:
        if mismatch:
            await site.resets.check_password(data.password, client, account.email)
        else:
            fresh = await site.sign_ins.change_password(secret, data.current, data.password, client)
            path = site.paths.reset
            flash = pages.cookies.set_flash(Flash("password_changed"), path)
            return pages.redirect(site.url(path), site.session_cookie.issue(fresh), flash)
    except CredentialsRejected:
        rejected = True
    except PasswordRejected as refused:
        broken = refused.violations
    return password_form(pages, request, account, broken, mismatch=mismatch, rejected=rejected, status=422)
