"""The conditions that rows of a mapped table meet, in SQL.

Values are bound parameters, and every name is quoted.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.active_condition import is_active
from keyturn.service.accounts.table.column_values import Value, plain_value, set_value
from keyturn.service.accounts.table.columns import kind_of, lowered
from keyturn.service.accounts.table.mapping import MappedTable
from keyturn.service.settings.placeholders import NULL, is_time

_CHARACTER_BY_CHARACTER = {"sqlite": "BINARY", "postgresql": "C", "mysql": "utf8mb4_bin"}
"""The collation in which only identical characters are equal; in MySQL's default, é is e."""

PASSWORD_PROVIDERS = ("", "credentials", "default", "email", "local", "password")
"""What apps write, in any case, into the provider's column of an account that signs in with a
password.
"""

_UNUSABLE = ("!", "*")
"""First characters of a text that is no hash, or of a disabled hash, as Django's
set_unusable_password() and shadow(5) of Unix write it.
"""

_AFTER_SPACES = "!"
"""The end of a range that holds an address with and without spaces behind it, which apps may store:
in ASCII and in Unicode's order (UTS 10), this sign follows the space.
"""

Condition = ColumnElement[bool]


class Conditions:
    """The conditions on rows of the table of accounts, for one mapping in one dialect."""

    def __init__(self, mapping: MappedTable, dialect: str) -> None:
        self._mapping = mapping
        self._dialect = dialect
        self._columns = mapping.fields
        self.is_active = is_active(mapping.active)

    def is_in_ranges(self, field: str, count: int) -> Iterator[Condition]:
        """Yield conditions on a field, for `count` texts with the values of `limits_of_ranges`.

        An index on lower(...) of the column helps.
        """
        if field not in self._columns:
            return
        column = self._columns[field]
        stored: ColumnElement[Any] = column
        if field not in self._mapping.ignoring_case:
            stored = sa.func.lower(column)
        for number in range(count):
            first = sa.bindparam(f"{field}_from{number}", type_=sa.Text())
            last = sa.bindparam(f"{field}_to{number}", type_=sa.Text())
            yield stored.between(sa.func.lower(first), sa.func.lower(last))

    def has_id(self, account_id: str | None) -> Condition:
        """Return the condition that a row has this id. No row has the id None.

        Raises ValueError for an id that the column cannot hold.
        """
        stored = self._columns["id"]
        kind = kind_of(stored)
        values = [None] if account_id is None else kind.ids(account_id)
        is_stored_id = is_any(stored, values)
        if kind.holds in (int, UUID, bytes):
            return is_stored_id
        # A collation may take "a" for "A", so a text is compared once more.
        is_same_text = self._is_text("id", account_id)
        if kind.holds_anything:
            is_same_text = sa.or_(is_same_text, sa.func.typeof(stored) == "blob")
        return sa.and_(is_stored_id, is_same_text)

    def is_unchanged(self, account_id: str | None, email: str) -> Condition:
        """Return the condition that the row with this id still has this address.

        Raises ValueError for an id that the column cannot hold.
        """
        return sa.and_(self.has_id(account_id), self._is_text("email", email))

    def may_be_changed_now(self, account: Account) -> Condition:
        """Return the condition that the account may get a new password, as it could when read."""
        is_open = self.is_active
        if account.locked:
            is_open = self.is_active_or_locked()
        if account.awaits_password:
            # Of two who choose the first password, one must fail.
            return sa.and_(is_open, self.lacks_hash())
        return is_open

    def is_active_or_locked(self) -> Condition:
        if not self._mapping.lock:
            return self.is_active
        return sa.or_(self.is_active, self.is_locked())

    def is_locked(self) -> Condition:
        """Return the condition that every column of the lock has the value that the lock sets.

        A column of a time may have any time.
        """
        conditions: list[Condition] = []
        for column, value in self._mapping.lock.items():
            if is_time(value):
                conditions.append(column.is_not(None))
            else:
                conditions.append(has_value(column, value))
        return sa.and_(*conditions)

    def signs_in_here(self) -> Iterator[Condition]:
        """Yield the conditions that an account signs in with a password, and not elsewhere."""
        if "provider" in self._columns:
            yield lowered(self._columns["provider"]).in_(PASSWORD_PROVIDERS)
        if "password" in self._columns:
            yield self._is_usable()

    def has_hash(self) -> Condition:
        return sa.and_(sa.func.length(self._columns["password"]) > 0, self._is_usable())

    def lacks_hash(self) -> Condition:
        """Return the condition that the account has no hash, not even a disabled one."""
        return sa.func.coalesce(sa.func.length(self._columns["password"]), 0) == 0

    def _is_usable(self) -> Condition:
        column = self._columns["password"]
        first: ColumnElement[Any] = sa.func.substr(column, 1, 1, type_=sa.Text)
        holds_bytes = kind_of(column).holds is bytes
        if holds_bytes and self._dialect == "postgresql":
            # PostgreSQL's cast of bytes writes hexadecimal digits.
            first = sa.func.encode(first, "escape", type_=sa.Text)
        elif holds_bytes:
            first = sa.cast(first, sa.Text)
        return sa.func.coalesce(first, "").not_in(_UNUSABLE)

    def _is_text(self, field: str, value: str | None) -> Condition:
        """Return the condition that the field is the same text, character by character.

        Spaces around it do not count.
        """
        wanted = sa.bindparam(None, value, type_=sa.Text(), unique=True)
        return self.exactly(self._columns[field]) == wanted

    def exactly(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the column as a text that is compared, and ordered, character by character."""
        kind: TypeEngine[str] = sa.Text()
        if self._dialect == "mysql":
            kind = mysql.CHAR(charset="utf8mb4")
        text = sa.func.trim(sa.cast(column, kind), type_=kind)
        return text.collate(_CHARACTER_BY_CHARACTER[self._dialect])


def limits_of_ranges(field: str, texts: Iterable[str]) -> dict[str, str]:
    """Return the parameters of `Conditions.is_in_ranges`, for these texts."""
    limits = {}
    for number, text in enumerate(texts):
        limits[f"{field}_from{number}"] = text
        limits[f"{field}_to{number}"] = text + _AFTER_SPACES
    return limits


def is_due(column: sa.Column[Any], value: Value, moment: datetime) -> Condition:
    """Return the condition that a row has not ended yet: the column has not got the value.

    A time in the past tells when the row ended, so it stays.
    """
    if value == NULL:
        return column.is_not(None)
    limit = sa.bindparam(None, set_value(column, value, moment), type_=column.type, unique=True)
    if is_time(value):
        return sa.or_(column.is_(None), column > limit)
    return sa.or_(column.is_(None), column != limit)


def has_value(column: sa.Column[Any], value: Value) -> Condition:
    """Return the condition that a column has a value, which may be `{null}`, but no other
    placeholder.
    """
    if value == NULL:
        return column.is_(None)
    return is_any(column, [plain_value(column, value)])


def is_any(stored: ColumnElement[Any], values: Iterable[Any]) -> Condition:
    # None must be a parameter, too: `= NULL` is never true, but SQLAlchemy would write IS NULL.
    wanted = [sa.bindparam(None, value, type_=stored.type, unique=True) for value in values]
    return sa.or_(*(stored == value for value in wanted))
