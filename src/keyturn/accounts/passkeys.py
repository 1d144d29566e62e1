"""Rows of passkeys, in Keyturn's own table or in the columns that an app's library reads.

The names and encodings of each library are in `FORMATS`; docs/passkeys.md has their sources. Ids and user handles are
base64url or bytes, as the column is. Rows are compared in Python once more: in MySQL's collations "a" is "A".
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
import sqlalchemy as sa

from keyturn.accounts.port import Passkey
from keyturn.accounts.table.columns import Column, id_values, read_time, set_value, text_of
from keyturn.database.database import DatabaseAccess
from keyturn.problems.requests import AccountsUnready

RECENT = timedelta(days=14)
"""How far back "this was not me" removes passkeys: a week before the change, which its mail names, and a week in which
the button of that mail may work."""

_NEVER = datetime.min.replace(tzinfo=UTC)

_MOST = 50
"""Passkeys of an account that are read."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """How a library stores passkeys. `columns`: names by field. `needed`: fields without which it cannot work.

    `encoding`: of a public key in a text. `is_one_of`: the value of the column `type`, if others share the table.
    """

    table: str
    columns: Mapping[str, str]
    needed: frozenset[str] = frozenset({"account", "credential", "public_key", "counter"})
    encoding: str = "base64url"
    is_one_of: str = ""


_COMMON = {"account": "userId", "counter": "counter", "device_type": "deviceType", "backed_up": "backedUp"}
_COMMON |= {"transports": "transports", "aaguid": "aaguid", "name": "name", "created_at": "createdAt"}
FORMATS: Mapping[str, Format] = {
    "better-auth": Format(
        table="passkey",
        columns={**_COMMON, "row": "id", "credential": "credentialID", "public_key": "publicKey"},
        encoding="base64",
    ),
    "simplewebauthn": Format(
        table="passkeys",
        columns={
            **_COMMON,
            "credential": "id",
            "row": "",
            "public_key": "publicKey",
            "handle": "webauthnUserID",
            "used_at": "lastUsedAt",
        },
    ),
    "django-allauth": Format(
        table="mfa_authenticator",
        columns={
            "row": "id",
            "account": "user_id",
            "data": "data",
            "type": "type",
            "created_at": "created_at",
            "used_at": "last_used_at",
        },
        needed=frozenset({"row", "account", "data", "type", "created_at"}),
        is_one_of="webauthn",
    ),
}


class MappedPasskeys(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of passkeys, checked. `table`: with them. `columns`: by field. `generates`: fills in `row`."""

    table: sa.TableClause
    columns: Mapping[str, Column]
    format: Format
    generates: bool = False


