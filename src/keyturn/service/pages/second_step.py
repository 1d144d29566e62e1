"""The second step on a form of the pages: the answer, and the outcome of the last try."""

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
        """The answer to the second step. A code that is too long is cut, and stays wrong."""
        if self.method not in get_args(CodeMethod):
            return None
        return SecondStepCode(
            method=cast("CodeMethod", self.method), code=self.code[:_LONGEST_CODE]
        )


class ShownStep(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the last try: the code was empty, or wrong with some tries left, or one was
    sent to a phone.
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
