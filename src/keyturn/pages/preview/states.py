"""Every state of every hosted page, with the values of its template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any, get_args

import msgspec
from msgspec import Struct

from keyturn.accounts.port import Account
from keyturn.pages.app_links import OfferedApp
from keyturn.pages.cookies import LinkRequest
from keyturn.pages.refusals import WITHOUT_REFERENCE, refusal_values
from keyturn.pages.second_step import ShownStep
from keyturn.pages.site import ShownChallenge, TemplateSite
from keyturn.problems.passwords import OutcomeUnknown, ResetRefused
from keyturn.problems.problem import Internal, Problem
from keyturn.problems.proofs import Challenge, ChallengeFlaw, ChallengeMethod, Factor, flaw_text
from keyturn.problems.requests import Busy, TooManyRequests
from keyturn.reset.check import LiveLink
from keyturn.reset.passwords.policy import Rule
from keyturn.settings import IdentityProvider

_EMAIL = "ada@northwind.example"
_HINT = "a***@northwind.example"
_WAIT = timedelta(seconds=47)
_INVITED = timedelta(days=3)


class StateSample(Struct, frozen=True):
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


class PageState(Struct, frozen=True):
    """A page in a state. `name`: its part of an address. `label`: its title."""

    name: str
    label: str
    template: str
    values: Callable[[StateSample], Mapping[str, Any]]


def _values(**values: Any) -> Callable[[StateSample], dict[str, Any]]:
    return lambda _: values


def _of_account(**values: Any) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: {"account": sample.account, **values}


def _form(sample: StateSample, owner: LiveLink | Account, **changes: Any) -> dict[str, Any]:
    until = owner.expires_at if isinstance(owner, LiveLink) else None
    values = {"owner": owner, "account": owner, "rules": sample.rules, "until": until, "lasts_days": False}
    return values | {"broken": (), "mismatch": False, "rejected": False, "step": ShownStep(), "app": None} | changes


_OFFERED = OfferedApp(
    link="https://open.example.org/reset-password/token",
    banner="app-id=1234567890, app-argument=https://open.example.org/reset-password/token",
)


def _new_password(**changes: Any) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: _form(sample, sample.link(sample.site.link_life), **changes)


def _broken_rules(sample: StateSample) -> list[str]:
    return [rule.name for rule in sample.rules if rule.name != "max_bytes"][:2]


def _change(**changes: Any) -> Callable[[StateSample], dict[str, Any]]:
    return lambda sample: _form(sample, sample.account, **changes)


def _invitation(sample: StateSample, **changes: Any) -> dict[str, Any]:
    return _form(sample, sample.link(_INVITED, awaits_password=True), lasts_days=True, **changes)


def _dead(reason: str) -> Callable[[StateSample], dict[str, Any]]:
    hint = _HINT if reason == "expired" else ""
    values = {"reason": reason, "email_hint": hint, "asked": None, "flaw": None}
    return lambda sample: {"lifetime": sample.site.link_life, **values}


def _forgot(email: str, *, malformed: bool) -> Callable[[StateSample], dict[str, Any]]:
    """Leave the challenge out: it comes from an external service, or needs a running one."""
    return _values(email=email, malformed=malformed, return_to="", asked=None, flaw=None)


def _link_request(wait: timedelta, email: str = _EMAIL) -> Callable[[StateSample], dict[str, Any]]:
    return _values(link_request=LinkRequest(email, wait))


def _forgot_name(sample: StateSample) -> dict[str, Any]:
    values = {**_forgot("ada@", malformed=True)(sample), "return_to": "https://app.example.org/welcome"}
    return {**values, "site": replace(sample.site, takes_names=True)}


def _name_request(sample: StateSample) -> dict[str, Any]:
    return {**_link_request(_WAIT, "ada")(sample), "site": replace(sample.site, takes_names=True)}


def _link_request_with_code(sample: StateSample) -> dict[str, Any]:
    return {**_link_request(_WAIT)(sample), "site": replace(sample.site, codes=True)}


def _changed(**changes: Any) -> Callable[[StateSample], dict[str, Any]]:
    return _of_account(**{"signed_in": False, "return_to": ""} | changes)


def _sign_in(**changes: Any) -> Callable[[StateSample], dict[str, Any]]:
    values = {"email": "", "next": "", "rejected": False, "flash": None, "factors": (), "step": ShownStep()}
    return _values(**values | changes)


def _settings(**changes: Any) -> Callable[[StateSample], dict[str, Any]]:
    def values(sample: StateSample) -> dict[str, Any]:
        general = {"account": sample.account, "here": "/security-settings"}
        return {"has_asked": False, "wait": _NOTHING, **general, **changes}

    return values


def _sign_in_with_provider(sample: StateSample) -> dict[str, Any]:
    provider = IdentityProvider(name="Google", url="https://app.northwind.example/sign-in/google")
    return {**_sign_in()(sample), "site": replace(sample.site, identity_provider=provider)}


def _refusal(**values: Any) -> Callable[[StateSample], dict[str, Any]]:
    reference = "" if values["reason"] in WITHOUT_REFERENCE else "3f2a9c0d5e7b4186a1c2d3e4f5061728"
    return lambda sample: {"back": sample.site.forgot, "reference": reference, **values}


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
    reason = "An attacker copied our database. Its passwords are hashed, but please choose a new one."
    return _form(sample, msgspec.structs.replace(sample.link(_INVITED), reason=reason), lasts_days=True)


_NOTHING = timedelta(0)


STATES = (
    PageState("forgot", "Forgot password", "forgot.html", _forgot("", malformed=False)),
    PageState("forgot-error", "Forgot password, no address", "forgot.html", _forgot("ada@", malformed=True)),
    PageState("sent", "Check your email, cooldown", "check_mail.html", _link_request(_WAIT)),
    PageState("sent-again", "Check your email, may ask again", "check_mail.html", _link_request(_NOTHING)),
    PageState("sent-inbox", "Check your email, at a known service", "check_mail.html",
              _link_request(_NOTHING, "ada@gmail.com")),
    PageState("sent-typo", "Check your email, perhaps mistyped", "check_mail.html",
              _link_request(_WAIT, "ada@gmial.com")),
    PageState("forgot-name", "Forgot password, with user names", "forgot.html", _forgot_name),
    PageState("sent-name", "Check your email, with user names", "check_mail.html", _name_request),
    PageState("sent-code", "Check your email, with a code", "check_mail.html", _link_request_with_code),
    PageState("code", "Code from the email", "code.html", _values(email=_EMAIL, fault="")),
    PageState("code-malformed", "Code from the email, too short", "code.html",
              _values(email=_EMAIL, fault="malformed_code")),
    PageState("code-refused", "Code from the email, refused", "code.html", _values(email=_EMAIL, fault="refused")),
    PageState("reset", "New password", "reset.html", _new_password()),
    PageState("reset-refused", "New password, rules not met", "reset.html",
              lambda sample: _new_password(broken=_broken_rules(sample))(sample)),
    PageState("reset-mismatch", "New password, not the same", "reset.html", _new_password(mismatch=True)),
    PageState("reset-app", "New password, on a phone with an app", "reset.html", _new_password(app=_OFFERED)),
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
    PageState("changed", "Password changed", "password_changed.html",
              _changed()),
    PageState("changed-return", "Password changed, back to the app", "password_changed.html",
              _changed(return_to="https://app.example.org/welcome")),
    PageState("changed-signed-in", "Password changed, signed in", "password_changed.html",
              _changed(signed_in=True)),
    PageState("link-invalid", "Link, invalid", "dead_link.html", _dead("invalid")),
    PageState("link-expired", "Link, expired", "dead_link.html", _dead("expired")),
    PageState("link-replaced", "Link, replaced", "link_replaced.html", _values(email_hint=_HINT)),
    PageState("link-used", "Link, used", "dead_link.html", _dead("used")),
    PageState("link-wrong-codes", "Link, too many wrong codes", "dead_link.html", _dead("second_step")),
    PageState("secure", "This was not me", "secure_account.html", _values(email=_EMAIL, locks=False)),
    PageState("secure-locks", "This was not me, locks", "secure_account.html",
              _values(email=_EMAIL, locks=True)),
    PageState("secured", "Account secured", "account_secured.html", _values()),
    PageState("security-link-dead", "Link to secure the account, dead", "dead_security_link.html", _values()),
    PageState("no-link", "No link", "no_link.html", _values()),
    PageState("sign-in", "Sign in", "sign_in.html", _sign_in()),
    PageState("sign-in-rejected", "Sign in, rejected", "sign_in.html", _sign_in(email=_EMAIL, rejected=True)),
    PageState("sign-in-changed", "Sign in, after a change", "sign_in.html",
              _sign_in(email=_EMAIL, flash="password_changed")),
    PageState("signed-out", "Sign in, signed out", "sign_in.html", _sign_in(flash="signed_out")),
    PageState("sign-in-step", "Sign in, second step", "sign_in.html",
              _sign_in(email=_EMAIL, factors=(_APP, _PHONE, _RECOVERY))),
    PageState("sign-in-step-wrong", "Sign in, wrong code", "sign_in.html",
              _sign_in(email=_EMAIL, factors=(_APP,), step=ShownStep(method="totp", tries_left=19))),
    PageState("sign-in-step-sent", "Sign in, code sent to a phone", "sign_in.html",
              _sign_in(email=_EMAIL, factors=(_PHONE,), step=ShownStep(method="sms", sent=True))),
    PageState("sign-in-step-impossible", "Sign in, second step that cannot be checked", "sign_in.html",
              _sign_in(email=_EMAIL, factors=(Factor("other"),))),
    PageState("sign-in-provider", "Sign in, or continue with a provider", "sign_in.html", _sign_in_with_provider),
    PageState("settings", "Security settings", "security_settings.html", _settings()),
    PageState("settings-sent", "Security settings, sent", "security_settings.html",
              _settings(has_asked=True, wait=_WAIT)),
    PageState("settings-wait", "Security settings, sent a moment ago", "security_settings.html", _settings(wait=_WAIT)),
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


_Values = Callable[[StateSample], Mapping[str, Any]]


def _challenged(
    values: _Values, method: ChallengeMethod, flaw: ChallengeFlaw | None, *, takes_without_script: bool
) -> _Values:
    asked = Challenge(method, _KEY, "request")
    challenge = ShownChallenge(asked, takes_without_script)
    return lambda sample: {
        **values(sample),
        "asked": asked,
        "flaw": flaw,
        "flaw_text": flaw_text,
        "site": replace(sample.site, challenge=challenge),
    }


_FLAWS: Sequence[tuple[ChallengeFlaw | None, bool]] = ((None, True), ("missing", True), ("refused", False))
"""What is wrong with an answer, and whether the form accepts browsers without scripts."""

_CHALLENGED: Sequence[tuple[str, str, str, _Values]] = (
    ("forgot", "Forgot password", "forgot.html", _forgot(_EMAIL, malformed=False)),
    ("link-expired", "Link, expired", "dead_link.html", _dead("expired")),
)

CHALLENGE_STATES = tuple(
    PageState(
        f"{name}-{method}-{flaw}",
        f"{label}, {method}",
        template,
        _challenged(values, method, flaw, takes_without_script=takes_without_script),
    )
    for name, label, template, values in _CHALLENGED
    for method, (flaw, takes_without_script) in product(get_args(ChallengeMethod), _FLAWS)
)
