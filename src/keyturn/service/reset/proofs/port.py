"""The port of the reset to its proofs: what it asks of them, and how clients answer. `parts` connects their rooms."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

import msgspec

from keyturn.service.accounts.port import Account
from keyturn.service.problems.proofs import CodeMethod
from keyturn.service.reset.ground import Transaction
from keyturn.service.reset.records.client import Client
from keyturn.service.secrets import Secret

RequireAnswer = Callable[[Client, str], Awaitable[None]]
"""Returns if a request may go on with an answer. Raises ChallengeRequired, ChallengeUnready, TooManyRequests, Busy."""


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
