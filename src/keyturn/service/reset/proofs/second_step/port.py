"""The port to second factors, wherever they are kept."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec
from sqlalchemy import Connection

from keyturn.service.accounts.port import Account
from keyturn.service.problems.proofs import Factor
from keyturn.service.reset.records.client import Client

Method = Literal["totp", "sms", "recovery_code"]
"""Methods of a code. A factor may also be "other": the account has it, but no code for it can be checked here."""


SIGN_IN = "sign_in"


class SecondStepTry(msgspec.Struct, frozen=True, kw_only=True):
    """A try at the second step, by the holder of a live link, or by a user who knows the password and signs in.

    `reset_id`: the same for each try with that link, and different for every other link; `SIGN_IN` for a sign-in.
    `code`: as the user typed it; "" to request a code.
    """

    account: Account
    method: Method
    code: str
    reset_id: str
    client: Client
    moment: datetime


class Accepted:
    """A right code. If Keyturn keeps the code, the change that it allows spends it."""

    def spend(self, connection: Connection, moment: datetime) -> bool:
        """Use the code up in the caller's transaction; False if another request was quicker."""
        del connection, moment
        return True

    def give_back(self, connection: Connection, moment: datetime) -> None:
        """Undo `spend`, which was committed at that moment: the change that it allowed failed."""


class SecondStep(Protocol):
    """Second factors of accounts. Every method raises Unavailable if they cannot be reached.

    An answer that cannot be understood counts as unavailable, too. `verify` raises SecondStepUnfinished once a factor
    has refused the code and another cannot be asked: any other Unavailable gives the try back.
    """

    async def require_ready(self) -> None:
        """Raise SettingsInvalid, with every fault by its name, if something differs from the settings."""

    async def factors(self, account: Account) -> Sequence[Factor]:
        """Return the account's factors; none if a link alone sets its password."""

    async def begin(self, trial: SecondStepTry) -> bool:
        """Send a code if the method sends one, and tell whether it does. Raises TooManyRequests."""

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        """Return Accepted if the code is right and unused, otherwise None. The caller has counted the try."""

    async def close(self) -> None: ...


_BLANKS = re.compile(r"[\s().-]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""ITU-T E.164."""


def phone_number(text: str) -> str:
    """Return a number in the form of E.164, such as +447700900123. Raises ValueError."""
    number = _BLANKS.sub("", text)
    if not _PHONE.fullmatch(number):
        raise ValueError("must be a full number such as +447700900123")
    return number


def phone_hint(number: str) -> str:
    """Return the part of a number by which its owner recognises it."""
    return f"…{number[-2:]}"
