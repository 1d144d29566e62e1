"""Every state of every hosted page: `states.toml`, made into the values of its template."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import product
from typing import Any, get_args

import msgspec
from msgspec import Struct

from keyturn.service.accounts.port import Account
from keyturn.service.pages.cookies import LinkRequest
from keyturn.service.pages.refusals import WITHOUT_REFERENCE, refusal_values
from keyturn.service.pages.second_step import ShownStep
from keyturn.service.pages.site import Site
from keyturn.service.problems.passwords import OutcomeUnknown, ResetRefused
from keyturn.service.problems.problem import Internal, Problem
from keyturn.service.problems.proofs import Challenge, ChallengeMethod, Factor, flaw_text
from keyturn.service.problems.requests import Busy, TooManyRequests
from keyturn.service.reset.check import LiveLink
from keyturn.service.reset.passwords.policy import Rule

_EMAIL = "ada@northwind.example"
_REFERENCE = "3f2a9c0d5e7b4186a1c2d3e4f5061728"
_PROBLEMS: Mapping[str, Problem] = {
    type(one).__name__: one
    for one in (
        TooManyRequests(47),
        Busy(47),
        OutcomeUnknown(),
        ResetRefused("Your account is being examined. Please call us."),
        Internal(),
    )
}


class StateSample(Struct, frozen=True):
    """The data that the values of a state are made from. `kind`: that of the account."""

    site: Site
    rules: Sequence[Rule]
    now: datetime
    kind: str = ""


class PageState(Struct, frozen=True):
    """A page in a state. `name`: its part of an address. `label`: its title. `given`: its values in the file."""

    name: str
    label: str
    template: str
    given: Mapping[str, Any]

    def values(self, sample: StateSample) -> Mapping[str, Any]:
        """Return the values of the template."""
        values = {name: _MADE[name](one, sample) if name in _MADE else one for name, one in self.given.items()}
        if "owner" in values:  # a form for a new password
            owner = values["owner"]
            until = owner.expires_at if isinstance(owner, LiveLink) else None
            values |= {"account": owner, "rules": sample.rules, "until": until}
        if "problem" in values:
            values |= refusal_values(values["problem"])
        if self.template == "refusal.html":
            shown = "" if values["reason"] in WITHOUT_REFERENCE else _REFERENCE
            values |= {"back": sample.site.forgot, "reference": shown}
        return values


def _account(sample: StateSample) -> Account:
    return Account(id="1", email=_EMAIL, name="Ada", kind=sample.kind)


def _owner(given: Any, sample: StateSample) -> Account:
    if given == "account":
        return _account(sample)
    life = msgspec.convert(given.get("works_for", sample.site.link_life), timedelta)
    fields = {name: one for name, one in given.items() if name != "works_for"}
    fields |= {"id": "1", "email": _EMAIL, "expires_at": sample.now + life, "kind": sample.kind}
    return msgspec.convert(fields, LiveLink)


def _site(given: Any, sample: StateSample) -> Site:
    return replace(sample.site, **given)


def _converted(kind: Any) -> Callable[[Any, StateSample], Any]:
    return lambda given, _: msgspec.convert(given, kind)


_MADE: Mapping[str, Callable[[Any, StateSample], Any]] = {
    "account": lambda _, sample: _account(sample),
    "asked": lambda given, _: Challenge(given, "a-site-key", "request") if given else None,
    "broken": lambda given, sample: [one.name for one in sample.rules if one.name != "max_bytes"][:2] if given else (),
    "factors": _converted(tuple[Factor, ...]),
    "flash": lambda given, _: given or None,
    "flaw": lambda given, _: given or None,
    "lifetime": lambda _, sample: sample.site.link_life,
    "link_request": _converted(LinkRequest),
    "owner": _owner,
    "problem": lambda given, _: _PROBLEMS[given],
    "site": _site,
    "step": _converted(ShownStep),
    "wait": _converted(timedelta),
}
"""What the values of some names are made from."""


_FILE = tomllib.loads(files(__package__).joinpath("states.toml").read_text("utf-8"))


def _state(name: str, given: Mapping[str, Any]) -> PageState:
    values = {**_FILE["defaults"].get(given["template"], {}), **given}
    return PageState(name, values.pop("label"), values.pop("template"), values)


STATES = tuple(_state(name, given) for name, given in _FILE["states"].items())
"""In the order in which users meet them. Other pages lead to the first state of a page."""


def _challenged(state: PageState, method: str, flaw: str) -> PageState:
    challenge = Challenge(method, "a-site-key", "request")  # type: ignore[arg-type]
    shown = {"asked": method, "flaw": flaw, "flaw_text": flaw_text, "site": {"challenge": challenge}}
    return PageState(
        f"{state.name}-{method}-{flaw}", f"{state.label}, {method}", state.template, {**state.given, **shown}
    )


_FLAWS = ("", "missing", "refused")
"""What is wrong with an answer."""

CHALLENGE_STATES = tuple(
    _challenged(state, method, flaw)
    for state in STATES
    if state.name in {"forgot", "link-expired"}
    for method, flaw in product(get_args(ChallengeMethod), _FLAWS)
)
