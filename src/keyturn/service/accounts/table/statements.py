"""Builds the statements over a mapped table.

Values are bound parameters, and every name is quoted.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import cycle, islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.columns import (
    RANDOM,
    TIMES,
    AnyEncoding,
    Value,
    all_hold,
    kind_of,
    lowered,
    set_value,
)
from keyturn.service.accounts.table.mapping import Assignments, MappedEnding, MappedTable

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

_PLAIN = ("id", "email", "username", "name", "provider", "kind", "locale")  # read unchanged

_IDENTIFYING = ("id", "email")
"""Fields that every account must have."""

Condition = ColumnElement[bool]
Write = sa.Update | sa.Delete
Query = tuple[sa.Select[Any], dict[str, Any] | None]
"""A SELECT, and the parameters of this call, so that a frequent statement is built once."""

_Values = dict[sa.Column[Any], Any]


def spellings(identifier: str) -> set[str]:
    """Return the texts under which an address or a user name may be stored.

    They differ in their Unicode form, in an international domain, and in one space before them.
    Case and spaces behind them are left to the statement.
    """
    local, at, domain = identifier.rpartition("@")
    ways = {identifier}
    if at and "xn--" in domain:
        import idna  # its tables take 3 MB that most processes never need

        ways.add(f"{local}@{idna.decode(domain)}")
    ways |= {unicodedata.normalize("NFD", way) for way in ways}
    return ways | {f" {way}" for way in ways}


class Statements:
    """Builds every statement of a store, for one mapping in one dialect."""

    def __init__(self, mapping: MappedTable, dialect: str) -> None:
        self.mapping = mapping
        self._dialect = dialect
        self._columns = mapping.fields
        self._is_active = all_hold(mapping.active)
        self._accounts = self._select_accounts()
        self._accounts_by_id = self._accounts.where(self._is_one_of_ids())
        self._accounts_in_ranges = cache(self._select_ranges)

    def _is_one_of_ids(self) -> Condition:
        key = self._columns["id"]
        if self._dialect == "postgresql":
            # All ids are one array, so that PostgreSQL prepares one statement for any number.
            return key == sa.any_(sa.bindparam("ids", type_=key.type))
        return key.in_(sa.bindparam("ids", type_=key.type, expanding=True))

    def by_identifier(self, spellings: Collection[str]) -> Query:
        """Ask for every row whose address or user name may be one of these.

        An index on lower(...) of each column helps. The column of addresses is compared only with
        addresses, and that of user names only with user names: its encoding may lack a letter of
        the other ones.
        """
        addresses = _filled_up([spelling for spelling in spellings if "@" in spelling])
        names = _filled_up([spelling for spelling in spellings if "@" not in spelling])
        values = _limits_of_ranges("email", addresses) | _limits_of_ranges("username", names)
        return self._accounts_in_ranges(len(addresses), len(names)), values

    def _select_ranges(self, addresses: int, names: int) -> sa.Select[Any]:
        of_addresses = self._ranges("email", addresses)
        of_names = self._ranges("username", names)
        return self._accounts.where(sa.or_(sa.false(), *of_addresses, *of_names))

    def _ranges(self, field: str, count: int) -> Iterator[Condition]:
        if field not in self._columns:
            return
        column = self._columns[field]
        stored: ColumnElement[Any] = column
        if field not in self.mapping.folding:
            stored = sa.func.lower(column)
        for place in range(count):
            first = sa.bindparam(f"{field}_from{place}", type_=sa.Text())
            last = sa.bindparam(f"{field}_to{place}", type_=sa.Text())
            yield stored.between(sa.func.lower(first), sa.func.lower(last))

    def by_ids(self, ids: Iterable[str]) -> Query:
        values: list[Any] = []
        for text in ids:
            with suppress(ValueError):  # the column cannot hold such an id
                values += kind_of(self._columns["id"]).ids(text)
        return self._accounts_by_id, {"ids": values}

    def hash_by_id(self, account_id: str) -> Query:
        statement, values = self.by_ids([account_id])
        return statement.add_columns(self._columns["password"].label("hash")), values

    def awaiting_password(self) -> Query:
        return self._addresses(self._lacks_hash(), self._is_active, *self._signs_in_here())

    def addresses_after(self, email: str, most: int) -> Query:
        """Ask for the addresses of active and locked accounts that come after this one.

        The order is that of the characters' codes.
        """
        stored = self._exactly(self._columns["email"])
        listed, _ = self._addresses(
            self._is_active_or_locked(), stored > sa.literal(email, sa.Text)
        )
        return listed.order_by(stored).limit(most), None

    def _addresses(self, *conditions: Condition) -> Query:
        return sa.select(self._columns["email"].label("email")).where(*conditions), None

    def lock(self, account: Account, moment: datetime) -> sa.Update:
        """Lock the account, if it is active and has that address.

        Raises ValueError for an impossible id.
        """
        is_unchanged = self._is_unchanged(account.id, account.email)
        locking = sa.update(self.mapping.table).values(self._assigned("lock", moment))
        return locking.where(*is_unchanged, self._is_active)

    def unlock(self, account_id: str, moment: datetime) -> sa.Update:
        unlocking = sa.update(self.mapping.table).values(self._assigned("unlock", moment))
        return unlocking.where(self._has_id(account_id), self._is_locked())

    def _assigned(self, section: str, moment: datetime) -> _Values:
        return _values(self.mapping.assigned[section], moment)

    def _is_locked(self) -> Condition:
        """Return the condition that every column of the lock has the value that the lock sets.

        A column of a time may have any time.
        """
        moment = datetime.now(UTC)
        conditions: list[Condition] = []
        for column, value in self.mapping.assigned["lock"].items():
            if value in TIMES:
                conditions.append(column.is_not(None))
            else:
                conditions.append(_has_value(column, value, moment))
        return sa.and_(*conditions)

    def _is_active_or_locked(self) -> Condition:
        if not self.mapping.assigned["lock"]:
            return self._is_active
        return sa.or_(self._is_active, self._is_locked())

    def change(self, account: Account, password_hash: str | None, moment: datetime) -> sa.Update:
        """Set the hash, if given, and the columns of `set`, if the account is unchanged.

        A locked account is unlocked. Raises ValueError for an impossible id.
        """
        values = self._assigned("set", moment)
        if account.locked:
            values |= self._assigned("unlock", moment)
        if password_hash is not None:
            values[self._columns["password"]] = self._stored_hash(password_hash)
        may_change = self._still_takes_password_of(account)
        return self._change(account.id, account.email, values, may_change)

    def is_as_it_was(self, account: Account) -> sa.Select[Any]:
        """Ask for the account under the conditions of `change`.

        Raises ValueError for an impossible id.
        """
        may_change = self._still_takes_password_of(account)
        allowed = self._may_be_changed(account.id, account.email, may_change)
        return sa.select(self._columns["id"]).where(*allowed)

    def _still_takes_password_of(self, account: Account) -> Condition:
        is_open = self._is_active
        if account.locked:
            is_open = self._is_active_or_locked()
        if account.awaits_password:
            # Of two who choose the first password, one must fail.
            return sa.and_(is_open, self._lacks_hash())
        return is_open

    def _change(
        self, account_id: str | None, email: str, values: _Values, may_change: Condition
    ) -> sa.Update:
        # Without columns to set, the statement still shows whether the account is unchanged.
        values = values or {self._columns["id"]: self._columns["id"]}
        allowed = self._may_be_changed(account_id, email, may_change)
        return sa.update(self.mapping.table).where(*allowed).values(values)

    def _may_be_changed(
        self, account_id: str | None, email: str, may_change: Condition
    ) -> Iterator[Condition]:
        yield from self._is_unchanged(account_id, email)
        yield may_change
        yield from self._signs_in_here()

    def _is_unchanged(self, account_id: str | None, email: str) -> tuple[Condition, Condition]:
        return self._has_id(account_id), self._is_text("email", email)

    def _has_id(self, account_id: str | None) -> Condition:
        stored = self._columns["id"]
        kind = kind_of(stored)
        values = [None] if account_id is None else kind.ids(account_id)
        has_value = _is_any(stored, values)
        if kind.holds in (int, UUID, bytes):
            return has_value
        # A collation may take "a" for "A", so a text is compared once more.
        is_same_text = self._is_text("id", account_id)
        if kind.holds_anything:
            is_same_text = sa.or_(is_same_text, sa.func.typeof(stored) == "blob")
        return sa.and_(has_value, is_same_text)

    def endings(
        self, account_id: str, moment: datetime, *, intruded: bool
    ) -> Iterator[tuple[str, Write]]:
        """Yield the statements that end an account's sessions and the like, each with the kind that
        it ends.

        The kind "" is for a second statement that repeats the first with an earlier limit, for
        columns whose times may be in another zone. Its rows are not counted.
        """
        for one in self.mapping.endings:
            if one.ending.when != "change" and not intruded:
                continue
            try:
                owners = kind_of(one.owner).ids(account_id)
                yield one.ending.what, self._end(one, owners, moment, moment)
                if any(_keeps_no_zone(column, value) for column, value in one.sets.items()):
                    yield "", self._end(one, owners, moment, moment - timedelta(days=1))
            except ValueError:
                continue  # a column of another type holds no such id

    def new_random_values(self, account_id: str, moment: datetime) -> sa.Update | None:
        """Return the UPDATE of the account's columns of `{random}`; None if there are none.

        Such a column admits clients, as a session's token does. Raises ValueError for an impossible
        id.
        """
        values = {}
        for column, placeholder in self.mapping.assigned["set"].items():
            if placeholder == RANDOM:
                values[column] = set_value(column, placeholder, moment)
        if not values:
            return None
        return sa.update(self.mapping.table).where(self._has_id(account_id)).values(values)

    def _end(
        self, one: MappedEnding, owners: Iterable[Any], moment: datetime, limit: datetime
    ) -> Write:
        theirs = [_is_any(one.owner, owners)]
        if self._dialect == "mysql" and kind_of(one.owner).holds is str:
            # In MySQL's own collations, "a" is "A". The condition above can use an index.
            theirs.append(_is_any(self._exactly(one.owner), owners))
        theirs += [_has_value(column, value, moment) for column, value in one.where.items()]
        if not one.sets:
            return sa.delete(one.owner.table).where(*theirs)
        not_ended = [_is_due(column, value, limit) for column, value in one.sets.items()]
        ended = sa.update(one.owner.table).values(_values(one.sets, moment))
        return ended.where(*theirs, sa.or_(*not_ended))

    def trial_statements(self, moment: datetime) -> Iterator[tuple[str, sa.Executable]]:
        """Yield variants of the statements that find and change accounts.

        They match no account. Each comes with the setting at fault if the database refuses it.
        """
        trial, values = self.by_identifier(["", "@"])
        yield "table", trial.params(values)
        if "password" in self._columns:
            yield "password", self._change_of_none(self._columns["password"], self._stored_hash(""))
        for section, assignments in self.mapping.assigned.items():
            for column, value in _values(assignments, moment).items():
                yield f"{section}.{column.name}", self._change_of_none(column, value)
        for ending in self.mapping.endings:
            yield ending.setting, self._end(ending, [None], moment, moment)

    def _change_of_none(self, column: sa.Column[Any], value: object) -> sa.Update:
        return self._change(None, "", {column: value}, self._is_active)

    def hashes(self) -> tuple[sa.Column[Any], Condition]:
        """Return the column of the hashes, and the condition that a hash is usable."""
        return self._columns["password"], self._has_hash()

    def counts(self, most: int) -> sa.Select[Any]:
        """Count the accounts of the first `most` rows: all, active, with a hash, and contradicting.

        A contradicting account has a hash although its provider signs it in.
        """
        has_hash = self._has_hash() if "password" in self._columns else sa.false()
        elsewhere: Condition = sa.false()
        if "provider" in self._columns:
            elsewhere = lowered(self._columns["provider"]).not_in(PASSWORD_PROVIDERS)
        each = sa.select(
            _as_number(self._is_active).label("active"),
            _as_number(has_hash).label("with_hash"),
            _as_number(sa.and_(has_hash, elsewhere)).label("contradicting"),
        )
        rows = each.select_from(self.mapping.table).limit(most).subquery()
        sums = [sa.func.coalesce(sa.func.sum(row), 0).label(row.name) for row in rows.c]
        return sa.select(sa.func.count().label("accounts"), *sums).select_from(rows)

    def _select_accounts(self) -> sa.Select[Any]:
        fields = [field for field in _PLAIN if field in self._columns]
        columns: list[ColumnElement[Any]] = [self._read(field).label(field) for field in fields]
        if "password" in self._columns:
            columns.append(self._has_hash().label("has_hash"))
            columns.append(self._lacks_hash().label("lacks_hash"))
        if self.mapping.assigned["lock"]:
            columns.append(self._is_locked().label("locked"))
        return sa.select(*columns, self._is_active.label("active"))

    def _read(self, field: str) -> ColumnElement[Any]:
        column = self._columns[field]
        kind = kind_of(column)
        is_plain_text = kind.holds is str and not kind.choices
        if self.mapping.has_any_encoding and is_plain_text and field not in _IDENTIFYING:
            return sa.func.convert_to(column, "SQL_ASCII", type_=AnyEncoding())
        return column

    def _has_hash(self) -> Condition:
        return sa.and_(sa.func.length(self._columns["password"]) > 0, self._is_usable())

    def _lacks_hash(self) -> Condition:
        return sa.func.coalesce(sa.func.length(self._columns["password"]), 0) == 0

    def _signs_in_here(self) -> Iterator[Condition]:
        if "provider" in self._columns:
            yield lowered(self._columns["provider"]).in_(PASSWORD_PROVIDERS)
        if "password" in self._columns:
            yield self._is_usable()

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

    def _stored_hash(self, text: str) -> str | bytes:
        if kind_of(self._columns["password"]).holds is bytes:
            return text.encode()
        return text

    def _is_text(self, field: str, value: str | None) -> Condition:
        """Return the condition that the field is the same text, character by character.

        Spaces around it do not count.
        """
        wanted = sa.bindparam(None, value, type_=sa.Text(), unique=True)
        return self._exactly(self._columns[field]) == wanted

    def _exactly(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        kind: TypeEngine[str] = sa.Text()
        if self._dialect == "mysql":
            kind = mysql.CHAR(charset="utf8mb4")
        text = sa.func.trim(sa.cast(column, kind), type_=kind)
        return text.collate(_CHARACTER_BY_CHARACTER[self._dialect])


def _as_number(condition: Condition) -> sa.Case[int]:
    one = sa.literal_column("1", sa.Integer)
    zero = sa.literal_column("0", sa.Integer)
    return sa.case((condition, one), else_=zero)


def _filled_up(texts: Sequence[str]) -> Sequence[str]:
    """Repeat some of the texts until their number is a power of two.

    So there are few different statements to prepare.
    """
    if not texts:
        return ()
    count = 1 << (len(texts) - 1).bit_length()
    return list(islice(cycle(texts), count))


def _limits_of_ranges(field: str, texts: Sequence[str]) -> dict[str, str]:
    limits = {}
    for place, text in enumerate(texts):
        limits[f"{field}_from{place}"] = text
        limits[f"{field}_to{place}"] = text + _AFTER_SPACES
    return limits


def _values(assignments: Assignments, moment: datetime) -> _Values:
    return {column: set_value(column, value, moment) for column, value in assignments.items()}


def _is_due(column: sa.Column[Any], value: Value, moment: datetime) -> Condition:
    """Return the condition that a row has not ended yet.

    A time in the past tells when the row ended, so it stays.
    """
    if value == "{null}":
        return column.is_not(None)
    limit = sa.bindparam(None, set_value(column, value, moment), type_=column.type, unique=True)
    if value in TIMES:
        return sa.or_(column.is_(None), column > limit)
    return sa.or_(column.is_(None), column != limit)


def _keeps_no_zone(column: sa.Column[Any], value: Value) -> bool:
    """Tell whether the column's times may be in another zone, up to a day behind UTC."""
    kind = kind_of(column)
    if kind.has_native_times:
        return not kind.zoned
    return value == "{now}" and kind.holds not in (int, float, Decimal)


def _has_value(column: sa.Column[Any], value: Value, moment: datetime) -> Condition:
    if value == "{null}":
        return column.is_(None)
    return _is_any(column, [set_value(column, value, moment)])


def _is_any(stored: ColumnElement[Any], values: Iterable[Any]) -> Condition:
    # None must be a parameter, too: `= NULL` is never true, but SQLAlchemy would write IS NULL.
    wanted = [sa.bindparam(None, value, type_=stored.type, unique=True) for value in values]
    return sa.or_(*(stored == value for value in wanted))
