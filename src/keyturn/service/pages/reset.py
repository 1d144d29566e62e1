"""The page for a new password: with a link, or with the current password when signed in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, Response, post, route
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody

from keyturn.service import identifiers
from keyturn.service.accounts.port import Account
from keyturn.service.api.requests import READ, judgement_of
from keyturn.service.clock import now
from keyturn.service.pages.cookies import Flash, Said
from keyturn.service.pages.rendering import PageResponse, Visit
from keyturn.service.pages.second_step import ShownStep, StepForm, shown_step
from keyturn.service.problems import proofs
from keyturn.service.problems.passwords import OutcomeUnknown, PasswordRejected, Violation
from keyturn.service.reset.check import LinkOwner
from keyturn.service.reset.passwords.policy import Rule
from keyturn.service.settings.paths import OPEN_LINK

_DAY = timedelta(days=1)
"""If a link works for longer, the page shows a date with the time of its expiry."""


class NewPasswordForm(StepForm, frozen=True):
    """The submitted form.

    `email`: the address of the account whose password it changes.
    `current`: the current password, of a signed-in user.
    """

    email: str = ""
    current: str = ""
    password: str = ""
    again: str = ""


def password_form(
    visit: Visit,
    owner: Account,
    broken: Sequence[Violation] = (),
    *,
    mismatch: bool = False,
    rejected: bool = False,
    status: int = 200,
    step: ShownStep | None = None,
) -> PageResponse:
    """Return the form, with Keyturn's rules and those of the store that the password breaks.

    `rejected`: the current password was wrong.
    """
    rules = list(visit.container.policy.rules)
    own_rules = {rule.name for rule in rules}
    for violation in broken:
        if violation.rule not in own_rules:
            of_store = Rule(name=violation.rule, message=violation.message, limit=violation.limit)
            rules.append(of_store)
    until: datetime | None = None
    if isinstance(owner, LinkOwner):
        until = owner.expires_at
    return visit.page(
        "reset.html",
        status=status,
        account=owner,
        owner=owner,
        rules=rules,
        broken=[violation.rule for violation in broken],
        mismatch=mismatch,
        rejected=rejected,
        until=until,
        lasts_days=until is not None and until > now() + _DAY,
        step=step or ShownStep(),
    )


class LinkForm(msgspec.Struct, frozen=True):
    token: str = ""
    email: str = ""
    __repr__ = object.__repr__  # a traceback with its variables would show the token


class ResetPage(Controller):
    """Choose a new password, with a link or signed in."""

    @route("/{token:str}", http_method=READ)
    async def take_from_path(
        self, token: FromPath[str], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Take a link with its token at the end of the path."""
        return visit.take_link(visit.cookies.link, token)

    @post(OPEN_LINK)
    async def take_from_fragment(
        self, data: URLEncodedBody[LinkForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Take a link whose token is behind the "#" of the URL: a script has read it."""
        return visit.keep_link(visit.cookies.link, data.token, data.email)

    @route("/", http_method=READ)
    async def show(self, visit: NamedDependency[Visit]) -> PageResponse:
        """Take a link whose token is in the query, or show the form.

        The link is not used up (RFC 9110, 9.2.1; ASVS 3.5.3).
        """
        names = visit.site.paths
        query = visit.request.query_params
        if names.token in query:
            return visit.keep_link(visit.cookies.link, query[names.token], query.get(names.email))
        token, email = visit.cookies.opened_link(visit.request)
        if not token:
            return await _show_without_link(visit)
        live = await visit.container.checks.validate(token, visit.client, email)
        return password_form(visit, live)

    @post("/check", status_code=200)
    async def judge(
        self, data: URLEncodedBody[NewPasswordForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Check a password while it is typed, for the script. Raises LinkDead, TooManyRequests."""
        token, email = visit.cookies.opened_link(visit.request, data.email)
        judging = visit.container.checks.check_password_for_link(
            token, data.password, visit.client, email
        )
        return await judgement_of(judging, visit.language)

    @post("/code", status_code=200)
    async def send_code(
        self, data: URLEncodedBody[NewPasswordForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Send a code to the account's phone, if it has one.

        Raises LinkDead, TooManyRequests, Unavailable.
        """
        token, email = visit.cookies.opened_link(visit.request, data.email)
        checks = visit.container.checks
        client = visit.client
        sent = await checks.begin_second_step(token, "sms", client, email)
        if _is_script(visit):
            return Response({"sent": sent}, status_code=200 if sent else 422)
        live = await checks.validate(token, client, email)
        return password_form(visit, live, step=ShownStep(method="sms", sent=sent))

    @post("/")
    async def save(
        self, data: URLEncodedBody[NewPasswordForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Set the password, or show the form again with every mistake. The link survives that.

        The address in the form must be the link's, or the signed-in user's. Another tab may have
        opened another link in the meantime, or signed in as another user.
        """
        here = visit.site.url(visit.site.paths.reset)
        checks = visit.container.checks
        token, email = visit.cookies.opened_link(visit.request, data.email)
        live: LinkOwner | None = None
        owner: Account | None
        if token:
            live = await checks.validate(token, visit.client, email)
            owner = live
        else:
            owner = await visit.signed_in()
        if owner is None:
            return visit.redirect(here)
        if live is None and not identifiers.is_same_mailbox(data.email, owner.email):
            return visit.redirect(here)

        form = partial(password_form, visit, owner, status=422, step=ShownStep(method=data.method))
        try:
            if data.password != data.again:
                # The form shows the broken rules with the mistake, so that one try corrects both.
                await checks.check_password_for_owner(data.password, visit.client, owner.email)
                return form(mismatch=True)
            if live:
                return await _complete(visit, token, live, data)
            return await _change(visit, data)
        except proofs.CredentialsRejected:
            return form(rejected=True)
        except PasswordRejected as refused:
            return form(refused.violations, mismatch=data.password != data.again)
        except (proofs.SecondStepRequired, proofs.SecondStepRejected) as asked:
            step = shown_step(data.method, asked)
            if _is_script(visit):
                return _tell_script(visit, step)
            return form(step=step)
        except (proofs.LinkDead, OutcomeUnknown) as ended:
            if not _is_script(visit):
                raise
            said: Said = "outcome_unknown"
            if isinstance(ended, proofs.LinkDead):
                said = ended.reason
            return _tell_end(visit, owner, said)


async def _complete(
    visit: Visit, token: str, live: LinkOwner, data: NewPasswordForm
) -> PageResponse:
    cookies = visit.cookies
    sign_ins = visit.container.sign_ins
    account = await visit.container.resets.complete(
        token, data.password, visit.client, live.email, data.answer
    )
    url, flash = _after_saving(visit, live)
    issued = [cookies.link.expire(), cookies.link_request(visit.site.paths.forgot).expire(), flash]
    if sign_ins:
        issued.append(cookies.device.issue(sign_ins.device(account)))
    if _is_script(visit):
        return _tell_next(url, *issued)
    return visit.lead_on(
        url, *issued, template="password_changed.html", account=live, signed_in=False, return_to=url
    )


def _is_script(visit: Visit) -> bool:
    return visit.request.headers.get("accept") == "application/json"


def _tell_script(visit: Visit, step: ShownStep) -> PageResponse:
    """Answer a script. The status is 200, since browsers log others on the console as errors."""
    language = visit.language
    complaint = ""
    if step.tries_left is not None:
        complaint = proofs.SecondStepRejected((), step.tries_left).detail(language)
    elif step.missing:
        complaint = language.gettext("Enter a code.")
    return Response({"complaint": complaint, "sent": step.sent}, status_code=200)


def _tell_next(url: str, *cookies: Cookie) -> PageResponse:
    """Tell a script where to go: it cannot read a redirect to another site."""
    return Response({"next": url}, status_code=200, cookies=list(cookies))


def _tell_end(visit: Visit, owner: Account, said: Said) -> PageResponse:
    """Tell a script to load the page again, which then says why the link ended.

    If the script sent the form again, it would get another answer.
    """
    path = visit.site.paths.reset
    flash = visit.cookies.set_flash(Flash(said, owner.kind, owner.locale), path)
    return _tell_next(visit.site.url(path), visit.cookies.link.expire(), flash)


async def _show_without_link(visit: Visit) -> PageResponse:
    """Return the page without a link.

    It says what happened before, or shows the form to a signed-in user. Others are told how to get
    a link.
    """
    account = await visit.signed_in()
    match visit.cookies.read_flash(visit.request):
        case Flash(said="invalid" | "expired" | "used" | "second_step" as reason):
            raise proofs.LinkDead(reason)
        case Flash(said="outcome_unknown"):
            raise OutcomeUnknown("a script was sent to this page, which says so")
        case Flash(said="link_replaced", email=hint):
            return visit.page("link_replaced.html", email_hint=hint)
        case Flash(said="password_changed", return_to=back) as flash:
            return visit.page(
                "password_changed.html",
                account=account or flash,
                signed_in=account is not None,
                return_to=back,
            )
    if account:
        return password_form(visit, account)
    return visit.page("no_link.html")


def _after_saving(visit: Visit, live: LinkOwner) -> tuple[str, Cookie]:
    """Return the URL of the page after a saved password, and the cookie with its message.

    An app's sign-in page gets `password=changed` in the query instead.
    """
    site = visit.site
    # The hosted sign-in page shows the message itself, unless the user goes on elsewhere.
    path = site.paths.sign_in
    if site.sign_in_url or live.return_to:
        path = site.paths.reset
    message = Flash(
        "password_changed", live.kind, live.locale, email=live.email, return_to=live.return_to
    )
    flash = visit.cookies.set_flash(message, path)
    if visit.container.settings.after_reset == "sign_in":
        if live.return_to:
            return live.return_to, flash
        if site.sign_in_url:
            return _with_parameter(site.sign_in_url, "password=changed"), flash
    return site.url(path), flash


def _with_parameter(url: str, parameter: str) -> str:
    address = urlsplit(url)
    query = f"{address.query}&{parameter}" if address.query else parameter
    return address._replace(query=query).geturl()


async def _change(visit: Visit, data: NewPasswordForm) -> PageResponse:
    path = visit.site.paths.reset
    secret = visit.cookies.session.read(visit.request)
    fresh = await visit.sign_ins.change_password(secret, data.current, data.password, visit.client)
    flash = visit.cookies.set_flash(Flash("password_changed"), path)
    return visit.redirect(visit.site.url(path), visit.cookies.session.issue(fresh), flash)
