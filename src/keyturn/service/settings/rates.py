"""Rates of requests as operators write them."""

import re
from typing import NamedTuple

from keyturn.service.settings import RATE

_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}

DAY = _SECONDS["day"]
"""Seconds of a day."""


class Rate(NamedTuple):
    """A rate: `amount` requests at once, and as many in every `seconds`."""

    amount: float
    seconds: float


def parse_rate(text: str) -> Rate:
    """Return the rate of a text such as 3/minute or 10/15 minutes. Raises ValueError."""
    match = re.fullmatch(RATE, text)
    if match is None:
        raise ValueError("not a rate")
    amount, units, unit = match.groups(default="1")
    return Rate(int(amount), int(units) * _SECONDS[unit])
