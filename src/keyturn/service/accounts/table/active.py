"""The rule of which rows of an app's table are active, by a flag or by the values of a status."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from keyturn.service.accounts.table.columns import kind_of
from keyturn.values import did_you_mean

_FALSE = ("", "0", "false", "f", "no", "n", "off", "0000-00-00 00:00:00")
"""What PostgreSQL reads as false, an empty text, and the time by which MySQL says "never"."""

_TRUE = ("1", "true", "t", "yes", "y", "on")

_NOT = "not "


class Flag:
    """Parses the setting `active`: "column", or "column = value | value"; a "not " before it reverses it.

    Without values the column holds flags: a row is active unless its value is in _FALSE. Without a column all are.
    """

    def __init__(self, written: str) -> None:
        name, equals, values = written.removeprefix(_NOT).partition("=")
        self.column = name.strip()
        self._is_not = written.startswith(_NOT)
        self._values = tuple(value.strip() for value in values.split("|")) if equals else ()

    def holds(self, column: sa.Column[Any] | None) -> ColumnElement[bool]:
        """Return the condition that a row is active."""
        if column is None:
            return sa.literal(1) == sa.literal(1)
        text = lowered(column + sa.literal(0) if kind_of(column).is_bits else column)
        named = [sa.func.lower(sa.literal(value, sa.Text)) for value in self._values]
        holds = text.in_(named) if named else text.not_in(_FALSE)
        return sa.not_(holds) if self._is_not else holds

    def doubt(self, texts: Iterable[str]) -> str:
        """Return a text of the column that is neither yes nor no and yet makes a row active, or ""."""
        unclear = (text for text in texts if text.strip().lower() not in (*_FALSE, *_TRUE))
        return "" if self._is_not or self._values else next(unclear, "")

    def objection(self, column: sa.Column[Any]) -> str:
        """Return, in words, why these values cannot occur in that column, or "" if they can."""
        choices = kind_of(column).choices
        if "" in self._values:
            return f"has an empty value: write {self.column} = active | invited, for example"
        if not choices:
            return ""
        known, there = {choice.lower() for choice in choices}, ", ".join(choices)
        for value in self._values:
            if value.lower() not in known:
                meant = did_you_mean(value, choices)
                return f"the column {self.column} never contains {value}{meant} (its values are {there})"
        if not self._values and not column.nullable and known.isdisjoint(_FALSE):
            return f"none of {there} means no: list the active values, as in {self.column} = {choices[0]}"
        return ""


def lowered(stored: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a column's value as a text in small letters without spaces around it; "" for NULL."""
    return sa.func.coalesce(sa.func.lower(sa.func.trim(sa.cast(stored, sa.Text), type_=sa.Text)), "")
