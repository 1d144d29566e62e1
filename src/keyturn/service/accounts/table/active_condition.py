"""The setting `active` of a table: which of its rows are active accounts."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from keyturn.service.accounts.table.columns import kind_of, lowered
from keyturn.values import did_you_mean

_FALSE = ("", "0", "false", "f", "no", "n", "off", "0000-00-00 00:00:00")
"""The texts that PostgreSQL reads as false, an empty text, and MySQL's time for "never"."""

_TRUE = ("1", "true", "t", "yes", "y", "on")


def parse_active(written: str | Sequence[str]) -> list["ActiveCondition"]:
    """Return the conditions of the setting `active`. All of them must hold."""
    conditions = [written] if isinstance(written, str) else written
    return [ActiveCondition(condition) for condition in conditions if condition]


class ActiveCondition:
    """One condition of the setting `active`: "column", or "column = value | value".

    A "not " before it reverses it. Without values, the column is a flag: a row is active unless the
    column's value is in `_FALSE`.
    """

    def __init__(self, written: str) -> None:
        self._is_reversed = written.startswith("not ")
        name, equals, values = written.removeprefix("not ").partition("=")
        self.column = name.strip()
        self._values: tuple[str, ...] = ()
        if equals:
            self._values = tuple(value.strip() for value in values.split("|"))

    def holds(self, column: sa.Column[Any]) -> ColumnElement[bool]:
        """Return the condition in SQL, over the column of the live table."""
        stored: ColumnElement[Any] = column
        if kind_of(column).is_bits:
            stored = column + sa.literal(0)  # a BIT becomes a number
        text = lowered(stored)
        if self._values:
            holds = text.in_([sa.func.lower(sa.literal(value, sa.Text)) for value in self._values])
        else:
            holds = text.not_in(_FALSE)
        if self._is_reversed:
            return sa.not_(holds)
        return holds

    def unclear_value(self, texts: Iterable[str]) -> str:
        """Return a value of the column that means neither yes nor no, but makes a row active.

        "" if there is none.
        """
        if self._is_reversed or self._values:
            return ""
        for text in texts:
            if text.strip().lower() not in (*_FALSE, *_TRUE):
                return text
        return ""

    def objection(self, column: sa.Column[Any]) -> str:
        """Return why the condition's values cannot occur in the column; "" if they can."""
        if "" in self._values:
            return f"has an empty value: write {self.column} = active | invited, for example"
        choices = kind_of(column).choices
        if not choices:
            return ""
        known = {choice.lower() for choice in choices}
        listed = ", ".join(choices)
        for value in self._values:
            if value.lower() not in known:
                meant = did_you_mean(value, choices)
                what = f"the column {self.column} never contains {value}{meant}"
                return f"{what} (its values are {listed})"
        can_be_false = column.nullable or not known.isdisjoint(_FALSE)
        if not self._values and not can_be_false:
            fix = f"list the active values, as in {self.column} = {choices[0]}"
            return f"none of {listed} means no: {fix}"
        return ""


class MappedCondition(NamedTuple):
    """A condition, and the column of the live table that it reads."""

    condition: ActiveCondition
    column: sa.Column[Any]


def is_active(conditions: Iterable[MappedCondition]) -> ColumnElement[bool]:
    """Return the condition in SQL that a row is active.

    Without conditions, every row is active.
    """
    always = sa.literal(1) == sa.literal(1)
    return sa.and_(always, *(one.condition.holds(one.column) for one in conditions))
