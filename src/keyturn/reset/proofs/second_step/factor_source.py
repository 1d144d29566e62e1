"""Where the seeds and the phones of accounts are kept, whose codes are made and checked here."""

import re
from typing import Protocol

from keyturn.accounts.port import Account

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
