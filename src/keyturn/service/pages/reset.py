"""Choosing a new password: with a link, or signed in with the current password."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, Response, post
from litestar.datastructures import Cookie
from litestar.params import URLEncodedBody

from keyturn.service import addresses
from keyturn.service.accounts.port import Account
from keyturn.service.api.requests import AnyRequest, accepted_language, client_of, mounted
from keyturn.service.api.responses import judgement_response
from keyturn.service.clock import now
from keyturn.service.pages.cookies import Flash, Said
from keyturn.service.pages.opening import keep_link
from keyturn.service.pages.reading import reading
from keyturn.service.pages.rendering import GivenPages, Pages
from keyturn.service.pages.second_step import ShownStep, StepForm, shown_step
from keyturn.service.problems import proofs
from keyturn.service.problems.passwords import OutcomeUnknown, PasswordRejected, Violation
from keyturn.service.reset.check import LiveLink
from keyturn.service.reset.passwords.policy import Rule

_DAY = timedelta(days=1)
"""An end later than this needs a date beside the time."""


class NewPasswordForm(StepForm, frozen=True):
    """The submitted form. `email`: the account whose password it changes. `current`: the current password."""

    email: str = ""
    current: str = ""
    password: str = ""
    again: str = ""


def password_form(
    pages: Pages,
    request: AnyRequest,
    owner: Account,
    broken: Sequence[Violation] = (),
    *,
    mismatch: bool = False,
    rejected: bool = False,
    status: int = 200,
    step: ShownStep | None = None,
) -> Response[Any]:
    """Return the form, with the known rules and the rules by which a custom store refused the password.

    Without a link, the form asks a signed-in user for the current password. `rejected`: that password was wrong.
    """
    known = pages.parts.policy.rules
    names = {rule.name for rule in known}
    more = [Rule(name=one.rule, message=one.message, limit=one.limit) for one in broken if one.rule not in names]
    until: datetime | None = owner.expires_at if isinstance(owner, LiveLink) else None
    return pages.page(
        request,
        "reset.html",
        status=status,
        account=owner,
        owner=owner,
        rules=[*known, *more],
        broken=[one.rule for one in broken],
        mismatch=mismatch,
        rejected=rejected,
        until=until,
        lasts_days=until is not None and until > now() + _DAY,
        step=step or ShownStep(),
    )


class LinkForm(msgspec.Struct, frozen=True):
    """The parts of an address that fragment.js sends."""

    token: str = ""
    email: str = ""


class ResetPassword(Controller):
    """Takes a link out of the address bar, shows the form for a new password, and saves it.

    The settings name its path and the parameters of a link.
    """

    @post("/open")
    async def take_from_fragment(self, data: URLEncodedBody[LinkForm], pages: GivenPages) -> Response[Any]:
        """Take the part of an address behind its "#", which only a script can read."""
        return keep_link(pages, pages.cookies.link, data.token, data.email)

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Show the form. The link is never used up by this (RFC 9110, 9.2.1; ASVS 3.5.3).

        Raises LinkDead, TooManyRequests.
        """
        names, query = pages.site.paths, request.query_params
        if (token := query.get(names.token)) is not None:
            return keep_link(pages, pages.cookies.link, token, query.get(names.email))
        token, email = pages.cookies.opened_link(request)
        if not token:
            return await _show_without_link(request, pages)
        live = await pages.parts.checks.validate(token, client_of(request), email)
        return password_form(pages, request, live)

    @post("/check", status_code=200)
    async def judge(
        self, request: AnyRequest, data: URLEncodedBody[NewPasswordForm], pages: GivenPages
    ) -> Response[Any]:
        """Judge an unsaved password, for the script. Raises LinkDead, TooManyRequests."""
        token, email = pages.cookies.opened_link(request, data.email)
        judging = pages.parts.checks.judge(token, data.password, client_of(request), email)
        return await judgement_response(request, pages.parts, judging)

    @post("/code", status_code=200)
    async def send_code(
        self, request: AnyRequest, data: URLEncodedBody[NewPasswordForm], pages: GivenPages
    ) -> Response[Any]:
        """Send a code to the account's phone, if it has one. Raises LinkDead, TooManyRequests, Unavailable."""
        token, email = pages.cookies.opened_link(request, data.email)
        checks, client = pages.parts.checks, client_of(request)
        sent = await checks.begin_second_step(token, "sms", client, email)
        if _is_script(request):
            return Response({"sent": sent})
        live = await checks.validate(token, client, email)
        return password_form(pages, request, live, step=ShownStep(method="sms", sent=sent))

    @post()
    async def save(
        self, request: AnyRequest, data: URLEncodedBody[NewPasswordForm], pages: GivenPages
    ) -> Response[Any]:
        """Set the password, or show the form again with every mistake; the link survives a mistake.

        The address in the form must be the link's: with two links in two tabs, the cookie holds the later one. Without
        a link, the signed-in user changes the password, and another user may have signed in in another tab. Raises
        LinkDead, TooManyRequests, Busy.
        """
        (token, email), here = pages.cookies.opened_link(request, data.email), pages.site.url(pages.site.paths.reset)
        owner: LiveLink | Account | None
        if token:
            live = await pages.parts.checks.validate(token, client_of(request), email)
            owner, saving = live, partial(_complete, request, pages, token, live, data)
        else:
            owner, saving = await pages.signed_in(request), partial(_change, request, pages, data)
            if owner is None or not addresses.is_same_mailbox(data.email, owner.email):
                return pages.redirect(here)
        mismatch, rejected, step = data.password != data.again, False, ShownStep(method=data.method)
        broken: Sequence[Violation] = ()
        try:
            if not mismatch:
                return await saving()
            await pages.parts.checks.check_password(data.password, client_of(request), owner.email)
        except proofs.CredentialsRejected:
            rejected = True
        except PasswordRejected as refused:
            broken = refused.violations
        except (proofs.SecondStepRequired, proofs.SecondStepRejected) as asked:
            step = shown_step(data.method, asked)
            if _is_script(request):
                return _tell_script(request, pages, step)
        except (proofs.LinkDead, OutcomeUnknown) as ended:
            if not _is_script(request):
                raise
            # The next page says it: sending the form again would end otherwise.
            said: Said = "outcome_unknown" if isinstance(ended, OutcomeUnknown) else ended.reason
            flash = pages.cookies.set_flash(Flash(said, owner.kind, owner.locale), pages.site.paths.reset)
            return _tell_next(here, pages.cookies.link.expire(), flash)
        return password_form(pages, request, owner, broken, mismatch=mismatch, rejected=rejected, status=422, step=step)


