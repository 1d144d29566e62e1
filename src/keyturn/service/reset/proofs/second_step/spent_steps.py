"""TOTP steps that were used: a code must not work twice (ASVS 6.5.1; CVE-2015-7225,
CVE-2021-43177).
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from keyturn.service import one_time_secrets
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import Purpose, SecretRow

_EARLIER = 2
"""Steps before that of a code that may be accepted at the same time (`totp.py`)."""

_REMEMBERED = timedelta(hours=1)
"""How long a used step is remembered: longer than any machine accepts it, even if its clock is
wrong.
"""


def take_step(connection: Connection, account_id: str, step: int, moment: datetime) -> bool:
    """Use a step up, and the steps before it; False if it was used already."""
    until = moment + _REMEMBERED
    is_first = False
    for each in range(step - _EARLIER, step + 1):
        key = Purpose.SPENT, _key_of(account_id, each)
        is_first = one_time_secrets.take(connection, key, account_id, moment, until)
    return is_first  # the last one is the step itself


async def is_spent(database: Database, account_id: str, step: int) -> bool:
    key = _key_of(account_id, step)
    return await one_time_secrets.look_up(database, key, Purpose.SPENT) is not None


def give_back_step(connection: Connection, account_id: str, step: int) -> None:
    """Let the code of a step work again. The steps before it stay used."""
    is_step = SecretRow.key == _key_of(account_id, step)
    one_time_secrets.delete(connection, account_id, [Purpose.SPENT], is_step)


def _key_of(account_id: str, step: int) -> bytes:
    return one_time_secrets.key_of(f"TOTP {step} {account_id}")
