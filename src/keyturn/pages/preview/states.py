"""Every state of every hosted page, with the values of its template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any, get_args

import msgspec

from keyturn.accounts.port import Account
from keyturn.pages.cookies import LinkRequest
from keyturn.pages.refusals import refusal_values
from keyturn.pages.reset import ShownStep
from keyturn.pages.site import ShownChallenge, TemplateSite
from keyturn.problems.passwords import OutcomeUnknown, ResetRefused
from keyturn.problems.problem import Internal, Problem
from keyturn.problems.proofs import Challenge, ChallengeFlaw, ChallengeMethod, Factor, flaw_text
from keyturn.problems.requests import Busy, TooManyRequests
from keyturn.reset.check import LiveLink
from keyturn.reset.passwords.policy import Rule

_EMAIL = "ada@northwind.example"
_WAIT = timedelta(seconds=47)
_INVITED = timedelta(days=3)
_MUTED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class StateSample:
    """The data that the values of a state are made from. `kind`: that of the account."""

    site: TemplateSite
    rules: Sequence[Rule]
    now: datetime
    kind: str = ""

    @property
    def account(self) -> Account:
        return Account(id="1", email=_EMAIL, name="Ada", kind=self.kind)

    def link(self, life: timedelta, *, awaits_password: bool = False) -> LiveLink:
        return LiveLink(email=_EMAIL, expires_at=self.now + life, kind=self.kind, awaits_password=awaits_password)


@dataclass(frozen=True, slots=True)
class PageState:
    """A page in a state. `name`: its part of an address. `label`: its title."""

    name: str
    label: str
    template: str
    values: Callable[[StateSample], Mapping[str, Any]]


def _form(sample: StateSample, owner: LiveLink | Account, **changes: Any) -> dict[str, Any]:
    until = owner.expires_at if isinstance(owner, LiveLink) else None
    values = {"owner": owner, "account": owner, "rules": sample.rules, "until": until, "lasts_days": False}
    return values | {"broken": (), "mismatch": False, "rejected": False, "step": ShownStep()} | changes


def _new_password(**changes: Any) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: _form(sample, sample.link(sample.site.link_life), **changes)


def _form_with_refusal(sample: StateSample) -> dict[str, Any]:
    return _form(sample, sample.link(sample.site.link_life), broken=_broken_rules(sample))


def _broken_rules(sample: StateSample) -> list[str]:
    return [rule.name for rule in sample.rules if rule.name != "max_bytes"][:2]


def _change(**changes: Any) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: _form(sample, sample.account, **changes)


def _invitation(sample: StateSample, **changes: Any) -> dict[str, Any]:
    return _form(sample, sample.link(_INVITED, awaits_password=True), lasts_days=True, **changes)


def _dead(reason: str) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: {"reason": reason, "lifetime": sample.site.link_life}


def _forgot(email: str, *, malformed: bool) -> Callable[[StateSample], dict[str, Any]]:
    """Leave the challenge out: it comes from an external service, or needs a running one."""
    return lambda _: {"email": email, "malformed": malformed, "asked": None, "flaw": None}


def _link_request(wait: timedelta) -> Callable[[StateSample], dict[str, Any]]:
    return lambda _: {"link_request": LinkRequest(_EMAIL, wait)}


def _link_request_with_code(sample: StateSample) -> dict[str, Any]:
    return {**_link_request(_WAIT)(sample), "site": replace(sample.site, codes=sample.site.codes or object())}


def _password_changed(*, signed_in: bool) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: {"account": sample.account, "signed_in": signed_in}


def _mute(*, is_ended_here: bool) -> Callable[[StateSample], dict[str, Any]]:
    return lambda _: {"email": _EMAIL, "period": _MUTED, "is_ended_here": is_ended_here}


def _mailbox_muted(*, is_ended_here: bool) -> Callable[[StateSample], dict[str, Any]]:
    return lambda _: {"period": _MUTED, "is_ended_here": is_ended_here}


def _sign_in(**changes: Any) -> Callable[[StateSample], dict[str, Any]]:
    return lambda _: {"email": "", "next": "", "rejected": False, "flash": None} | changes


def _settings(*, has_asked: bool, wait: timedelta) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: {"account": sample.account, "has_asked": has_asked, "wait": wait}


def _refusal(**values: Any) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: {"back": sample.site.forgot, **values}


def _problem(problem: Problem) -> Callable[[StateSample], dict[str, Any]]:
    return _refusal(**refusal_values(problem))


_APP, _PHONE, _RECOVERY = Factor("totp"), Factor("sms", "…23"), Factor("recovery_code")


def _second_step(
    step: ShownStep, factors: tuple[Factor, ...] = (_APP, _PHONE, _RECOVERY)
) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: _form(
        sample, msgspec.structs.replace(sample.link(sample.site.link_life), factors=factors), step=step
    )


def _asked_by_operator(sample: StateSample) -> dict[str, Any]:
    reason = "Somebody read a copy of our database. Passwords in it are hashed; choose a new one all the same."
    return _form(sample, msgspec.structs.replace(sample.link(_INVITED), reason=reason), lasts_days=True)


_NOTHING = timedelta(0)


def _code(fault: str = "") -> Callable[[StateSample], dict[str, Any]]:
    return lambda _: {"email": _EMAIL, "fault": fault}


STATES = (
    PageState("forgot", "Forgot password", "forgot.html", _forgot("", malformed=False)),
    PageState("forgot-error", "Forgot password, no address", "forgot.html", _forgot("ada@", malformed=True)),
    PageState("sent", "Check your email, cooldown", "check_mail.html", _link_request(_WAIT)),
    PageState("sent-again", "Check your email, may ask again", "check_mail.html", _link_request(_NOTHING)),
    PageState("sent-code", "Check your email, with a code", "check_mail.html", _link_request_with_code),
    PageState("code", "Code from the email", "code.html", _code()),
    PageState("code-malformed", "Code from the email, too short", "code.html", _code("malformed_code")),
    PageState("code-refused", "Code from the email, refused", "code.html", _code("refused")),
    PageState("reset", "New password", "reset.html", _new_password()),
    PageState("reset-refused", "New password, rules not met", "reset.html", _form_with_refusal),
    PageState("reset-mismatch", "New password, not the same", "reset.html", _new_password(mismatch=True)),
    PageState("second-step", "New password, second step", "reset.html", _second_step(ShownStep())),
    PageState("second-step-wrong", "New password, wrong code", "reset.html",
              _second_step(ShownStep(method="totp", tries_left=2))),
    PageState("second-step-missing", "New password, no code", "reset.html",
              _second_step(ShownStep(method="totp", missing=True), (_APP,))),
    PageState("second-step-sent", "New password, code sent to a phone", "reset.html",
              _second_step(ShownStep(method="sms", sent=True), (_PHONE,))),
    PageState("second-step-impossible", "New password, second step that cannot be checked", "reset.html",
              _second_step(ShownStep(), (Factor("other"),))),
    PageState("second-step-unsent", "New password, no code sent", "reset.html",
              _second_step(ShownStep(method="sms", unsent=True))),
    PageState("second-step-wait", "New password, no code so soon", "reset.html",
              _second_step(ShownStep(method="sms", wait=_WAIT))),
    PageState("invitation", "First password, invited", "reset.html", _invitation),
    PageState("invitation-refused", "First password, rules not met", "reset.html",
              lambda sample: _invitation(sample, broken=_broken_rules(sample))),
    PageState("asked", "New password, asked by an operator", "reset.html", _asked_by_operator),
    PageState("change", "Change password", "reset.html", _change()),
    PageState("change-rejected", "Change password, wrong current one", "reset.html", _change(rejected=True)),
    PageState("changed", "Password changed", "password_changed.html", _password_changed(signed_in=False)),
    PageState("changed-signed-in", "Password changed, signed in", "password_changed.html",
              _password_changed(signed_in=True)),
    PageState("link-invalid", "Link, invalid", "dead_link.html", _dead("invalid")),
    PageState("link-expired", "Link, expired", "dead_link.html", _dead("expired")),
    PageState("link-used", "Link, used", "dead_link.html", _dead("used")),
    PageState("link-wrong-codes", "Link, too many wrong codes", "dead_link.html", _dead("second_step")),
    PageState("secure", "This was not me", "secure_account.html", lambda _: {"email": _EMAIL, "locks": False}),
    PageState("secure-locks", "This was not me, locks", "secure_account.html",
              lambda _: {"email": _EMAIL, "locks": True}),
    PageState("secured", "Account secured", "account_secured.html", lambda _: {}),
    PageState("mute", "Stop password emails", "mute_mailbox.html", _mute(is_ended_here=True)),
    PageState("mute-elsewhere", "Stop password emails, sign-in elsewhere", "mute_mailbox.html",
              _mute(is_ended_here=False)),
    PageState("muted", "Password emails stopped", "mailbox_muted.html", _mailbox_muted(is_ended_here=True)),
    PageState("muted-elsewhere", "Password emails stopped, sign-in elsewhere", "mailbox_muted.html",
              _mailbox_muted(is_ended_here=False)),
    PageState("security-link-dead", "Link to secure or stop, dead", "dead_security_link.html", lambda _: {}),
    PageState("no-link", "No link", "no_link.html", lambda _: {}),
    PageState("sign-in", "Sign in", "sign_in.html", _sign_in()),
    PageState("sign-in-rejected", "Sign in, rejected", "sign_in.html", _sign_in(email=_EMAIL, rejected=True)),
    PageState("sign-in-changed", "Sign in, after a change", "sign_in.html",
              _sign_in(email=_EMAIL, flash="password_changed")),
    PageState("signed-out", "Sign in, signed out", "sign_in.html", _sign_in(flash="signed_out")),
    PageState("settings", "Security settings", "security_settings.html", _settings(has_asked=False, wait=_NOTHING)),
    PageState("settings-sent", "Security settings, sent", "security_settings.html",
              _settings(has_asked=True, wait=_WAIT)),
    PageState("settings-wait", "Security settings, sent a moment ago", "security_settings.html",
              _settings(has_asked=False, wait=_WAIT)),
    PageState("too-many", "Refusal, too many requests", "refusal.html", _problem(TooManyRequests(47))),
    PageState("busy", "Refusal, busy", "refusal.html", _problem(Busy(47))),
    PageState("unknown", "Refusal, outcome unknown", "refusal.html", _problem(OutcomeUnknown())),
    PageState("refused", "Refusal, the app's own", "refusal.html",
              _problem(ResetRefused("Your account is being examined. Please call us."))),
    PageState("stale", "Refusal, form out of date", "refusal.html", _refusal(reason="stale_form")),
    PageState("unreadable", "Refusal, unreadable", "refusal.html", _refusal(reason="unreadable")),
    PageState("too-large", "Refusal, too large", "refusal.html", _refusal(reason="too_large")),
    PageState("missing", "Nothing here", "refusal.html", _refusal(reason="missing")),
    PageState("failed", "Something went wrong", "refusal.html", _problem(Internal())),
)  # fmt: skip
"""In the order in which users meet them. Other pages lead to the first state of a page."""


_KEY = "a-site-key"


def _challenged(
    method: ChallengeMethod, flaw: ChallengeFlaw | None, *, takes_without_script: bool
) -> Callable[[StateSample], Mapping[str, Any]]:
    asked = Challenge(method, _KEY, "request")
    challenge = ShownChallenge(asked, takes_without_script)
    return lambda sample: {
        "email": "ada@northwind.example",
        "malformed": False,
        "asked": asked,
        "flaw": flaw,
        "flaw_text": flaw_text,
        "site": replace(sample.site, challenge=challenge),
    }


_FLAWS: Sequence[tuple[ChallengeFlaw | None, bool]] = ((None, True), ("missing", True), ("refused", False))
"""What is wrong with an answer, and whether the form accepts browsers without scripts."""

CHALLENGE_STATES = tuple(
    PageState(
        f"forgot-{method}-{flaw}",
        f"Forgot password, {method}",
        "forgot.html",
        _challenged(method, flaw, takes_without_script=takes_without_script),
    )
    for method, (flaw, takes_without_script) in product(get_args(ChallengeMethod), _FLAWS)
)