async def _complete(
    request: AnyRequest, pages: Pages, token: str, live: LiveLink, data: NewPasswordForm
) -> Response[Any]:
    """Set the password, and lead on with the cookie of the device."""
    site = pages.site
    account = await pages.parts.resets.complete(token, data.password, client_of(request), live.email, data.answer)
    device = [pages.cookies.device.issue(pages.parts.sign_ins.device(account))] if pages.parts.sign_ins else []
    url, flash = _after_saving(pages, live)
    cookies = (pages.cookies.link.expire(), pages.cookies.asked(site.paths.forgot).expire(), flash, *device)
    if _is_script(request):
        return _tell_next(url, *cookies)
    return pages.lead_on(
        request, url, *cookies, template="password_changed.html", account=live, signed_in=False, return_to=url
    )


def _is_script(request: AnyRequest) -> bool:
    return request.headers.get("accept") == "application/json"


def _tell_script(request: AnyRequest, pages: Pages, step: ShownStep) -> Response[Any]:
    """Answer 200: browsers log other statuses on the console as errors of the page."""
    language = accepted_language(pages.parts.languages, request)
    complaint = ""
    if step.tries_left is not None:
        complaint = proofs.SecondStepRejected((), step.tries_left).detail(language)
    elif step.missing:
        complaint = language.gettext("Enter a code.")
    return Response({"complaint": complaint, "sent": step.sent}, status_code=200)


def _tell_next(url: str, *cookies: Cookie) -> Response[Any]:
    """Tell a script where to go: it cannot read a redirect to another site."""
    return Response({"next": url}, status_code=200, cookies=list(cookies))


async def _show_without_link(request: AnyRequest, pages: Pages) -> Response[Any]:
    """Confirm a saved password; else show the form to a signed-in user, and the way to a link to others."""
    account = await pages.signed_in(request)
    match pages.cookies.read_flash(request):
        case Flash(said="invalid" | "expired" | "used" | "second_step" as reason):
            raise proofs.LinkDead(reason)
        case Flash(said="outcome_unknown"):
            raise OutcomeUnknown("a script was told where this is said")
        case Flash(said="link_replaced", email=hint):
            return pages.page(request, "link_replaced.html", email_hint=hint)
        case Flash(said="password_changed") as flash:
            return pages.page(
                request,
                "password_changed.html",
                account=account or flash,
                signed_in=account is not None,
                return_to=flash.return_to,
            )
    return password_form(pages, request, account) if account else pages.page(request, "no_link.html")


def _after_saving(pages: Pages, live: LiveLink) -> tuple[str, Cookie]:
    """Return the page after a saved password, and its message: the sign-in page, or a page of its own.

    If the request of the link named an address to return to, that replaces the sign-in page.

    The message is in the brand and language of the account. The sign-in page of an app shows no message, unless the
    settings say that it reads the query.
    """
    site = pages.site
    here = site.paths.reset if site.sign_in_url or live.return_to else site.paths.sign_in
    said = Flash("password_changed", live.kind, live.locale, email=live.email, return_to=live.return_to)
    flash = pages.cookies.set_flash(said, here)
    if live.return_to and pages.parts.settings.after_reset == "sign_in":
        return live.return_to, flash
    if site.sign_in_url and pages.parts.settings.after_reset == "sign_in":
        address = urlsplit(site.sign_in_url)
        return address._replace(query="&".join(filter(None, (address.query, "password=changed")))).geturl(), flash
    return site.url(here), flash


async def _change(request: AnyRequest, pages: Pages, data: NewPasswordForm) -> Response[Any]:
    """Set the password of the signed-in user, and continue in a fresh session."""
    path, secret = pages.site.paths.reset, pages.cookies.session.read(request)
    sign_ins = mounted(pages.parts.sign_ins)
    fresh = await sign_ins.change_password(secret, data.current, data.password, client_of(request))
    flash = pages.cookies.set_flash(Flash("password_changed"), path)
    return pages.redirect(pages.site.url(path), pages.cookies.session.issue(fresh), flash)
