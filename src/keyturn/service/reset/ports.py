"""The ports of a reset: what a link's owner may need besides it, and the codes beside it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.one_time_secrets import Minted, OneTimeSecret
from keyturn.service.problems.proofs import CodeMethod, Factor
from keyturn.service.reset.stores import Transaction


class ResetCodes(Protocol):
    """Codes in mails. Each stands beside a link, for users who continue on another device."""

    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        """Return the addresses with too many wrong tries: a code would not work there."""

    def mint(self, account: Account, moment: datetime) -> Minted:
        """Return a fresh code, and the secret to store. It replaces the mailbox's earlier code."""

    def forget_failures(self, tx: Transaction, mailbox: bytes) -> None:
        """Forget the wrong tries at a mailbox, since its account has a new password.

        `mailbox`: the digest of the address.
        """


class SecondStepCode(Struct, frozen=True, kw_only=True):
    """Answers the second step; without `code` one is sent, where the method sends codes."""

    method: CodeMethod
    code: Annotated[str, Meta(max_length=64, examples=["492039"])] | None = None
    __repr__ = object.__repr__  # a traceback with its variables would show the code


class PassedStep(Protocol):
    """A right code. The change that it allows uses it up, and gives it back if the change fails."""

    def spend(self, tx: Transaction, moment: datetime) -> None:
        """Use the code up, in the transaction of the change.

        Raises SecondStepRejected if another request was faster.
        """

    def give_back(self, tx: Transaction, moment: datetime) -> None:
        """Let the code work again, since the change was undone."""

    def confirm(self, tx: Transaction) -> None:
        """Record that the step was passed, and reset the account's count of tries.

        It runs in the transaction that completes the change.
        """


class FurtherProof(ABC):
    """What an account needs besides a link or a password.

    `proofs/second_step/required_step.py` asks for a second factor.
    """

    @abstractmethod
    async def factors(self, link: OneTimeSecret | None, account: Account) -> Sequence[Factor]:
        """Return the factors that the holder of a working link, or of the password, is asked for.

        Raises Unavailable.
        """

    @abstractmethod
    async def require(
        self,
        link: OneTimeSecret | None,
        account: Account,
        answer: SecondStepCode | None,
        client: Client,
    ) -> PassedStep | None:
        """Return the code to use up; None if the account has no second factor.

        `link`: None at a sign-in.

        Raises SecondStepRequired, SecondStepRejected, LinkDead after the link's last try,
        TooManyRequests, Unavailable.
        """

    @abstractmethod
    def undo_recent(self, tx: Transaction, account: Account, client: Client) -> None:
        """Delete the recently added factors, which a reader of the account's mailbox may undo."""


class NoFurtherProof(FurtherProof):
    """Asks for nothing: a link or a password is enough."""

    async def factors(self, link: OneTimeSecret | None, account: Account) -> Sequence[Factor]:
        del link, account
        return ()

    async def require(
        self,
        link: OneTimeSecret | None,
        account: Account,
        answer: SecondStepCode | None,
        client: Client,
    ) -> None:
        del link, account, answer, client

    def undo_recent(self, tx: Transaction, account: Account, client: Client) -> None:
        """There is nothing to undo."""
