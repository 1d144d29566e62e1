"""Describes the table of accounts by a mapped class of the app: its attributes stand for their columns."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from sqlalchemy import Column, Table, inspect
from sqlalchemy.orm import InstrumentedAttribute, Mapper

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.settings import Ending, TableSettings
from keyturn.values import did_you_mean

_NOT = "not "

_Assigned = Mapping[str, bool | int | float | str]


class _Attributes(TypedDict, total=False):
    """The settings of `[accounts.table]`, with names of attributes in place of columns."""

    id: str
    email: str
    password: str
    name: str
    active: str
    provider: str
    kind: str
    locale: str
    password_providers: Sequence[str]
    set: _Assigned
    lock: _Assigned
    unlock: _Assigned


_DEFAULTS: _Attributes = {"id": "id", "email": "email", "password": "password_hash"}


def table_of(
    model: type[Any],
    *,
    delete: Sequence[InstrumentedAttribute[Any]] = (),
    ends: Mapping[InstrumentedAttribute[Any], Ending] | None = None,
    **attributes: Unpack[_Attributes],
) -> TableSettings:
    """Return the settings of the table that a class is mapped to, to be passed to `KeyturnPlugin` as its accounts.

    Where `[accounts.table]` names columns, this function takes names of attributes; by default `id`, `email` and
    `password_hash` hold what their names say. `delete`: attributes of other classes that hold the account's id, such as
    `UserSession.user_id`. `ends`: such attributes with their endings, which name columns. The table is in Keyturn's
    database, so a change joins the transaction that uses the link up. Raises SettingsInvalid with every name that is no
    attribute.
    """
    mapped = _MappedClass(model)
    settings: dict[str, Any] = {**_DEFAULTS, **attributes}
    for setting, value in settings.items():
        if isinstance(value, str):
            settings[setting] = mapped.column(setting, value)
        elif isinstance(value, Mapping):
            settings[setting] = {mapped.column(f"{setting}.{name}", name): value[name] for name in value}
        else:
            settings[setting] = tuple(value)
    deleted = tuple(mapped.owner("delete", attribute) for attribute in delete)
    ended = {mapped.owner("ends", attribute): ending for attribute, ending in (ends or {}).items()}
    if mapped.faults:
        raise SettingsInvalid(mapped.faults)
    return TableSettings(**settings, table=mapped.table.fullname, delete=deleted, ends=ended)


class _MappedClass:
    """Looks up the columns of a mapped class's attributes, and collects unknown names."""

    def __init__(self, model: type[Any]) -> None:
        mapper = inspect(model, raiseerr=False)
        if not isinstance(mapper, Mapper) or not isinstance(mapper.local_table, Table):
            raise SettingsInvalid.of("accounts", f"{model!r} is not a class that SQLAlchemy maps to a table")
        self._mapper: Mapper[Any] = mapper
        self.table: Table = mapper.local_table
        self.faults: list[Fault] = []

    def column(self, setting: str, attribute: str) -> str:
        """Return the column's name for an attribute's, keeping a "not " before it; "" if no attribute is given."""
        negation = _NOT if attribute.startswith(_NOT) else ""
        key = attribute.removeprefix(_NOT).strip()
        if not key:
            return ""
        columns = {
            one.key: [column for column in one.columns if isinstance(column, Column)]
            for one in self._mapper.column_attrs
        }
        own = [column.name for column in columns.get(key, ()) if column.table is self.table]
        if own:
            return f"{negation}{own[0]}"
        if columns.get(key):
            self._fault(setting, f"{key} is not in the table {self.table.fullname}, but in another")
        else:
            meant = did_you_mean(key, columns) or f"; its columns: {', '.join(columns)}"
            self._fault(setting, f"{self._mapper.class_.__name__} has no column {key}{meant}")
        return key

    def owner(self, setting: str, attribute: object) -> str:
        """Return the column of another table, with the table's name."""
        column = getattr(attribute, "expression", None)
        if isinstance(column, Column) and isinstance(column.table, Table):
            return f"{column.table.fullname}.{column.name}"
        self._fault(setting, f"not an attribute of a mapped class: {attribute!r}")
        return ""

    def _fault(self, setting: str, message: str) -> None:
        self.faults.append(Fault(f"accounts.{setting}", message))
