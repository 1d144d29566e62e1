"""The port to second factors, wherever they are stored."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import OneTimeSecret
from keyturn.service.problems.proofs import CodeMethod, Factor


class SecondStepTry(msgspec.Struct, frozen=True, kw_only=True):
    """A try by the holder of a live link, or at a sign-in without one.

    `code`: as typed; "" to request one.
    """

    account: Account
    method: CodeMethod
    code: str = ""
    link: OneTimeSecret | None = None
    client: Client
    moment: datetime = msgspec.field(default_factory=now)
    __repr__ = object.__repr__  # a traceback with its variables would show the code


class Accepted(NamedTuple):
    """A right code: what spends it in a transaction, False if another request was quicker, and what
    undoes that.
    """

    spend: Callable[[Connection, datetime], bool] = lambda *_: True
    give_back: Callable[[Connection, datetime], None] = lambda *_: None


class SecondStep(ABC):
    """Second factors of accounts.

    Each method raises Unavailable without an answer that it can understand.

    `verify` raises SecondStepUnfinished, which gives no try back, once one factor has refused and
    another is not reached.
    """

    async def require_ready(self) -> None:  # noqa: B027 - not all have something to check
        """Raise SettingsInvalid, with every fault by its name, if something differs from the
        settings.
        """

    @abstractmethod
    async def factors(self, account: Account) -> Sequence[Factor]:
        """Return the account's factors; none if a link alone sets its password."""

    async def proven_factors(self, account: Account) -> Sequence[Factor]:
        """Return the factors without recent additions, which the account's mailbox may undo
        (`remove_recent`).
        """
        return await self.factors(account)

    async def begin(self, trial: SecondStepTry) -> bool:
        """Send a code if the method sends one, and tell whether it does. Raises TooManyRequests."""
        del trial
        return False

    @abstractmethod
    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        """Return Accepted if the code is right and unused, otherwise None.

        The caller has counted the try.
        """

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """Delete recent additions, in the caller's transaction; tell whether there was one."""
        del connection, account_id
        return False

    async def close(self) -> None:  # noqa: B027 - not all have connections
        """Close connections. The next call may come from another event loop."""