class PasskeyRows:
    """Reads and writes the rows of one table, inside the caller's transaction."""

    def __init__(self, mapped: MappedPasskeys) -> None:
        self._mapped = mapped
        self._of = {field: mapped.table.c[column.name] for field, column in mapped.columns.items()}

    def of_account(self, connection: sa.Connection, account_id: str) -> Sequence[Passkey]:
        return [passkey for _, passkey in self._rows(connection, account_id)]

    def find(self, connection: sa.Connection, passkey_id: str) -> Passkey | None:
        found = map(self._passkey, self._read(connection, self._has("credential", passkey_id)))
        same = [passkey for passkey in found if passkey and passkey.id == passkey_id]
        return same[0] if len(same) == 1 else None

    def add(self, connection: sa.Connection, passkey: Passkey, moment: datetime, most: int) -> bool:
        # The check is a read before the write. Only the creator of a passkey could repeat its id, which is random; a
        # unique column refuses that, and `find` takes neither of two.
        taken = "credential" in self._of and self._read(connection, self._has("credential", passkey.id))
        theirs = self._rows(connection, passkey.account_id)
        if taken or len(theirs) >= most or any(other.id == passkey.id for _, other in theirs):
            return False
        values = {self._of[field].name: value for field, value in self._values(passkey, moment).items()}
        connection.execute(sa.insert(self._mapped.table).values(values))
        return True

    def use(self, connection: sa.Connection, passkey: Passkey, counter: int, moment: datetime) -> bool:
        stored = self._of["counter"]
        # Of two uses with one counter, one is a clone's. An authenticator without a counter always says 0 (WebAuthn
        # Level 3, 6.1.1).
        due = stored < self._bound("counter", counter) if counter else stored == self._bound("counter", 0)
        values = {stored: self._bound("counter", counter)}
        if "used_at" in self._of:
            values[self._of["used_at"]] = self._time("used_at", moment)
        return self._change(connection, passkey, sa.update(self._mapped.table).where(due).values(values))

    def rename(self, connection: sa.Connection, passkey: Passkey, name: str) -> bool:
        if "data" in self._of:
            row = self._find_row(connection, passkey)
            values: dict[Any, Any] = {self._of["data"]: json.dumps(_json(row["data"]) | {"name": name})} if row else {}
        else:
            values = {self._of["name"]: self._bound("name", name)} if "name" in self._of else {}
        return bool(values) and self._change(connection, passkey, sa.update(self._mapped.table).values(values))

    def remove(self, connection: sa.Connection, passkey: Passkey) -> bool:
        return self._change(connection, passkey, sa.delete(self._mapped.table))

    def remove_recent(self, connection: sa.Connection, account_id: str, moment: datetime) -> int:
        """Remove passkeys that were created shortly before, and those of an unknown time; return how many.

        All of them, also those that Keyturn cannot read: the app may accept them, and a thief may have created many.
        """
        since, removed = moment - RECENT, 0
        for row in self._owned(connection, account_id, most=None):
            created_at = read_time(row.get("created_at"))
            if not created_at or created_at >= since:
                removed += self._change_row(connection, row, sa.delete(self._mapped.table))
        return removed

    def exists_for(self, account: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Return the condition that the account has a passkey."""
        return sa.exists().where(self._of["account"] == account, *self._is_passkey())

    def trials(self, moment: datetime) -> Sequence[sa.Executable]:
        """Return a variant of each statement that matches no row. Raises ValueError if a column cannot hold its value.

        An INSERT is planned and never run.
        """
        nothing, table = sa.literal(1) == sa.literal(0), self._mapped.table
        some = {UUID: str(UUID(int=0)), bytes: "00"}.get(self._mapped.columns["account"].holds, "0")
        values = self._values(Passkey(id=encode(bytes(16)), account_id=some, response='{"response": {}}'), moment)
        named = {self._of[field].name: self._typed(field, value) for field, value in values.items()}
        return [
            sa.select(*self._of.values()).where(nothing),
            sa.insert(table).values(named),
            sa.update(table).where(nothing).values(named),
            sa.delete(table).where(nothing),
        ]

    def _rows(self, connection: sa.Connection, account_id: str) -> Sequence[tuple[Any, Passkey]]:
        rows = self._owned(connection, account_id, _MOST)
        return [(row, passkey) for row in rows if (passkey := self._passkey(row))]

    def _owned(self, connection: sa.Connection, account_id: str, most: int | None) -> Sequence[Any]:
        try:
            owners = id_values(self._mapped.columns["account"], account_id)
        except ValueError:  # another store's account
            return []
        mine = sa.or_(*(self._of["account"] == self._typed("account", one) for one in owners))
        return [row for row in self._read(connection, mine, most) if text_of(row["account"]) == account_id]

    def _read(
        self, connection: sa.Connection, where: sa.ColumnElement[bool], most: int | None = _MOST
    ) -> Sequence[Any]:
        columns = [column.label(field) for field, column in self._of.items()]
        return connection.execute(sa.select(*columns).where(where, *self._is_passkey()).limit(most)).mappings().all()

    def _is_passkey(self) -> Sequence[sa.ColumnElement[bool]]:
        kind = self._mapped.format.is_one_of
        return (self._of["type"] == self._typed("type", kind),) if kind else ()

    def _find_row(self, connection: sa.Connection, passkey: Passkey) -> Any:
        return next((row for row, one in self._rows(connection, passkey.account_id) if one.id == passkey.id), None)

    def _change(self, connection: sa.Connection, passkey: Passkey, statement: sa.Update | sa.Delete) -> bool:
        """Run the statement for the row of the passkey; return whether it changed that row."""
        row = self._find_row(connection, passkey)
        return row is not None and self._change_row(connection, row, statement)

    def _change_row(self, connection: sa.Connection, row: Any, statement: sa.Update | sa.Delete) -> bool:
        key = "row" if "row" in self._of else "credential"
        mine = (self._of[field] == self._typed(field, row[field]) for field in (key, "account"))
        return connection.execute(statement.where(*mine)).rowcount == 1

    def _passkey(self, row: Any) -> Passkey | None:
        """Return the passkey in a row; None if it is not in the form of the format."""
        created_at, account_id = read_time(row.get("created_at")), text_of(row["account"])
        try:
            if "data" in self._of:
                data = _json(row["data"])
                name, passkey_id = str(data["name"]), str(data["credential"]["id"])
                return Passkey(id=passkey_id, account_id=account_id, name=name, created_at=created_at)
            return Passkey(
                id=encode(_bytes(row["credential"])),
                account_id=account_id,
                public_key=_bytes(row["public_key"]),
                counter=int(row["counter"] or 0),
                handle=_bytes(row.get("handle") or b""),
                transports=tuple(filter(None, text_of(row.get("transports")).split(","))),
                name=text_of(row.get("name")),
                created_at=created_at,
            )
        except (KeyError, TypeError, ValueError):
            return None

    def _values(self, passkey: Passkey, moment: datetime) -> dict[str, Any]:
        """Return what each column gets. Raises ValueError if one cannot hold it."""
        data = {"name": passkey.name, "credential": _stored_answer(passkey)} if "data" in self._of else {}
        device = "multiDevice" if passkey.is_synced else "singleDevice"
        given: dict[str, Any] = {
            "account": id_values(self._mapped.columns["account"], passkey.account_id)[0],
            "credential": passkey.id,
            "public_key": passkey.public_key,
            "handle": passkey.handle,
            "counter": passkey.counter,
            "device_type": passkey.is_synced if self._holds("device_type") in (bool, int) else device,
            "backed_up": passkey.backed_up,
            "transports": ",".join(passkey.transports),
            "aaguid": passkey.aaguid,
            "name": passkey.name,
            "type": self._mapped.format.is_one_of,
            "data": json.dumps(data),
        }
        values = {field: self._stored(field, value) for field, value in given.items() if field in self._of}
        if "created_at" in self._of:
            values["created_at"] = self._time("created_at", moment)
        if self._mapped.generates:
            fresh = uuid4()
            values["row"] = fresh if self._holds("row") is UUID else fresh.hex
        return values

    def _holds(self, field: str) -> type | None:
        return self._mapped.columns[field].holds if field in self._of else None

    def _stored(self, field: str, value: Any) -> Any:
        column = self._mapped.columns[field]
        if field in ("credential", "handle", "public_key"):
            raw = decode(value) if isinstance(value, str) else value
            if column.holds is bytes or (column.holds_anything and field == "public_key" and not self._is_text_key):
                return raw
            text = base64.b64encode(raw).decode() if field == "public_key" and self._is_text_key else encode(raw)
            if column.length is not None and len(text) > column.length:
                raise ValueError(f"{column.name} is too short")
            return text
        if field in ("account", "data") or column.holds is type(value):
            return value[: column.length] if field == "name" and column.length else value
        return int(value) if isinstance(value, bool) else set_value(column, value, _NEVER)

    @property
    def _is_text_key(self) -> bool:
        return self._mapped.format.encoding == "base64"

    def _time(self, field: str, moment: datetime) -> Any:
        return set_value(self._mapped.columns[field], "{now}", moment)

    def _has(self, field: str, value: Any) -> sa.ColumnElement[bool]:
        return self._of[field] == self._bound(field, value)

    def _bound(self, field: str, value: Any) -> sa.BindParameter[Any]:
        return self._typed(field, self._stored(field, value))

    def _typed(self, field: str, value: Any) -> sa.BindParameter[Any]:
        return sa.bindparam(None, value, type_=self._of[field].type, unique=True)


def encode(raw: bytes) -> str:
    """Return base64url without padding, as WebAuthn's JSON has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes of base64 or base64url, with or without padding. Raises ValueError."""
    plain = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


def _bytes(stored: Any) -> bytes:
    return bytes(stored) if isinstance(stored, bytes | bytearray | memoryview) else decode(str(stored))


def _json(stored: Any) -> dict[str, Any]:
    found = json.loads(stored) if isinstance(stored, str | bytes) else stored
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _stored_answer(passkey: Passkey) -> dict[str, Any]:
    """Return what django-allauth stores of a browser's answer. The passkey was created as a discoverable one."""
    answer = json.loads(passkey.response)
    response = {name: answer["response"].get(name) for name in ("clientDataJSON", "attestationObject")}
    whole = {"type": "public-key", "id": passkey.id, "rawId": passkey.id, "response": response}
    return whole | {"clientExtensionResults": {"credProps": {"rk": True}}}


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


_Result = TypeVar("_Result")


class PlacedPasskeys:
    """A PasskeyStore over rows in a database.

    `current`: returns the rows, which a table's columns must be read for. `guarded`: turns what the database refuses
    into AccountsUnready.
    """

    def __init__(
        self,
        place: DatabaseAccess,
        current: Callable[[], Awaitable[PasskeyRows]],
        *,
        joins: bool,
        library: str = "",
        guarded: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._place = place
        self._current = current
        self._guarded = guarded
        self._library = library
        self._rows: PasskeyRows | None = None
        self.joins = joins
        self.signs_in = library != "django-allauth"

    async def transact(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        self._rows = await self._current()
        return await self._place.transact(partial(self._run, work))

    async def of_account(self, account_id: str) -> Sequence[Passkey]:
        self._rows = rows = await self._current()
        return await self._place.read(partial(self._run, lambda connection: rows.of_account(connection, account_id)))

    async def find(self, passkey_id: str) -> Passkey | None:
        self._rows = rows = await self._current()
        return await self._place.read(partial(self._run, lambda connection: rows.find(connection, passkey_id)))

    def handle_for(self, account_id: str) -> bytes:
        """Return what django-allauth makes of a primary key, by which it finds the user."""
        if self._library != "django-allauth":
            return b""
        with suppress(ValueError):
            return UUID(account_id).hex.encode()
        return (_base36(int(account_id)) if account_id.isascii() and account_id.isdigit() else account_id).encode()

    def add(self, connection: sa.Connection, passkey: Passkey, moment: datetime, most: int) -> bool:
        with self._guarded():
            return self._now.add(connection, passkey, moment, most)

    def use(self, connection: sa.Connection, passkey: Passkey, counter: int, moment: datetime) -> bool:
        with self._guarded():
            return self._now.use(connection, passkey, counter, moment)

    def rename(self, connection: sa.Connection, passkey: Passkey, name: str) -> bool:
        with self._guarded():
            return self._now.rename(connection, passkey, name)

    def remove(self, connection: sa.Connection, passkey: Passkey) -> bool:
        with self._guarded():
            return self._now.remove(connection, passkey)

    @property
    def _now(self) -> PasskeyRows:
        if self._rows is None:  # every caller has read before
            raise AccountsUnready("the table of the passkeys was not read", not_changed=True)
        return self._rows

    def _run(self, work: Callable[[sa.Connection], _Result], connection: sa.Connection) -> _Result:
        with self._guarded():
            return work(connection)
