"""Builds the statements over a mapped table. Values are bound parameters, and every name is quoted."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from keyturn.service.accounts.table.columns import Column, id_values
from keyturn.service.accounts.table.mapping import FALSE, TRUE, Assignments, MappedEnding, Mapping, table_clause
from keyturn.service.accounts.table.placeholders import TIMES, set_value

_CHARACTER_BY_CHARACTER = {"sqlite": "BINARY", "postgresql": "C", "mysql": "utf8mb4_bin"}
"""The collation in which only identical characters are equal; in MySQL's default, é is e."""

_UNUSABLE = ("!", "*")
"""First characters of text that is no hash, or a disabled one: Django's set_unusable_password(), Unix' shadow(5)."""

_HASHES_LOOKED_AT = 50
"""Rows: enough to recognise the most common format."""

_AFTER_SPACES = "!"
"""In the order of ASCII and of Unicode (UTS 10) it follows the space, which apps may leave behind an address."""


class Query(NamedTuple):
    """A SELECT, and this call's parameters. Frequent statements are built once."""

    statement: sa.Select[Any]
    given: dict[str, Any] | None = None


class Statements:
    """Builds every statement of a store, for one mapping in one dialect."""

    def __init__(self, mapping: Mapping, dialect: str) -> None:
        self.mapping = mapping
        self._dialect = dialect
        self._table = table_clause(mapping.table, self._written_columns(), dialect)
        self._columns = {field: self._table.c[known.name] for field, known in mapping.fields.items()}
        self._accounts = self._select_accounts()
        self._accounts_by_id = self._accounts.where(self._is_one_of_ids())
        self._accounts_by_identifier: dict[int, sa.Select[Any]] = {}

    def _written_columns(self) -> list[Column]:
        """Return every named column, each once."""
        mapping = self.mapping
        assigned = (one for one, _ in mapping.assignments)
        return list({one.name: one for one in (*mapping.fields.values(), *assigned)}.values())

    def by_identifier(self, spellings: Collection[str]) -> Query:
        """Ask for every row whose address or user name may be one of these, for `choose_row`.

        An index on lower(email) helps, and one on lower(username). The statement is the same for an address and a name.
        """
        count = 1 << (len(spellings) - 1).bit_length()
        statement = self._accounts_by_identifier.get(count)
        if statement is None:
            fields = [field for field in ("email", "username") if field in self._columns]
            ranges = sa.or_(*(self._is_in_ranges(field, count) for field in fields))
            statement = self._accounts_by_identifier[count] = self._accounts.where(ranges)
        given: dict[str, Any] = {}
        # Some are asked for twice, which reduces the number of different statements to prepare.
        for place, spelling in zip(range(count), cycle(spellings)):
            given |= {f"from{place}": spelling, f"to{place}": spelling + _AFTER_SPACES}
        return Query(statement, given)

    def _is_in_ranges(self, field: str, count: int) -> ColumnElement[bool]:
        stored: ColumnElement[Any] = self._columns[field]
        if field not in self.mapping.folding:
            stored = sa.func.lower(stored)
        first, last = (
            [sa.func.lower(sa.bindparam(f"{end}{place}", type_=sa.Text())) for place in range(count)]
            for end in ("from", "to")
        )
        return sa.or_(*map(stored.between, first, last))

    def by_ids(self, ids: Iterable[str]) -> Query:
        """Ask for the rows with these ids; texts that cannot be an id are left out."""
        values: list[Any] = []
        for text in ids:
            with suppress(ValueError):
                values += id_values(self.mapping.fields["id"], text)
        return Query(self._accounts_by_id, {"ids": values})

    def _is_one_of_ids(self) -> ColumnElement[bool]:
        stored = self._columns["id"]
        if self._dialect == "postgresql":  # one statement to prepare for any number of them
            return stored == sa.any_(sa.bindparam("ids", type_=stored.type))
        return stored.in_(sa.bindparam("ids", type_=stored.type, expanding=True))

    def hash_by_id(self, account_id: str) -> Query:
        """Ask for the row with this id, and its hash."""
        asked = self.by_ids([account_id])
        return asked._replace(statement=asked.statement.add_columns(self._columns["password"].label("hash")))

    def awaiting_password(self) -> Query:
        """Ask for the addresses of active accounts that await their first password."""
        found = sa.select(self._columns["email"].label("email"))
        return Query(found.where(self._lacks_hash(), self._is_active(), *self._signs_in_here()))

    def addresses_after(self, email: str, most: int) -> Query:
        """Ask for the addresses of active and locked accounts that come after this one, character by character."""
        stored = self._trimmed_text("email")
        listed = sa.or_(self._is_active(), self._is_locked()) if self.mapping.locks else self._is_active()
        found = sa.select(self._columns["email"].label("email")).where(listed, stored > sa.literal(email, sa.Text))
        return Query(found.order_by(stored).limit(most))

    def lock(self, account_id: str, email: str, moment: datetime) -> sa.Update:
        """Lock the account, if it is active and has that address. Raises ValueError for an impossible id."""
        values = self._assigned(self.mapping.locks, moment)
        is_unchanged = self._has_id(account_id), self._is_text("email", email)
        return sa.update(self._table).where(*is_unchanged, self._is_active()).values(values)

    def unlock(self, account_id: str, moment: datetime) -> sa.Update:
        """Unlock the account. Raises ValueError for an impossible id."""
        values = self._assigned(self.mapping.unlocks, moment)
        return sa.update(self._table).where(self._has_id(account_id), self._is_locked()).values(values)

    def _assigned(self, assignments: Assignments, moment: datetime) -> dict[Any, Any]:
        return {self._table.c[one.name]: set_value(one, given, moment) for one, given in assignments}

    def _is_locked(self) -> ColumnElement[bool]:
        """Return whether every column of the lock has the value that the lock sets; for a time, any value counts."""
        return sa.and_(*(self._is_as_assigned(one, given) for one, given in self.mapping.locks))

    def _is_as_assigned(self, one: Column, given: bool | float | str) -> ColumnElement[bool]:
        stored: ColumnElement[Any] = self._table.c[one.name]
        return stored.is_not(None) if given in TIMES else _has_value(stored, one, given, datetime.now(UTC))

    def change(
        self, account_id: str, email: str, password_hash: str | None, moment: datetime, *, locked: bool = False
    ) -> sa.Update:
        """Set the hash, if given, and the columns set with it, if the account is unchanged and may have a password.

        An account that was `locked` may still be so, and is unlocked. Raises ValueError for an impossible id.
        """
        values = self._assigned(self.mapping.sets, moment)
        may_change = self._is_active()
        if locked and self.mapping.locks:
            values |= self._assigned(self.mapping.unlocks, moment)
            may_change = sa.or_(may_change, self._is_locked())
        if password_hash is not None:
            values[self._columns["password"]] = password_hash
        # Without columns to set, the statement still shows whether the account is unchanged.
        return self._update(account_id, email, values or {self._columns["id"]: self._columns["id"]}, may_change)

    def _update(
        self, account_id: str | None, email: str, values: dict[Any, Any], may_change: ColumnElement[bool] | None = None
    ) -> sa.Update:
        return (
            sa.update(self._table)
            .where(self._has_id(account_id), self._is_text("email", email))
            .where(self._is_active() if may_change is None else may_change, *self._signs_in_here())
            .values(values)
        )

    def _has_id(self, account_id: str | None) -> ColumnElement[bool]:
        key, stored = self.mapping.fields["id"], self._columns["id"]
        found = _is_any(stored, [None] if account_id is None else id_values(key, account_id))
        if key.holds in (int, UUID, bytes):
            return found
        text = self._is_text("id", account_id)
        return sa.and_(found, sa.or_(text, sa.func.typeof(stored) == "blob") if key.holds_anything else text)

    def endings(
        self, account_id: str, moment: datetime, *, intruded: bool
    ) -> Iterator[tuple[str, sa.Update | sa.Delete]]:
        """Yield the statements that end an account's sessions and the like, each with what it ends.

        "" is for rows that end a second time, or had ended by the app's clock. They are not counted.
        """
        for one in self.mapping.endings:
            if intruded or one.ending.when == "change":
                with suppress(ValueError):  # a column of another type holds no such id
                    owners = id_values(one.owner, account_id)
                    yield one.ending.what, self._end(one, owners, moment)
                    if any(self._keeps_no_zone(column, given) for column, given in one.sets):
                        yield "", self._end(one, owners, moment, margin=timedelta(days=1))

    def _end(
        self, one: MappedEnding, owners: Iterable[Any], moment: datetime, *, margin: timedelta = timedelta(0)
    ) -> sa.Update | sa.Delete:
        columns = {column.name: column for column in (one.owner, *(column for column, _ in (*one.sets, *one.where)))}
        other = table_clause(one.table, list(columns.values()), self._dialect)
        owner = other.c[one.owner.name]
        theirs = [_is_any(owner, owners)]
        if self._dialect == "mysql" and one.owner.holds is str:
            theirs.append(_is_any(self._exactly(owner), owners))
        theirs += [_has_value(other.c[column.name], column, given, moment) for column, given in one.where]
        if not one.sets:
            return sa.delete(other).where(*theirs)
        due = [self._is_due(other.c[column.name], column, given, moment - margin) for column, given in one.sets]
        values = {other.c[column.name]: set_value(column, given, moment) for column, given in one.sets}
        return sa.update(other).where(*theirs, sa.or_(*due)).values(values)

    def _is_due(
        self, stored: ColumnElement[Any], column: Column, given: bool | float | str, moment: datetime
    ) -> ColumnElement[bool]:
        """Return whether a row has not ended yet. A time in the past says when it has, so it stays."""
        if given == "{null}":
            return stored.is_not(None)
        limit = sa.bindparam(None, set_value(column, given, moment), type_=stored.type, unique=True)
        return sa.or_(stored.is_(None), stored > limit if given in TIMES else stored != limit)

    def _keeps_no_zone(self, column: Column, given: object) -> bool:
        """Return whether the column's times may be in any zone, up to a day behind UTC."""
        if column.has_native_times:
            return not column.zoned and not (self._dialect == "mysql" and column.shown.startswith("TIMESTAMP"))
        return given == "{now}" and column.holds not in (int, float, Decimal)

    def trial_statements(self, moment: datetime) -> Iterator[tuple[str, sa.Executable]]:
        """Yield a variant of every statement that matches no account, with the setting at fault if it is refused."""
        trial = self.by_identifier([""])
        yield "table", trial.statement.params(trial.given)
        if "password" in self._columns:
            yield "password", self._update(None, "", {self._columns["password"]: ""})
        mapping = self.mapping
        for section, assignments in (("set", mapping.sets), ("lock", mapping.locks), ("unlock", mapping.unlocks)):
            for one, given in assignments:
                values = {self._table.c[one.name]: set_value(one, given, moment)}
                yield f"{section}.{one.name}", self._update(None, "", values)
        for ending in mapping.endings:
            yield ending.setting, self._end(ending, [None], moment)

    def unread_flags(self) -> Query | None:
        """Ask for one text that is neither yes nor no and yet makes an account active; None if no text can."""
        flag = self.mapping.fields.get("active")
        if flag is None or flag.holds is not str or self.mapping.active.is_not or self.mapping.active.values:
            return None
        found = sa.select(self._columns["active"].label("active"))
        return Query(found.where(self._flag_text().not_in((*FALSE, *TRUE))).limit(1))

    def shared(self, field: str) -> Query:
        """Ask for a row if several active accounts have the same address or user name."""
        address = sa.func.lower(self._trimmed_text(field))
        several = sa.select(sa.func.count()).select_from(self._table).where(address != "", self._is_active())
        return Query(several.group_by(address).having(sa.func.count() > 1).limit(1))

    def some_hashes(self) -> Query:
        """Ask for a few existing hashes."""
        stored = self._columns["password"]
        return Query(
            sa.select(stored.label("hash"))
            .where(sa.func.length(stored) > 0, self._is_usable())
            .limit(_HASHES_LOOKED_AT)
        )

    def _select_accounts(self) -> sa.Select[Any]:
        given = ("id", "email", "username", "name", "provider", "kind", "locale")
        columns: list[ColumnElement[Any]] = [
            self._columns[field].label(field) for field in given if field in self._columns
        ]
        if "password" in self._columns:
            hashed = sa.and_(sa.func.length(self._columns["password"]) > 0, self._is_usable())
            columns += [hashed.label("has_hash"), self._lacks_hash().label("lacks_hash")]
        if self.mapping.locks:
            columns.append(self._is_locked().label("locked"))
        return sa.select(*columns, self._is_active().label("active"))

    def _lacks_hash(self) -> ColumnElement[bool]:
        return sa.func.coalesce(sa.func.length(self._columns["password"]), 0) == 0

    def _is_active(self) -> ColumnElement[bool]:
        if "active" not in self._columns:
            return sa.literal(1) == sa.literal(1)
        flag, named = self._flag_text(), self.mapping.active.values
        is_named = (
            flag.in_([sa.func.lower(sa.literal(value, sa.Text)) for value in named]) if named else flag.not_in(FALSE)
        )
        return sa.not_(is_named) if self.mapping.active.is_not else is_named

    def _flag_text(self) -> ColumnElement[str]:
        flag: ColumnElement[Any] = self._columns["active"]
        if self.mapping.fields["active"].is_bits:
            flag = flag + sa.literal(0)
        return sa.func.coalesce(sa.func.lower(sa.func.trim(sa.cast(flag, sa.Text), type_=sa.Text)), "")

    def _signs_in_here(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions that a password signs the account in, and that its hash was not made unusable."""
        if "provider" in self._columns:
            named = sa.func.coalesce(
                sa.func.lower(sa.func.trim(sa.cast(self._columns["provider"], sa.Text), type_=sa.Text)), ""
            )
            yield named.in_([one.lower() for one in self.mapping.password_providers])
        if "password" in self._columns:
            yield self._is_usable()

    def _is_usable(self) -> ColumnElement[bool]:
        first = sa.func.substr(self._columns["password"], 1, 1, type_=sa.Text)
        return sa.func.coalesce(first, "").not_in(_UNUSABLE)

    def _is_text(self, field: str, value: str | None) -> ColumnElement[bool]:
        """Return whether the field is the same text, character by character, apart from spaces around it."""
        return self._trimmed_text(field) == sa.bindparam(None, value, type_=sa.Text(), unique=True)

    def _trimmed_text(self, field: str) -> ColumnElement[str]:
        return self._exactly(self._columns[field])

    def _exactly(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        kind: TypeEngine[str] = mysql.CHAR(charset="utf8mb4") if self._dialect == "mysql" else sa.Text()
        text = sa.func.trim(sa.cast(column, kind), type_=kind)
        return text.collate(_CHARACTER_BY_CHARACTER[self._dialect])


def _has_value(
    stored: ColumnElement[Any], column: Column, given: bool | float | str, moment: datetime
) -> ColumnElement[bool]:
    return stored.is_(None) if given == "{null}" else _is_any(stored, [set_value(column, given, moment)])


def _is_any(stored: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    # As a parameter even if it is None: `= NULL` is never true, while SQLAlchemy would make it IS NULL.
    return sa.or_(*(stored == sa.bindparam(None, value, type_=stored.type, unique=True) for value in values))
