"""The ports of a reset: what a link's owner may need besides it, and the codes beside it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.one_time_secrets import OneTimeSecret
from keyturn.service.problems.proofs import CodeMethod, Factor
from keyturn.service.reset.stores import Transaction


class ResetCodes(Protocol):
    """Codes in mails, each in place of its link on another device."""

    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        """Return the addresses with too many wrong tries, where a code would no longer work."""

    def mint(self, account: Account, moment: datetime) -> tuple[str, OneTimeSecret]:
        """Return a fresh code, and what is stored of it in place of the mailbox's earlier code."""

    def forget_failures(self, tx: Transaction, mailbox: bytes) -> None:
        """Forget the wrong tries at a mailbox, by its digest: its account has a new password."""


class SecondStepCode(Struct, frozen=True, kw_only=True):
    """Answers the second step; without `code` one is sent, where the method sends codes."""

    method: CodeMethod
    code: Annotated[str, Meta(max_length=64, examples=["492039"])] | None = None
    __repr__ = object.__repr__  # a traceback with its variables would show the code


class PassedStep(Protocol):
    """A right code: the change that it allows uses it up, and gives it back if the change fails."""

    def spend(self, tx: Transaction, moment: datetime) -> None:
        """Use the code up in the change's transaction.

        Raises SecondStepRejected if another request was quicker.
        """

    def give_back(self, tx: Transaction, moment: datetime) -> None:
        """Let the code work again: the change is undone."""

    def confirm(self, tx: Transaction) -> None:
        """Record that the step was passed and reset the account's count, in the transaction that
        ends the change.
        """


class SecondProof:
    """What an account needs besides a link or a password: nothing, as here, or a second factor
    (`second_step/`).
    """

    async def factors(self, link: OneTimeSecret | None, account: Account) -> Sequence[Factor]:
        """Return the factors that the holder of a live link, or of the password, is asked for.

        Raises Unavailable.
        """
        del link, account
        return ()

    async def require(
        self,
        link: OneTimeSecret | None,
        account: Account,
        answer: SecondStepCode | None,
        client: Client,
    ) -> PassedStep | None:
        """Return the code to spend; None if the account has no second factor.

        Raises SecondStepRequired, SecondStepRejected, LinkDead after the last try, TooManyRequests,
        Unavailable.
        """
        del link, account, answer, client
        return None

    def undo_recent(self, tx: Transaction, account: Account, client: Client) -> None:
        """Delete the additions that a reader of the account's mailbox may undo."""
