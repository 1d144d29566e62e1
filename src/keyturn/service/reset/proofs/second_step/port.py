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
    """A try at the second step.

    `code`: the code as typed; "" to request one.
    `link`: the link whose holder tries; None at a sign-in.
    """

    account: Account
    method: CodeMethod
    code: str = ""
    link: OneTimeSecret | None = None
    client: Client
    moment: datetime = msgspec.field(default_factory=now)
    __repr__ = object.__repr__  # a traceback with its variables would show the code


class Accepted(NamedTuple):
    """A right code.

    `spend`: uses it up, in the caller's transaction; False if another request was faster.
    `give_back`: undoes that.
    """

    spend: Callable[[Connection, datetime], bool] = lambda *_: True
    give_back: Callable[[Connection, datetime], None] = lambda *_: None


class SecondStep(ABC):
    """The second factors of accounts.

    Each asynchronous method raises Unavailable if it gets no answer that it understands.

    If one factor has refused a code and another one cannot be reached, `verify` raises
    SecondStepUnfinished: the try then stays counted.
    """

    async def require_ready(self) -> None:  # noqa: B027 - not all have something to check
        """Raise SettingsInvalid, with every fault by its name, if the factors differ from the
        settings.
        """

    @abstractmethod
    async def factors(self, account: Account) -> Sequence[Factor]:
        """Return the account's factors; none if a link alone may set its password."""

    async def proven_factors(self, account: Account) -> Sequence[Factor]:
        """Return the factors without recently added ones.

        A reader of the account's mailbox may undo those (`remove_recent`).
        """
        return await self.factors(account)

    async def begin(self, trial: SecondStepTry) -> bool:
        """Send a code if the method sends codes; tell whether it does. Raises TooManyRequests."""
        del trial
        return False

    @abstractmethod
    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        """Return Accepted if the code is right and unused, otherwise None.

        The caller has counted the try before.
        """

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """Delete recently added factors, in the caller's transaction; tell whether any were."""
        del connection, account_id
        return False

    async def close(self) -> None:  # noqa: B027 - not all have connections
        """Close the connections. A later call opens new ones, perhaps in another event loop."""
