"""The form for a new password, which somebody with a link fills in, and somebody who is signed in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast, get_args

import msgspec
from litestar import Response

from keyturn.accounts.port import Account
from keyturn.api.requests import AnyRequest
from keyturn.database import now
from keyturn.pages.rendering import Pages
from keyturn.problems.passwords import Violation
from keyturn.reset.passwords.policy import Rule
from keyturn.reset.proofs.second_step.port import Method
from keyturn.reset.proofs.second_step.required import SecondStepAnswer
from keyturn.reset.request import LiveLink

_LONGEST_CODE = 64

_DAY = timedelta(days=1)
"""Of what ends later than that a time alone would not say which day."""


class NewPasswordForm(msgspec.Struct, frozen=True):
    """What the form sends; `email` is whose password it says it changes, `current` the one that is still known.

    `method` and `code` answer the second step, where there is one.
    """

    email: str = ""
    current: str = ""
    password: str = ""
    again: str = ""
    method: str = ""
    code: str = ""

    @property
    def answer(self) -> SecondStepAnswer | None:
        """What is sent for the second step; longer than a code it is none, and stays wrong."""
        if self.method not in get_args(Method):
            return None
        return SecondStepAnswer(method=cast("Method", self.method), code=self.code[:_LONGEST_CODE])


class ShownStep(msgspec.Struct, frozen=True, kw_only=True):
    """What the second step says of the last try: its method, and what came of it.

    A code was `missing`, or wrong where there are `tries_left`, or was `sent` to a phone; `unsent` says that none was,
    and `wait` how long none will be, where that is known.
    """

    method: str = ""
    missing: bool = False
    tries_left: int | None = None
    sent: bool = False
    wait: timedelta | None = None
    unsent: bool = False

    @property
    def failed(self) -> bool:
        return self.missing or self.tries_left is not None


def password_form(
    pages: Pages,
    request: AnyRequest,
    owner: LiveLink | Account,
    broken: Sequence[Violation] = (),
    *,
    mismatch: bool = False,
    rejected: bool = False,
    status: int = 200,
    step: ShownStep | None = None,
) -> Response[Any]:
    """Return the form, under the rules that are known and those besides that a store of accounts has refused by.

    Who comes with an account, and no link, is asked for the current password; `rejected` says that it was wrong.
    """
    known = pages.site.policy.rules
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
