"""Choosing a new password: the link leaves the address bar before anything else happens, and only a POST uses it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, HttpMethod, Response, post, route
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody

from keyturn.api.requests import AnyRequest, accepted_language, client_of
from keyturn.api.responses import judgement_response
from keyturn.pages.change import save_change, show_change, signed_in_account
from keyturn.pages.cookies import Flash, Said
from keyturn.pages.password_form import NewPasswordForm, ShownStep, password_form
from keyturn.pages.rendering import Pages
from keyturn.problems.passwords import OutcomeUnknown, PasswordRejected, Violation
from keyturn.problems.proofs import DeadReason, LinkDead, SecondStepRejected, SecondStepRequired
from keyturn.problems.requests import TooManyRequests, Unavailable
from keyturn.reset.request import LiveLink

_READING = [HttpMethod.GET, HttpMethod.HEAD]


_END: Mapping[DeadReason, Said] = {
    "invalid": "link_invalid",
    "expired": "link_expired",
    "used": "link_used",
    "second_step": "wrong_codes",
}
"""What the next page says where a link has ended under a script: the form, sent again, would say something else."""


class LinkForm(msgspec.Struct, frozen=True):
    """What fragment.js sends of an address."""

    token: str = ""
    email: str = ""


class ResetPassword(Controller):
    """Takes a link out of the address bar, shows the form for a new password, saves it.

    Mounted where the settings say; what a link calls its parameters, they say too.
    """

    @route("/{token:str}", http_method=_READING)
    async def take_from_path(
        self, request: AnyRequest, token: FromPath[str], pages: NamedDependency[Pages]
    ) -> Response[Any]:
        return _keep_link_in_cookie(pages, token, request.query_params.get(pages.site.paths.email))

    @post("/open")
    async def take_from_fragment(self, data: URLEncodedBody[LinkForm], pages: NamedDependency[Pages]) -> Response[Any]:
        """Take what only a script can read: the part of an address behind its "#"."""
        return _keep_link_in_cookie(pages, data.token, data.email)

    @route(http_method=_READING)
    async def show(self, request: AnyRequest, pages: NamedDependency[Pages]) -> Response[Any]:
        """Show the form. However often this is called, the link is not used up (RFC 9110, 9.2.1; ASVS 3.5.3).

        Raises LinkDead, TooManyRequests.
        """
        names, query = pages.site.paths, request.query_params
        if (token := query.get(names.token)) is not None:
            return _keep_link_in_cookie(pages, token, query.get(names.email))
        link = pages.cookies.read_link(request.cookies)
        if link is None:
            return await _show_without_link(request, pages)
        live = await pages.site.resets.validate(link.token, client_of(request), link.email)
        return password_form(pages, request, live)

    @post("/check", status_code=200)
    async def judge(
        self, request: AnyRequest, data: URLEncodedBody[NewPasswordForm], pages: NamedDependency[Pages]
    ) -> Response[Any]:
        """Say what is wrong with a password that is not sent yet, for the script. Raises LinkDead, TooManyRequests."""
        link = pages.cookies.read_link(request.cookies)
        if link is None:
            raise LinkDead("invalid")
        judging = pages.site.resets.judge(link.token, data.password, client_of(request), data.email or link.email)
        return await judgement_response(judging, accepted_language(pages.site.languages, request))

    @post("/code", status_code=200)
    async def send_code(
        self, request: AnyRequest, data: URLEncodedBody[NewPasswordForm], pages: NamedDependency[Pages]
    ) -> Response[Any]:
        """Send a code to the account's phone, if it has one. The form says where none is sent, and when one will be.

        Raises LinkDead; to the script TooManyRequests and Unavailable, too.
        """
        link = pages.cookies.read_link(request.cookies)
        if link is None:
            raise LinkDead("invalid")
        resets, client, email = pages.site.resets, client_of(request), data.email or link.email
        sending = resets.begin_second_step(link.token, "sms", client, email)
        if _is_script(request):
            return Response({"sent": await sending})
        status, headers = 200, {}
        try:
            step = ShownStep(method="sms", sent=await sending)
        except TooManyRequests as limited:
            status, headers = 429, {"Retry-After": str(limited.retry_after)}
            step = ShownStep(method="sms", unsent=True, wait=timedelta(seconds=limited.retry_after))
        except Unavailable as unready:
            pages.log_unready(unready)
            status, step = 503, ShownStep(method="sms", unsent=True)
        live = await resets.validate(link.token, client, email)
        answer = password_form(pages, request, live, step=step, status=status)
        answer.headers.update(headers)
        return answer

    @post()
    async def save(
        self, request: AnyRequest, data: URLEncodedBody[NewPasswordForm], pages: NamedDependency[Pages]
    ) -> Response[Any]:
        """Set the password, or show the form again with everything that is wrong; the link survives that.

        The address in the form must be the link's: with two links in two tabs, the cookie holds the later one.
        Without a link it is who is signed in that changes the password. Raises LinkDead, TooManyRequests, Busy.
        """
        site, client = pages.site, client_of(request)
        link = pages.cookies.read_link(request.cookies)
        if link is None:
            account = await signed_in_account(request, pages)
            return await save_change(request, pages, data) if account else pages.redirect(site.url(site.paths.reset))
        live = await site.resets.validate(link.token, client, data.email or link.email)
        mismatch, step = data.password != data.again, ShownStep(method=data.method)
        broken: Sequence[Violation] = ()
        try:
            if mismatch:
                await site.resets.check_password(data.password, client, live.email)
            else:
                account = await site.resets.complete(link.token, data.password, client, live.email, data.answer)
                device = [site.device_cookie.issue(site.sign_ins.device(account))] if site.sign_ins else []
                url, flash = _after_saving(pages, live)
                return _lead(request, pages, url, pages.cookies.delete_link(), flash, *device)
        except PasswordRejected as rejected:
            broken = rejected.violations
        except (SecondStepRequired, SecondStepRejected) as asked:
            step = _shown_step(data.method, asked)
            if _is_script(request):
                return _tell_script(request, pages, step)
        except (LinkDead, OutcomeUnknown) as ended:
            if not _is_script(request):
                raise
            said: Said = "outcome_unknown" if isinstance(ended, OutcomeUnknown) else _END[ended.reason]
            flash = pages.cookies.set_flash(Flash(said, live.kind, live.locale), site.paths.reset)
            return _lead(request, pages, site.url(site.paths.reset), pages.cookies.delete_link(), flash)
        return password_form(pages, request, live, broken, mismatch=mismatch, status=422, step=step)


def _is_script(request: AnyRequest) -> bool:
    return request.headers.get("accept") == "application/json"


def _tell_script(request: AnyRequest, pages: Pages, step: ShownStep) -> Response[Any]:
    """Answer 200, since what browsers write of other answers into their console is no fault of the page."""
    language = accepted_language(pages.site.languages, request)
    complaint = ""
    if step.tries_left is not None:
        complaint = SecondStepRejected((), step.tries_left).detail(language)
    elif step.missing:
        complaint = language.gettext("Enter a code.")
    return Response({"complaint": complaint, "sent": step.sent}, status_code=200)


def _lead(request: AnyRequest, pages: Pages, url: str, *cookies: Cookie) -> Response[Any]:
    """Lead to an address: the script, which could not read a redirect to another site, is told it."""
    if _is_script(request):
        return Response({"next": url}, status_code=200, cookies=list(cookies))
    return pages.redirect(url, *cookies)


def _shown_step(method: str, asked: SecondStepRequired | SecondStepRejected) -> ShownStep:
    if isinstance(asked, SecondStepRejected):
        return ShownStep(method=method, tries_left=asked.tries_left)
    return ShownStep(method=method, sent=bool(asked.sent), missing=not asked.sent)


async def _show_without_link(request: AnyRequest, pages: Pages) -> Response[Any]:
    """Say that a password was saved a moment ago; else show who is signed in the form, and others the way to a link."""
    account = await signed_in_account(request, pages)
    flash = pages.cookies.read_flash(request.cookies)
    for reason, said in _END.items():
        if flash and flash.said == said:
            raise LinkDead(reason)
    if flash and flash.said == "outcome_unknown":
        raise OutcomeUnknown("a script was told where this is said")
    if flash and flash.said == "password_changed":
        return pages.page(request, "password_changed.html", account=account or flash, signed_in=account is not None)
    return show_change(request, pages, account) if account else pages.page(request, "no_link.html")


def _after_saving(pages: Pages, live: LiveLink) -> tuple[str, Cookie]:
    """Return where a saved password leads, and what is said there: on a sign-in page of ours, or on a page of its own.

    It is said in the brand and the language of the account.

    An app's own sign-in page would say nothing, unless the settings say that it reads the query.
    """
    site = pages.site
    here = site.paths.reset if site.sign_in_url else site.paths.sign_in
    flash = pages.cookies.set_flash(Flash("password_changed", live.kind, live.locale), here)
    if site.sign_in_url and site.leads_to_sign_in:
        address = urlsplit(site.sign_in_url)
        return address._replace(query="&".join(filter(None, (address.query, "password=changed")))).geturl(), flash
    return site.url(here), flash


def _keep_link_in_cookie(pages: Pages, token: str, email: str | None) -> Response[Any]:
    """Keep the link out of histories, referrers and pictures of the screen (ASVS 14.2.1): a cookie, a clean address."""
    return pages.redirect(pages.site.url(pages.site.paths.reset), pages.cookies.set_link(token, email))
