"""A command of Keyturn as tests run it, and the account that most of them know."""

from collections.abc import Callable

import msgspec


class Ended(msgspec.Struct, frozen=True):
    code: int
    out: str
    err: str


Keyturn = Callable[..., Ended]

ADA = "ada@northwind.example"
PASSWORD = "seven quiet harbours"
CHEAP = {"KEYTURN_HASHING_COST": "10"}
BUILTIN_FACTORS = {
    "KEYTURN_SECRET_KEY": "0123456789abcdef" * 4,
    "KEYTURN_ENVIRONMENT": "development",
    "KEYTURN_SECOND_STEP_SOURCE": "builtin",
}
