"""The port of the reset to its proofs: what it asks of them, and how clients answer. `parts` connects their rooms."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from keyturn.service.accounts.port import Account
from keyturn.service.problems.proofs import CodeMethod
from keyturn.service.reset.ground import Transaction
from keyturn.service.secrets import Secret


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
    """Answers the second step; without `code` one is sent, where the method sends codes."""

    method: CodeMethod
    code: Annotated[str, Meta(max_length=64, examples=["492039"])] | None = None
