"""The port to second factors, wherever they are."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec
from sqlalchemy import Connection

from keyturn.accounts.port import Account
from keyturn.problems.proofs import Factor
from keyturn.reset.records.client import Client

Method = Literal["totp", "sms", "recovery_code"]
"""What a code can be of. A factor may also be "other": there is one, and no code for it can be checked here."""


class SecondStepTry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with a live link answers. `reset_id` is the same for each try with that link, and for no other.

    `code` is as it was typed, and "" where one is only asked for.
    """

    account: Account
    method: Method
    code: str
    reset_id: str
    client: Client
    moment: datetime


class Accepted:
    """Says that a code was right. One that is kept here is spent with the change that it allows."""

    def spend(self, connection: Connection, moment: datetime) -> bool:
        """Use the code up in the caller's transaction; False where somebody was quicker."""
        del connection, moment
        return True

    def give_back(self, connection: Connection, moment: datetime) -> None:
        """Undo `spend`, which was committed at that moment: the change that it was for came to nothing."""


class SecondStep(Protocol):
    """Second factors of accounts. Every method raises Unavailable where they cannot be reached.

    An answer that is not understood is one, too. `verify` raises SecondStepUnfinished once a factor has said no and
    another cannot be asked: any other Unavailable gives the try back.
    """

    async def require_ready(self) -> None:
        """Raise SettingsInvalid, with every fault by its name, unless all is as the settings say."""
        ...

    async def factors(self, account: Account) -> Sequence[Factor]:
        """Return what the account has; nothing where a link alone sets its password."""
        ...

    async def begin(self, trial: SecondStepTry) -> bool:
        """Send a code where the method sends one, and tell whether it does. Raises TooManyRequests."""
        ...

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        """Return whether the code is right, and was not used before; None where not. How often is counted already."""
        ...

    async def close(self) -> None: ...


_BLANKS = re.compile(r"[\s().-]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""ITU-T E.164."""


class StoredFactors:
    """An account's factors as they are kept. `unreadable`: there is one that nobody can make sense of.

    A class that does not show itself: a seed in a traceback would make codes for ever.
    """

    __slots__ = ("phone", "seed", "unreadable")

    def __init__(self, seed: bytes | None = None, phone: str = "", *, unreadable: bool = False) -> None:
        self.seed = seed
        self.phone = phone
        self.unreadable = unreadable


class FactorSource(Protocol):
    """Keeps factors: in Keyturn's own table, or in an app's."""

    async def require_ready(self) -> None:
        """Raise SettingsInvalid, with every fault by its name, unless all is as the settings say."""
        ...

    async def find(self, account: Account) -> StoredFactors:
        """Return what the account has. Raises Unavailable."""
        ...

    async def close(self) -> None: ...


def phone_number(text: str) -> str:
    """Return a number in the form of E.164, as +447700900123. Raises ValueError."""
    number = _BLANKS.sub("", text)
    if not _PHONE.fullmatch(number):
        raise ValueError("not a whole number like +447700900123")
    return number


def phone_hint(number: str) -> str:
    """Return as much of a number as its owner needs to know it by."""
    return f"…{number[-2:]}"
