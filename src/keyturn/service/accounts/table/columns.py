"""The columns of an app's tables in the live database: their types, and the values that are read
and written.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from secrets import token_bytes, token_urlsafe
from typing import Any, Literal, NamedTuple, TypeVar, get_args
from uuid import UUID, uuid4

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError, SAWarning
from sqlalchemy.sql.elements import ColumnElement, quoted_name
from sqlalchemy.types import TypeEngine, UserDefinedType

from keyturn.values import did_you_mean

_LOOKED_AT = 50
"""Values of a sample: enough to recognise the form of times and hashes."""

_SEARCHED = 10_000
"""Rows that are searched for a sample, since a column may have values in few rows or in none."""

_LONGEST = 320  # characters of a sampled value: the longest hashes have fewer

_PYTHON_TYPES = (bool, int, float, Decimal, str, bytes, datetime, date, UUID)


class Stored(UserDefinedType[Any]):
    """The type of an app's column.

    Values pass as the driver returns them: SQLite may hold other values than a column declares.

    `holds`: one of `_PYTHON_TYPES`; object if the column may hold anything (SQLite), or has a type
    that Keyturn cannot write.
    `shown`: the type as the database calls it.
    `length`: the most characters of a text, or bytes; None for no limit.
    `choices`: the values of an enum.
    `lowest`, `highest`: the limits of an integer.
    `zoned`: its times are moments, whatever the time zone of a connection.
    """

    cache_ok = True

    def __init__(self, declared: TypeEngine[Any], dialect: str) -> None:
        kind: TypeEngine[Any] = getattr(declared, "data_type", declared)  # PostgreSQL's domains
        self.on_sqlite = dialect == "sqlite"
        self.shown = str(kind)
        self.holds = _python_type(kind, on_sqlite=self.on_sqlite)
        self.choices: tuple[str, ...] = tuple(getattr(kind, "enums", ()))
        self.length: int | None
        if self.on_sqlite:
            # SQLite stores longer texts and greater numbers than the column declares.
            self.length = None
            self.lowest, self.highest = _bounds_of_bits(64)
        else:
            self.length = getattr(kind, "length", None)
            self.lowest, self.highest = _integer_bounds(kind)
        self.zoned = bool(getattr(kind, "timezone", False)) or isinstance(kind, mysql.TIMESTAMP)
        self.is_bits = isinstance(kind, mysql.BIT)
        self.has_native_times = self.holds in (datetime, date) and not self.on_sqlite
        self.holds_anything = self.on_sqlite and self.holds is object

    def adapt(self, cls: Any, **kw: Any) -> Any:
        del cls, kw  # the type is the same in statements for any dialect
        return copy(self)

    def ids(self, text: str) -> list[Any]:
        """Return the column's values that are shown as this text.

        Raises ValueError if there is none.
        """
        value: Any = text
        if self.holds is int:
            # MySQL takes '12abc' for 12; asyncpg refuses a number out of range.
            value = self.bounded(int(text))
        elif self.holds is Decimal:
            value = _decimal(text)
        elif self.holds is UUID:
            value = UUID(text)
        elif self.holds is bytes:
            value = bytes.fromhex(text)
        # A text in another form than ids are shown in is no id. PostgreSQL cannot store a NUL.
        if text_of(value) != text or "\0" in text:
            raise ValueError("not as it would be shown")
        text.encode()  # raises UnicodeEncodeError, a ValueError, for a surrogate
        # On SQLite, a column of the type BINARY(16) or UUID may hold bytes as well as texts.
        if self.holds_anything and _HEX.fullmatch(text):
            return [value, bytes.fromhex(text)]
        return [value]

    def bounded(self, value: int) -> int:
        if not self.lowest <= value <= self.highest:
            raise ValueError
        return value


class _HexBytes(Stored):
    """Bytes for MySQL, sent as hexadecimal digits.

    With PyMySQL 1.2.3 and later, aiomysql cannot send bytes (aio-libs/aiomysql#1080).
    """

    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> ColumnElement[Any]:
        return sa.func.unhex(bindvalue)

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[bytes | None], str | None]:
        del dialect
        return lambda value: None if value is None else value.hex()


class AnyEncoding(UserDefinedType[str]):
    """Text of a database that does not check encodings.

    A result arrives as bytes. It becomes None if they are not UTF-8.
    """

    cache_ok = True

    def result_processor(
        self, dialect: sa.Dialect, coltype: object
    ) -> Callable[[bytes | None], str | None]:
        del dialect, coltype
        return _utf8


def _utf8(stored: bytes | None) -> str | None:
    if stored is None:
        return None
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return None


_HEX = re.compile(r"([0-9a-f]{2})+", re.ASCII)


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
        raise ValueError
    return Decimal(text)


def text_of(value: Any) -> str:
    """Return a stored value as text: bytes as hex, NULL as "".

    Spaces around a text are removed: databases pad columns of fixed width.
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    return str(value).strip(" ")


def hash_text(stored: Any) -> str:
    """Return a stored hash as text.

    A column of bytes holds its ASCII characters, and databases pad one of fixed width with NUL.
    """
    if isinstance(stored, bytes):
        return stored.rstrip(b"\0").decode("ascii", "replace")
    return text_of(stored)


def kind_of(column: sa.Column[Any]) -> Stored:
    assert isinstance(column.type, Stored)
    return column.type


def sample(
    connection: sa.Connection, column: sa.Column[Any], *which: ColumnElement[bool]
) -> Sequence[object]:
    """Return a column's values in a few of the first rows where `which` holds.

    Long texts are cut. The result is empty if the database refuses the statement.
    """
    kind = kind_of(column)
    short: ColumnElement[Any] = column
    if kind.holds is str and not kind.choices:  # PostgreSQL takes no part of an enum
        short = sa.func.substr(column, 1, _LONGEST, type_=kind)
    fits = sa.and_(column.is_not(None), *which)
    first = sa.select(short.label("short"), fits.label("fits")).limit(_SEARCHED).subquery()
    try:
        few = sa.select(first.c.short).where(first.c.fits).limit(_LOOKED_AT)
        return connection.execute(few).scalars().all()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return ()


def empty_schema() -> sa.MetaData:
    """Return an empty collection for tables.

    Tables that are reflected into it have quoted columns of the type `Stored`.
    """
    tables = sa.MetaData()

    @sa.event.listens_for(tables, "column_reflect")
    def store_as_it_is(inspector: sa.Inspector, _: sa.Table, reflected: Any) -> None:
        declared = reflected["type"]
        dialect = inspector.dialect.name
        if dialect == "mysql" and _python_type(declared, on_sqlite=False) is bytes:
            reflected["type"] = _HexBytes(declared, dialect)
        else:
            reflected["type"] = Stored(declared, dialect)
        reflected["name"] = quoted_name(reflected["name"], quote=True)

    return tables


def table_called(connection: sa.Connection, name: str) -> sa.Table:
    """Return a table of the live database by its name: `users`, or `auth.users` in a schema.

    Raises NoSuchTableError.
    """
    schema, _, bare = name.rpartition(".")
    own_quotes: dict[str, Any] = {"quote": True, "quote_schema": True}
    with warnings.catch_warnings():
        # SQLAlchemy warns about a type that it does not know, mostly of a column that is not used.
        warnings.simplefilter("ignore", SAWarning)
        return sa.Table(
            bare,
            empty_schema(),
            schema=schema or None,
            autoload_with=connection,
            resolve_fks=False,
            **own_quotes,
        )


def _python_type(kind: TypeEngine[Any], *, on_sqlite: bool) -> type:
    if isinstance(kind, mysql.BIT):
        return bool
    if isinstance(kind, sa.Float):  # MySQL's DOUBLE says that it is a Decimal
        return float
    held: type = object
    with suppress(NotImplementedError):
        held = kind.python_type
    if on_sqlite and held is Decimal:
        # SQLite's rules make a number of a type that it does not know, such as UUID. The values
        # may be anything (https://sqlite.org/datatype3.html#determination_of_column_affinity).
        return object
    return held if held in _PYTHON_TYPES else object


def _integer_bounds(kind: TypeEngine[Any]) -> tuple[int, int]:
    bits = 64
    for known, its_bits in _BITS.items():
        if isinstance(kind, known):
            bits = its_bits
            break
    if getattr(kind, "unsigned", False):
        return 0, 2**bits - 1
    return _bounds_of_bits(bits)


def _bounds_of_bits(bits: int) -> tuple[int, int]:
    half = 2 ** (bits - 1)
    return -half, half - 1


_BITS = {
    mysql.TINYINT: 8,
    sa.SmallInteger: 16,
    mysql.MEDIUMINT: 24,
    sa.BigInteger: 64,
    sa.Integer: 32,
}


# Which rows are active, by flags and by the values of a status


_FALSE = ("", "0", "false", "f", "no", "n", "off", "0000-00-00 00:00:00")
"""The texts that PostgreSQL reads as false, an empty text, and MySQL's time for "never"."""

_TRUE = ("1", "true", "t", "yes", "y", "on")


class Flag:
    """One condition of the setting `active`: "column", or "column = value | value".

    A "not " before it reverses it. Without values, the column is a flag: a row is active unless the
    column's value is in `_FALSE`.
    """

    def __init__(self, written: str) -> None:
        name, equals, values = written.removeprefix("not ").partition("=")
        self.column = name.strip()
        self._is_not = written.startswith("not ")
        self._values = tuple(value.strip() for value in values.split("|")) if equals else ()

    def holds(self, column: sa.Column[Any]) -> ColumnElement[bool]:
        stored: ColumnElement[Any] = column
        if kind_of(column).is_bits:
            stored = column + sa.literal(0)  # a BIT becomes a number
        text = lowered(stored)
        if self._values:
            holds = text.in_([sa.func.lower(sa.literal(one, sa.Text)) for one in self._values])
        else:
            holds = text.not_in(_FALSE)
        if self._is_not:
            return sa.not_(holds)
        return holds

    def doubt(self, texts: Iterable[str]) -> str:
        """Return a value of the column that means neither yes nor no, but makes a row active; "" if
        there is none.
        """
        if self._is_not or self._values:
            return ""
        for text in texts:
            if text.strip().lower() not in (*_FALSE, *_TRUE):
                return text
        return ""

    def objection(self, column: sa.Column[Any]) -> str:
        """Return why the condition's values cannot occur in the column; "" if they can."""
        choices = kind_of(column).choices
        if "" in self._values:
            return f"has an empty value: write {self.column} = active | invited, for example"
        if not choices:
            return ""
        known = {choice.lower() for choice in choices}
        there = ", ".join(choices)
        for value in self._values:
            if value.lower() not in known:
                meant = did_you_mean(value, choices)
                return (
                    f"the column {self.column} never contains {value}{meant} (its values are "
                    f"{there})"
                )
        can_be_false = column.nullable or not known.isdisjoint(_FALSE)
        if not self._values and not can_be_false:
            return (
                f"none of {there} means no: list the active values, as in {self.column} = "
                f"{choices[0]}"
            )
        return ""


def parse_flags(written: str | Sequence[str]) -> list[Flag]:
    """Return the conditions of the setting `active`."""
    conditions = [written] if isinstance(written, str) else written
    return [Flag(condition) for condition in conditions if condition]


class MappedFlag(NamedTuple):
    """A condition, and the column of the live table that it reads."""

    flag: Flag
    column: sa.Column[Any]


def all_hold(flags: Iterable[MappedFlag]) -> ColumnElement[bool]:
    """Return the condition that a row is active: all of the flags hold.

    Without flags, every row is active.
    """
    always = sa.literal(1) == sa.literal(1)
    return sa.and_(always, *(one.flag.holds(one.column) for one in flags))


def lowered(stored: ColumnElement[Any]) -> ColumnElement[str]:
    text = sa.func.trim(sa.cast(stored, sa.Text), type_=sa.Text)
    return sa.func.coalesce(sa.func.lower(text), "")


# The values that settings write into columns, and the forms of times (docs/accounts.md)


TimePlaceholder = Literal["{now}", "{now_ms}", "{now_iso}"]
TIMES: tuple[TimePlaceholder, ...] = get_args(TimePlaceholder)

RANDOM = "{random}"

Value = bool | int | float | str
"""A value of a setting for a column: a placeholder, or the value itself."""

_FIRST = 10**8
"""The least number of seconds since 1970 that counts as a time: March 1973.

A thousand times as much is the least number of milliseconds. As seconds, it would be in the year
5138.
"""

_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d(?:(?P<separator>[T ])\d\d:\d\d:\d\d(?:\.\d{1,9})?(?P<zone> "
    r"?(?:Z|[+-]\d\d.*))?)?"
)
_EXAMPLE = datetime(2026, 11, 20, 8, 46, 42, tzinfo=UTC)


def set_value(column: sa.Column[Any], wanted: Value, moment: datetime) -> Any:
    """Return the value that a column gets at that moment.

    Raises ValueError, with a sentence, if the column cannot hold it.
    """
    kind = kind_of(column)
    if wanted == "{null}":
        if not column.nullable:
            raise ValueError("may not be NULL")
        return None
    try:
        if wanted == RANDOM:
            return _random(kind)
        if wanted in TIMES:
            return _time(kind, moment, str(wanted))
        return _plain(kind, wanted)
    except (ValueError, msgspec.ValidationError):
        raise ValueError(f"{wanted!r} does not fit a column of type {kind.shown}") from None


_RANDOM_BYTES = 32

_FEWEST_BYTES = 16
"""The least length of a random value. Such a value may be a session's token, which needs 128 random
bits (OWASP ASVS 7.2.3).
"""

_FEWEST_CHARACTERS = 22
"""The same for characters of base64url: 22 of them have 132 bits."""


def _random(kind: Stored) -> Any:
    """Return a value that cannot be guessed, in the column's type.

    A text, or bytes, is cut to the length of the column. Raises ValueError if that is too short, or
    if the column has another type.
    """
    if kind.holds is UUID:
        return uuid4()
    if kind.holds is bytes:
        return _cut(token_bytes(_RANDOM_BYTES), kind.length, _FEWEST_BYTES)
    holds_text = kind.holds is str or kind.holds_anything
    if holds_text and not kind.choices:
        return _cut(token_urlsafe(_RANDOM_BYTES), kind.length, _FEWEST_CHARACTERS)
    raise ValueError


_Cut = TypeVar("_Cut", str, bytes)


def _cut(value: _Cut, room: int | None, fewest: int) -> _Cut:
    if room is not None and room < fewest:
        raise ValueError
    return value[:room]


def _time(kind: Stored, moment: datetime, placeholder: str) -> Any:
    moment = moment.astimezone(UTC)
    if kind.has_native_times and kind.holds is date:
        return moment.date()
    if kind.has_native_times:
        return _stored(kind, moment)
    if kind.holds in (int, float, Decimal):
        return kind.bounded(_number_of(moment, placeholder))
    if kind.holds is str:
        return _fitting(kind, _text_of_time(moment, placeholder))
    # SQLite has no type for times: such a column holds numbers or texts.
    if kind.holds is date and placeholder != "{now_ms}":
        return _fitting(kind, f"{moment:%Y-%m-%d}")
    if kind.holds in (date, datetime) or kind.holds_anything:
        if placeholder == "{now_ms}":
            return kind.bounded(_number_of(moment, placeholder))
        return _fitting(kind, _text_of_time(moment, placeholder))
    raise ValueError


def _number_of(moment: datetime, placeholder: str) -> int:
    if placeholder == "{now}":
        return int(moment.timestamp())
    if placeholder == "{now_ms}":
        return int(moment.timestamp() * 1000)
    raise ValueError


def _text_of_time(moment: datetime, placeholder: str) -> str:
    if placeholder == "{now}":
        return _sql_text(moment)
    if placeholder == "{now_iso}":
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise ValueError


def _plain(kind: Stored, wanted: Value) -> Any:
    if kind.holds_anything:
        return wanted
    text = str(wanted)
    number = text
    if isinstance(wanted, bool):
        text = text.lower()
        number = str(int(wanted))
    if kind.holds is str:
        return _fitting(kind, text)
    if kind.holds is datetime:
        return _stored(kind, datetime.fromisoformat(text))
    if kind.holds in (bytes, object):
        raise ValueError
    value: Any = msgspec.convert(number, kind.holds, strict=False)
    if kind.on_sqlite and kind.holds is date:
        return text
    if kind.holds is int:
        return kind.bounded(value)
    return value


def _fitting(kind: Stored, text: str) -> str:
    if kind.choices and text not in kind.choices:
        raise ValueError
    if kind.length is not None and len(text) > kind.length:
        raise ValueError
    return text


def _stored(kind: Stored, moment: datetime) -> Any:
    """Return the time for a column of a type for times: with its zone, or in UTC without one.

    On SQLite, which has no such type, it is a text.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    moment = moment.astimezone(UTC)
    if kind.on_sqlite:
        return _sql_text(moment)
    if kind.zoned:
        return moment
    return moment.replace(tzinfo=None)


def _sql_text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def time_form(value: Any) -> str:
    """Return the form of a stored time, in words.

    "" if the value is not a time, or has a type for times.
    """
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float | Decimal):
        for unit, a_second in (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6)):
            first = _FIRST * a_second
            if first <= value < first * 1000:
                return f"{unit} since 1970"
        return ""
    match = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return ""
    if not match["separator"]:
        return "days such as 2026-11-20"
    zone = "Z" if match["zone"] else ""
    return f"texts such as 2026-11-20{match['separator']}08:46:42{zone}"


def usual_form(values: Iterable[Any]) -> str:
    """Return the form of most of the times; "" if none is a time."""
    forms = Counter(map(time_form, values))
    del forms[""]
    for form, _ in forms.most_common(1):
        return form
    return ""


def written_form(kind: Stored, placeholder: str) -> str:
    """Return the form in which a column gets a placeholder's time.

    "" if the column cannot hold it, or has a type for times.
    """
    try:
        return time_form(_time(kind, _EXAMPLE, placeholder))
    except ValueError:
        return ""


def placeholder_for(kind: Stored, form: str) -> TimePlaceholder | None:
    """Return the placeholder that writes times in this form; None if none does."""
    if not form:
        return None
    for placeholder in TIMES:
        if written_form(kind, placeholder) == form:
            return placeholder
    return None
