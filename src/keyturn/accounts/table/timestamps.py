"""How a column writes times, told from values that it or its neighbours hold. Pure.

A declared type does not tell: Prisma keeps milliseconds in SQLite's DATETIME, others seconds in an INTEGER or one of
several texts. An app that meets another form than its own may fail to read the row.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

_UNITS = {"seconds": 10**6, "milliseconds": 10**3, "microseconds": 1}
"""Microseconds that each of them has."""
_FIRST = 10**8
"""The least number of seconds that is taken for a time: March 1973. A thousand times that is the least of milliseconds,
which as seconds would be in the year 5138."""
_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d(?:(?P<separator>[T ])\d\d:\d\d:\d\d(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<zone> ?(?:Z|[+-]\d\d(?::?\d\d)?))?)?"
)
_NAME = re.compile(
    r"(at|on|date|time|timestamp|since|am|le|en)$|^(created|updated|modified|changed|last|date|time|erstellt|geaendert|fecha)",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeFormat(msgspec.Struct, frozen=True, kw_only=True):
    """Describes how times are written: as a number of `unit` since 1970, or as a text where `unit` is "".

    A text has a `separator` before the time of day ("" for a day alone), `digits` of a fraction, and UTC as `zone`.

    `as_text`: the number is written as a text.
    """

    unit: str = ""
    as_text: bool = False
    separator: str = ""
    digits: int = 0
    zone: str = ""

    def write(self, moment: datetime) -> int | str:
        if self.unit:
            number = (moment - _EPOCH) // timedelta(microseconds=_UNITS[self.unit])
            return str(number) if self.as_text else number
        known = moment.astimezone(UTC)
        if not self.separator:
            return f"{known:%Y-%m-%d}"
        fraction = f".{known:%f}000"[: self.digits + 1] if self.digits else ""
        return f"{known:%Y-%m-%d}{self.separator}{known:%H:%M:%S}{fraction}{self.zone}"

    def __str__(self) -> str:
        example = self.write(datetime(2026, 11, 20, 8, 46, 42, tzinfo=UTC))
        return f"{self.unit} since 1970, such as {example}" if self.unit else f"a text such as {example}"


PRISMA = TimeFormat(unit="milliseconds")
"""What Prisma writes into a DATETIME of SQLite's, and reads there whatever its version."""


def likely_times(names: Iterable[str]) -> list[str]:
    """Return the columns that hold times by their names."""
    return [name for name in names if _NAME.search(name)]


def recognise_times(values: Sequence[Any], *, days: bool) -> TimeFormat | None:
    """Return the format that most of the values have, None where none is known. `days`: a day alone is a time, too."""
    found = Counter(known for known in map(_format, values) if known and (days or known.unit or known.separator))
    return found.most_common(1)[0][0] if found else None


def _format(value: Any) -> TimeFormat | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    if not isinstance(value, str):
        return _number_format(value, as_text=False)
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= len(str(_FIRST * 10**9)):
        return _number_format(int(text), as_text=True)
    if not (found := _TEXT.fullmatch(text)):
        return None
    zone = re.sub(r"\d", "0", found["zone"] or "").replace("-", "+")
    return TimeFormat(separator=found["separator"] or "", digits=len(found["fraction"] or ""), zone=zone)


def _number_format(value: float | Decimal, *, as_text: bool) -> TimeFormat | None:
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    for unit, per_second in (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6)):
        if _FIRST * per_second <= value < _FIRST * per_second * 1000:
            return TimeFormat(unit=unit, as_text=as_text)
    return None
