"""The statements over the table of accounts, and over the tables whose rows end with a password.

Values are bound parameters, and every name is quoted.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import cycle, islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.column_values import Value, set_value
from keyturn.service.accounts.table.columns import AnyEncoding, kind_of, lowered
from keyturn.service.accounts.table.conditions import (
    PASSWORD_PROVIDERS,
    Condition,
    Conditions,
    has_value,
    is_any,
    is_due,
    limits_of_ranges,
)
from keyturn.service.accounts.table.mapping import Assignments, MappedEnding, MappedTable
from keyturn.service.database.statements import is_one_of
from keyturn.service.settings.placeholders import NOW, RANDOM

_PLAIN = ("id", "email", "username", "name", "provider", "kind", "locale")  # read unchanged

_IDENTIFYING = ("id", "email")
"""Fields that every account must have."""

_Values = dict[sa.Column[Any], Any]


class Query(NamedTuple):
    """A SELECT, and the parameters of this call, so that a frequent statement is built once."""

    statement: sa.Select[Any]
    values: dict[str, Any] | None = None


class EndingStatement(NamedTuple):
    """A statement that ends rows of an account.

    `what`: the kind of access that it ends; "" for one whose rows are not counted.
    """

    what: str
    statement: sa.Update | sa.Delete


class Trial(NamedTuple):
    """A statement that matches no account, and the setting at fault if it is refused."""

    setting: str
    statement: sa.Executable


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
    """Builds the statements of a store, for one mapping in one dialect.

    They share the conditions on rows and the SELECT of accounts, which are built once.
    """

    def __init__(self, mapping: MappedTable, dialect: sa.Dialect) -> None:
        self.mapping = mapping
        self._dialect = dialect.name
        self._columns = mapping.fields
        self._rows = Conditions(mapping, dialect.name)
        self._accounts = self._select_accounts()
        key = mapping.fields["id"]
        # An app's type takes a list as the driver does.
        is_wanted = is_one_of(key, "ids", dialect, array=key.type)
        self._accounts_by_id = self._accounts.where(is_wanted)
        self._accounts_in_ranges = cache(self._select_ranges)

    def by_identifier(self, spellings: Collection[str]) -> Query:
        """Ask for every row whose address or user name may be one of these.

        It must find no fewer rows than those: `choose_row` decides which of them is meant.

        The column of addresses is compared only with addresses, and that of user names only with
        user names: its encoding may lack a letter of the other ones.
        """
        addresses = _filled_up([spelling for spelling in spellings if "@" in spelling])
        names = _filled_up([spelling for spelling in spellings if "@" not in spelling])
        values = limits_of_ranges("email", addresses) | limits_of_ranges("username", names)
        return Query(self._accounts_in_ranges(len(addresses), len(names)), values)

    def _select_ranges(self, addresses: int, names: int) -> sa.Select[Any]:
        of_addresses = self._rows.is_in_ranges("email", addresses)
        of_names = self._rows.is_in_ranges("username", names)
        return self._accounts.where(sa.or_(sa.false(), *of_addresses, *of_names))

    def by_ids(self, ids: Iterable[str]) -> Query:
        """Ask for the rows with these ids. An id that the column cannot hold has no row."""
        values: list[Any] = []
        for text in ids:
            with suppress(ValueError):
                values += kind_of(self._columns["id"]).ids(text)
        return Query(self._accounts_by_id, {"ids": values})

    def hash_by_id(self, account_id: str) -> Query:
        """Ask for the account with its hash, which no other statement reads."""
        accounts = self.by_ids([account_id])
        with_hash = accounts.statement.add_columns(self._columns["password"].label("hash"))
        return Query(with_hash, accounts.values)

    def awaiting_password(self) -> Query:
        """Ask for the addresses of active accounts that never had a password."""
        return self._addresses(
            self._rows.lacks_hash(), self._rows.is_active, *self._rows.signs_in_here()
        )

    def addresses_after(self, email: str, most: int) -> Query:
        """Ask for the addresses of active and locked accounts that come after this one.

        The order is that of the characters' codes.
        """
        stored = self._rows.exactly(self._columns["email"])
        is_later = stored > sa.literal(email, sa.Text)
        listed = self._addresses(self._rows.is_active_or_locked(), is_later)
        return Query(listed.statement.order_by(stored).limit(most))

    def _addresses(self, *conditions: Condition) -> Query:
        return Query(sa.select(self._columns["email"].label("email")).where(*conditions))

    def lock(self, account: Account, moment: datetime) -> sa.Update:
        """Lock the account. An inactive one, or one with another address, stays as it is.

        Raises ValueError for an impossible id.
        """
        is_unchanged = self._rows.is_unchanged(account.id, account.email)
        locking = sa.update(self.mapping.table).values(_values(self.mapping.lock, moment))
        return locking.where(is_unchanged, self._rows.is_active)

    def unlock(self, account_id: str, moment: datetime) -> sa.Update:
        """Unlock the account. One that is inactive for another reason stays inactive.

        Raises ValueError for an impossible id.
        """
        unlocking = sa.update(self.mapping.table).values(_values(self.mapping.unlock, moment))
        return unlocking.where(self._rows.has_id(account_id), self._rows.is_locked())

    def change(self, account: Account, password_hash: str | None, moment: datetime) -> sa.Update:
        """Set the hash, if given, and the columns of `set`, and unlock a locked account.

        An account that is no longer as it was read stays as it is: its owner may have changed the
        address since, or the app may have disabled it. Raises ValueError for an impossible id.
        """
        values = _values(self.mapping.sets, moment)
        if account.locked:
            values |= _values(self.mapping.unlock, moment)
        if password_hash is not None:
            values[self._columns["password"]] = self._stored_hash(password_hash)
        may_change = self._rows.may_be_changed_now(account)
        return self._change(account.id, account.email, values, may_change)

    def is_as_it_was(self, account: Account) -> sa.Select[Any]:
        """Ask for the account under the conditions of `change`.

        Raises ValueError for an impossible id.
        """
        may_change = self._rows.may_be_changed_now(account)
        allowed = self._may_be_changed(account.id, account.email, may_change)
        return sa.select(self._columns["id"]).where(*allowed)

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
        yield self._rows.is_unchanged(account_id, email)
        yield may_change
        yield from self._rows.signs_in_here()

    def endings(
        self, account_id: str, moment: datetime, *, intruded: bool
    ) -> Iterator[EndingStatement]:
        """Yield the statements that end an account's sessions and the like.

        They change no row of another account. A second statement repeats the first with an earlier
        limit, for columns whose times may be in another zone. Its rows are not counted.
        """
        for ending in self.mapping.endings:
            if ending.ending.when != "change" and not intruded:
                continue
            try:
                owners = kind_of(ending.owner).ids(account_id)
                yield EndingStatement(ending.ending.what, self._end(ending, owners, moment, moment))
                if any(_keeps_no_zone(column, value) for column, value in ending.sets.items()):
                    a_day_ago = moment - timedelta(days=1)
                    yield EndingStatement("", self._end(ending, owners, moment, a_day_ago))
            except ValueError:
                continue  # a column of another type holds no such id

    def _end(
        self, ending: MappedEnding, owners: Iterable[Any], moment: datetime, limit: datetime
    ) -> sa.Update | sa.Delete:
        """Delete the owners' rows, or set their columns if they have not ended by `limit`."""
        theirs = [is_any(ending.owner, owners)]
        if self._dialect == "mysql" and kind_of(ending.owner).holds is str:
            # In MySQL's own collations, "a" is "A". The condition above can use an index.
            theirs.append(is_any(self._rows.exactly(ending.owner), owners))
        for column, value in ending.where.items():
            theirs.append(has_value(column, value))
        if ending.is_deletion:
            return sa.delete(ending.owner.table).where(*theirs)
        not_ended = [is_due(column, value, limit) for column, value in ending.sets.items()]
        ended = sa.update(ending.owner.table).values(_values(ending.sets, moment))
        return ended.where(*theirs, sa.or_(*not_ended))

    def new_random_values(self, account_id: str, moment: datetime) -> sa.Update | None:
        """Return the UPDATE of the account's columns of `{random}`; None if there are none.

        Such a column admits clients, as a session's token does. Raises ValueError for an impossible
        id.
        """
        values = {}
        for column, placeholder in self.mapping.sets.items():
            if placeholder == RANDOM:
                values[column] = set_value(column, placeholder, moment)
        if not values:
            return None
        return sa.update(self.mapping.table).where(self._rows.has_id(account_id)).values(values)

    def trial_statements(self, moment: datetime) -> Iterator[Trial]:
        """Yield variants of the statements that find and change accounts. They match no account."""
        find = self.by_identifier(["", "@"])
        yield Trial("table", find.statement.params(find.values))
        if "password" in self._columns:
            password = self._columns["password"]
            yield Trial("password", self._change_of_none(password, self._stored_hash("")))
        for section, assignments in self.mapping.assignments.items():
            for column, value in _values(assignments, moment).items():
                setting = f"{section}.{column.name}"
                yield Trial(setting, self._change_of_none(column, value))
        for ending in self.mapping.endings:
            yield Trial(ending.setting, self._end(ending, [None], moment, moment))

    def _change_of_none(self, column: sa.Column[Any], value: object) -> sa.Update:
        return self._change(None, "", {column: value}, self._rows.is_active)

    def counts(self, most: int) -> sa.Select[Any]:
        """Count the accounts of the first `most` rows: all, active, with a hash, and contradicting.

        A contradicting account has a hash although its provider signs it in.
        """
        has_hash = self._rows.has_hash() if "password" in self._columns else sa.false()
        elsewhere: Condition = sa.false()
        if "provider" in self._columns:
            elsewhere = lowered(self._columns["provider"]).not_in(PASSWORD_PROVIDERS)
        each = sa.select(
            _as_number(self._rows.is_active).label("active"),
            _as_number(has_hash).label("with_hash"),
            _as_number(sa.and_(has_hash, elsewhere)).label("contradicting"),
        )
        rows = each.select_from(self.mapping.table).limit(most).subquery()
        sums = [sa.func.coalesce(sa.func.sum(row), 0).label(row.name) for row in rows.c]
        return sa.select(sa.func.count().label("accounts"), *sums).select_from(rows)

    def has_hash(self) -> Condition:
        return self._rows.has_hash()

    def _select_accounts(self) -> sa.Select[Any]:
        fields = [field for field in _PLAIN if field in self._columns]
        columns: list[ColumnElement[Any]] = [self._read(field).label(field) for field in fields]
        if "password" in self._columns:
            columns.append(self._rows.has_hash().label("has_hash"))
            columns.append(self._rows.lacks_hash().label("lacks_hash"))
        if self.mapping.lock:
            columns.append(self._rows.is_locked().label("locked"))
        return sa.select(*columns, self._rows.is_active.label("active"))

    def _read(self, field: str) -> ColumnElement[Any]:
        column = self._columns[field]
        kind = kind_of(column)
        is_plain_text = kind.holds is str and not kind.choices
        if self.mapping.has_any_encoding and is_plain_text and field not in _IDENTIFYING:
            return sa.func.convert_to(column, "SQL_ASCII", type_=AnyEncoding())
        return column

    def _stored_hash(self, text: str) -> str | bytes:
        if kind_of(self._columns["password"]).holds is bytes:
            return text.encode()
        return text


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


def _values(assignments: Assignments, moment: datetime) -> _Values:
    return {column: set_value(column, value, moment) for column, value in assignments.items()}


def _keeps_no_zone(column: sa.Column[Any], value: Value) -> bool:
    """Tell whether the column's times may be in another zone, up to a day behind UTC."""
    kind = kind_of(column)
    if kind.has_native_times:
        return not kind.zoned
    return value == NOW and kind.holds not in (int, float, Decimal)
