"""Which values of a column make an account active. Pure."""

from keyturn.accounts.table.columns import Column
from keyturn.settings.building import did_you_mean

FALSE = ("", "0", "false", "f", "no", "n", "off", "0000-00-00 00:00:00")
"""What PostgreSQL reads as false, nothing at all, and the time by which MySQL says "never"."""

TRUE = ("1", "true", "t", "yes", "y", "on")

_NOT = "not "


class Flag:
    """Reads the setting `active` apart: "column", or "column = value | value"; "not " before it turns it round.

    Without values the column is one of flags: an account is active where it holds none of FALSE.
    """

    def __init__(self, given: str) -> None:
        name, equals, values = given.removeprefix(_NOT).partition("=")
        self.column = name.strip()
        self.is_not = given.startswith(_NOT)
        self.values = tuple(value.strip() for value in values.split("|")) if equals else ()

    def objection(self, column: Column) -> str:
        """Return, in words, why these values of that column tell nobody apart; "" where they may."""
        if "" in self.values:
            return f"names no value: {self.column} = active | invited"
        if not column.choices:
            return ""
        known = {choice.lower() for choice in column.choices}
        for value in self.values:
            if value.lower() not in known:
                there = ", ".join(column.choices)
                meant = did_you_mean(value, column.choices)
                return f"the column {self.column} never holds {value}{meant} (there are {there})"
        if not self.values and not column.nullable and known.isdisjoint(FALSE):
            there = ", ".join(column.choices)
            return f"none of {there} means no: name those that are active, as {self.column} = {column.choices[0]}"
        return ""
