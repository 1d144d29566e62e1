"""The port of the reset to its proofs: what it asks of them, and how clients answer. `parts` connects their rooms."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from keyturn.service.accounts.port import Account
from keyturn.service.problems.proofs import CodeMethod, Factor
from keyturn.service.reset.ground import Transaction
from keyturn.service.reset.records.client import Client
from keyturn.service.secrets import Secret

RequireAnswer = Callable[[Client, str], Awaitable[None]]
"""Returns if a request may go on with this answer, as a widget wrote it. Raises ChallengeRequired, ChallengeUnready,
TooManyRequests, Busy."""


class CodesBesideLinks(ABC):
    """Codes in mails, each in place of its link on another device."""

    @abstractmethod
    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        """Return the addresses with too many wrong tries, where a code would no longer work."""

    @abstractmethod
    def mint(self, account: Account, moment: datetime) -> tuple[str, Secret]:
        """Return a fresh code, and what is stored of it in place of the mailbox's earlier code."""

    @abstractmethod
    def forget_failures(self, tx: Transaction, mailbox: bytes) -> None:
        """Forget the wrong tries at a mailbox, by its digest: its account has a new password."""


class SecondStepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The second step that came with a password: a code and its method. `code` is "" to request a code."""

    method: CodeMethod
    code: str = ""


class PassedStep(NamedTuple):
    """A right code: the change that it allows uses it up, and gives it back if the change fails.

    `spend`: uses the code up in the change's transaction. Raises SecondStepRejected if another request was quicker.
    `give_back`: undoes `spend`, which was committed at that moment: the change that it allowed failed.
    `confirm`: records that the step was passed and resets the account's count, in the transaction that ends the change.
    """

    spend: Callable[[Transaction, datetime], None]
    give_back: Callable[[Transaction, datetime], None]
    confirm: Callable[[Transaction], None]


class RequiredStep(ABC):
    """What a reset or a sign-in needs besides a link or a password."""

    @abstractmethod
    async def factors(self, link: Secret | None, account: Account) -> Sequence[Factor]:
        """Return the factors that the holder of a live link, or of the password, is asked for. Raises Unavailable."""

    @abstractmethod
    async def require(
        self, link: Secret | None, account: Account, answer: SecondStepAnswer | None, client: Client
    ) -> PassedStep | None:
        """Return the code to spend with the change or the session; None if the account has no second factor.

        Raises SecondStepRequired, SecondStepRejected, LinkDead after the last try, TooManyRequests if the account has
        no tries left today, Unavailable.
        """

    @abstractmethod
    def undo_recent(self, tx: Transaction, account: Account, client: Client) -> None:
        """Delete the additions that whoever reads the account's mailbox may undo."""
