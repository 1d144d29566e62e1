"""Builds the statements over a mapped table.

Values are bound parameters, and every name is quoted.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator
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
        # PostgreSQL takes all ids as one array, so that it prepares one statement for any number.
        key, is_array = (
            mapping.fields["id"],
            dialect == "postgresql",
        )
        ids = sa.bindparam("ids", type_=key.type, expanding=not is_array)
        self._accounts_by_id = self._accounts.where(
            key == sa.any_(ids) if is_array else key.in_(ids)
        )
        self._accounts_in_ranges = cache(self._select_ranges)

    def by_identifier(self, spellings: Collection[str]) -> Query:
        """Ask for every row whose address or user name may be one of these.

        An index on lower(...) of each column helps. The column of addresses is compared only with
        addresses, and that of user names only with user names: its encoding may lack a letter of
        the other ones.
        """
        addresses = [spelling for spelling in spellings if "@" in spelling]
        names = [spelling for spelling in spellings if "@" not in spelling]
        counts = []
        values: dict[str, Any] = {}
        for field, wanted in (("email", addresses), ("username", names)):
            # The number is a power of two, so that there are few different statements to prepare.
            # Some texts are asked for twice.
            count = 1 << (len(wanted) - 1).bit_length() if wanted else 0
            counts.append(count)
            for place, spelling in enumerate(islice(cycle(wanted), count)):
                values[f"{field}_from{place}"] = spelling
                values[f"{field}_to{place}"] = spelling + _AFTER_SPACES
        return self._accounts_in_ranges(*counts), values

    def _select_ranges(self, addresses: int, names: int) -> sa.Select[Any]:
        ranges = [*self._ranges("email", addresses), *self._ranges("username", names)]
        return self._accounts.where(sa.or_(sa.false(), *ranges))

    def _ranges(self, field: str, count: int) -> Iterator[Condition]:
        if field not in self._columns:
            return
        column = self._columns[field]
        stored = column if field in self.mapping.folding else sa.func.lower(column)
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
        return (
            sa.update(self.mapping.table)
            .where(*is_unchanged, self._is_active)
            .values(self._assigned("lock", moment))
        )

    def unlock(self, account_id: str, moment: datetime) -> sa.Update:
        locked = self._has_id(account_id), self._is_locked()
        return sa.update(self.mapping.table).where(*locked).values(self._assigned("unlock", moment))

    def _assigned(self, section: str, moment: datetime) -> _Values:
        return _values(self.mapping.assigned[section], moment)

    def _is_locked(self) -> Condition:
        """Return the condition that every column of the lock has the value that the lock sets.

        A column of a time may have any time.
        """
        set_by_lock, moment = self.mapping.assigned["lock"].items(), datetime.now(UTC)
        as_set = (
            one.is_not(None) if value in TIMES else _has_value(one, value, moment)
            for one, value in set_by_lock
        )
        return sa.and_(*as_set)

    def _is_active_or_locked(self) -> Condition:
        return (
            sa.or_(self._is_active, self._is_locked())
            if self.mapping.assigned["lock"]
            else self._is_active
        )

    def change(self, account: Account, password_hash: str | None, moment: datetime) -> sa.Update:
        """Set the hash, if given, and the columns of `set`, if the account is unchanged.

        A locked account is unlocked. Raises ValueError for an impossible id.
        """
        values = self._assigned("set", moment) | (
            self._assigned("unlock", moment) if account.locked else {}
        )
        if password_hash is not None:
            values[self._columns["password"]] = self._stored_hash(password_hash)
        return self._change(
            account.id, account.email, values, self._still_takes_password_of(account)
        )

    def is_as_it_was(self, account: Account) -> sa.Select[Any]:
        """Ask for the account under the conditions of `change`.

        Raises ValueError for an impossible id.
        """
        allowed = self._may_be_changed(
            account.id, account.email, self._still_takes_password_of(account)
        )
        return sa.select(self._columns["id"]).where(*allowed)

    def _still_takes_password_of(self, account: Account) -> Condition:
        is_open = self._is_active_or_locked() if account.locked else self._is_active
        return sa.and_(is_open, self._lacks_hash()) if account.awaits_password else is_open

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
        has_value = _is_any(stored, [None] if account_id is None else kind.ids(account_id))
        if kind.holds in (int, UUID, bytes):
            return has_value
        text = self._is_text("id", account_id)
        return sa.and_(
            has_value,
            sa.or_(text, sa.func.typeof(stored) == "blob") if kind.holds_anything else text,
        )

    def endings(
        self, account_id: str, moment: datetime, *, intruded: bool
    ) -> Iterator[tuple[str, Write]]:
        """Yield the statements that end an account's sessions and the like, each with the kind that
        it ends.

        The kind "" is for a second statement that repeats the first with an earlier limit, for
        columns whose times may be in another zone. Its rows are not counted.
        """
        for one in self.mapping.endings:
            if intruded or one.ending.when == "change":
                with suppress(ValueError):  # a column of another type holds no such id
                    owners = kind_of(one.owner).ids(account_id)
                    yield one.ending.what, self._end(one, owners, moment, moment)
                    if any(_keeps_no_zone(column, value) for column, value in one.sets.items()):
                        yield "", self._end(one, owners, moment, moment - timedelta(days=1))

    def new_random_values(self, account_id: str, moment: datetime) -> sa.Update | None:
        """Return the UPDATE of the account's columns of `{random}`; None if there are none.

        Such a column admits clients, as a session's token does. Raises ValueError for an impossible
        id.
        """
        placeholders = self.mapping.assigned["set"].items()
        random = {
            column: set_value(column, value, moment)
            for column, value in placeholders
            if value == RANDOM
        }
        if not random:
            return None
        return sa.update(self.mapping.table).where(self._has_id(account_id)).values(random)

    def _end(
        self, one: MappedEnding, owners: Iterable[Any], moment: datetime, limit: datetime
    ) -> Write:
        theirs = [_is_any(one.owner, owners)]
        if self._dialect == "mysql" and kind_of(one.owner).holds is str:
            theirs.append(_is_any(self._exactly(one.owner), owners))
        theirs += [_has_value(column, value, moment) for column, value in one.where.items()]
        if not one.sets:
            return sa.delete(one.owner.table).where(*theirs)
        due = [_is_due(column, value, limit) for column, value in one.sets.items()]
        return (
            sa.update(one.owner.table)
            .where(*theirs, sa.or_(*due))
            .values(_values(one.sets, moment))
        )

    def trial_statements(self, moment: datetime) -> Iterator[tuple[str, sa.Executable]]:
        """Yield variants of the statements that find and change accounts.

        They match no account. Each comes with the setting at fault if the database refuses it.
        """
        trial, values = self.by_identifier(["", "@"])
        yield "table", trial.params(values)
        if "password" in self._columns:
            yield (
                "password",
                self._change(
                    None, "", {self._columns["password"]: self._stored_hash("")}, self._is_active
                ),
            )
        for section, assignments in self.mapping.assigned.items():
            for column, value in _values(assignments, moment).items():
                yield (
                    f"{section}.{column.name}",
                    self._change(None, "", {column: value}, self._is_active),
                )
        for ending in self.mapping.endings:
            yield ending.setting, self._end(ending, [None], moment, moment)

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
        numbers = {
            "active": _as_number(self._is_active),
            "with_hash": _as_number(has_hash),
            "contradicting": _as_number(sa.and_(has_hash, elsewhere)),
        }
        first = sa.select(*(number.label(name) for name, number in numbers.items())).select_from(
            self.mapping.table
        )
        rows = first.limit(most).subquery()
        sums = [sa.func.coalesce(sa.func.sum(rows.c[name]), 0).label(name) for name in numbers]
        return sa.select(sa.func.count().label("accounts"), *sums).select_from(rows)

    def _select_accounts(self) -> sa.Select[Any]:
        columns: list[ColumnElement[Any]] = [
            self._read(one).label(one) for one in _PLAIN if one in self._columns
        ]
        if "password" in self._columns:
            columns += [self._has_hash().label("has_hash"), self._lacks_hash().label("lacks_hash")]
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
        if kind_of(column).holds is bytes:
            # PostgreSQL's cast of bytes writes hexadecimal digits.
            is_postgresql = self._dialect == "postgresql"
            first = (
                sa.func.encode(first, "escape", type_=sa.Text)
                if is_postgresql
                else sa.cast(first, sa.Text)
            )
        return sa.func.coalesce(first, "").not_in(_UNUSABLE)

    def _stored_hash(self, text: str) -> str | bytes:
        return text.encode() if kind_of(self._columns["password"]).holds is bytes else text

    def _is_text(self, field: str, value: str | None) -> Condition:
        """Return the condition that the field is the same text, character by character.

        Spaces around it do not count.
        """
        return self._exactly(self._columns[field]) == sa.bindparam(
            None, value, type_=sa.Text(), unique=True
        )

    def _exactly(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        kind: TypeEngine[str] = (
            mysql.CHAR(charset="utf8mb4") if self._dialect == "mysql" else sa.Text()
        )
        text = sa.func.trim(sa.cast(column, kind), type_=kind)
        return text.collate(_CHARACTER_BY_CHARACTER[self._dialect])


def _as_number(condition: Condition) -> sa.Case[int]:
    return sa.case(
        (condition, sa.literal_column("1", sa.Integer)), else_=sa.literal_column("0", sa.Integer)
    )


def _values(assignments: Assignments, moment: datetime) -> _Values:
    return {column: set_value(column, value, moment) for column, value in assignments.items()}


def _is_due(column: sa.Column[Any], value: Value, moment: datetime) -> Condition:
    """Return the condition that a row has not ended yet.

    A time in the past tells when the row ended, so it stays.
    """
    if value == "{null}":
        return column.is_not(None)
    limit = sa.bindparam(None, set_value(column, value, moment), type_=column.type, unique=True)
    return sa.or_(column.is_(None), column > limit if value in TIMES else column != limit)


def _keeps_no_zone(column: sa.Column[Any], value: Value) -> bool:
    """Tell whether the column's times may be in another zone, up to a day behind UTC."""
    kind = kind_of(column)
    if kind.has_native_times:
        return not kind.zoned
    return value == "{now}" and kind.holds not in (int, float, Decimal)


def _has_value(column: sa.Column[Any], value: Value, moment: datetime) -> Condition:
    return (
        column.is_(None)
        if value == "{null}"
        else _is_any(column, [set_value(column, value, moment)])
    )


def _is_any(stored: ColumnElement[Any], values: Iterable[Any]) -> Condition:
    # None must be a parameter, too: `= NULL` is never true, but SQLAlchemy would write IS NULL.
    return sa.or_(
        *(stored == sa.bindparam(None, value, type_=stored.type, unique=True) for value in values)
    )
