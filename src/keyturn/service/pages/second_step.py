"""The second step in the forms of the pages: the answer, and the outcome of the last try."""

from typing import cast, get_args

import msgspec

from keyturn.service.problems.proofs import CodeMethod, SecondStepRejected, SecondStepRequired
from keyturn.service.reset.ports import SecondStepCode

_LONGEST_CODE = 64


class StepForm(msgspec.Struct, frozen=True):
    method: str = ""
    code: str = ""
    __repr__ = object.__repr__  # a traceback with its variables would show passwords and codes

    @property
    def answer(self) -> SecondStepCode | None:
        """The answer to the second step; None without a method. A long code is cut: it is wrong."""
        if self.method not in get_args(CodeMethod):
            return None
        method = cast("CodeMethod", self.method)
        return SecondStepCode(method=method, code=self.code[:_LONGEST_CODE])


class ShownStep(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the last try.

    `missing`: the code was empty.
    `tries_left`: the code was wrong; None if it was not.
    `sent`: a code was sent to a phone.
    """

    method: str = ""
    missing: bool = False
    tries_left: int | None = None
    sent: bool = False

    @property
    def failed(self) -> bool:
        return self.missing or self.tries_left is not None


def shown_step(method: str, asked: SecondStepRequired | SecondStepRejected) -> ShownStep:
    if isinstance(asked, SecondStepRejected):
        return ShownStep(method=method, tries_left=asked.tries_left)
    return ShownStep(method=method, sent=bool(asked.sent), missing=not asked.sent)
