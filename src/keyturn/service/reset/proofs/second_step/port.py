"""The port to second factors, wherever they are stored."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.problems.proofs import CodeMethod, Factor
from keyturn.service.reset.records.client import Client
from keyturn.service.secrets import Secret


class SecondStepTry(msgspec.Struct, frozen=True, kw_only=True):
    """A try at the second step, by the holder of a live link, or by a user who knows the password and signs in.

    `code`: as the user typed it; "" to request a code.
    `link`: None at a sign-in.
    """

    account: Account
    method: CodeMethod
    code: str = ""
    link: Secret | None = None
    client: Client
    moment: datetime = msgspec.field(default_factory=now)


class Accepted(NamedTuple):
    """A right code. If Keyturn stores the code, the change that it allows spends it.

    `spend`: uses the code up in the caller's transaction; False if another request was quicker.
    `give_back`: undoes `spend`, which was committed at that moment: the change that it allowed failed.
    """

    spend: Callable[[Connection, datetime], bool] = lambda *_: True
    give_back: Callable[[Connection, datetime], None] = lambda *_: None


class SecondStep(ABC):
    """Second factors of accounts. A step inherits from this class. Every method raises Unavailable without an answer.

    An answer that cannot be understood counts as unavailable, too. `verify` raises SecondStepUnfinished once a factor
    has refused the code and another cannot be asked: any other Unavailable gives the try back.
    """

    async def require_ready(self) -> None:  # noqa: B027 - not all have something to check
        """Raise SettingsInvalid, with every fault by its name, if something differs from the settings."""

    @abstractmethod
    async def factors(self, account: Account) -> Sequence[Factor]:
        """Return the account's factors; none if a link alone sets its password."""

    async def proven_factors(self, account: Account) -> Sequence[Factor]:
        """Return the factors without recent additions, which the account's mailbox may undo (`remove_recent`)."""
        return await self.factors(account)

    async def begin(self, trial: SecondStepTry) -> bool:
        """Send a code if the method sends one, and tell whether it does. Raises TooManyRequests."""
        del trial
        return False

    @abstractmethod
    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        """Return Accepted if the code is right and unused, otherwise None. The caller has counted the try."""

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """Delete recent additions, in the caller's transaction; tell whether there was one."""
        del connection, account_id
        return False

    async def close(self) -> None:  # noqa: B027 - not all have connections
        """Close connections. The next call may come from another event loop."""


class NoSecondStep(SecondStep):
    """A link or a password is enough for every account."""

    async def factors(self, _: Account) -> Sequence[Factor]:
        return ()

    async def verify(self, _: SecondStepTry) -> Accepted | None:
        return None
