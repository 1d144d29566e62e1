"""Describes the table of accounts by a mapped class of the app: its attributes stand for their columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from sqlalchemy import Column, Table, inspect
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import ColumnProperty, InstrumentedAttribute, Mapper

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
            settings[setting] = mapped.column(f"accounts.{setting}", value)
        elif isinstance(value, Mapping):
            settings[setting] = {mapped.column(f"accounts.{setting}.{name}", name): value[name] for name in value}
        else:
            settings[setting] = tuple(value)
    settings |= {"table": mapped.table.fullname, "delete": tuple(mapped.columns_to_end("delete", delete))}
    ending = ends or {}
    settings["ends"] = dict(zip(mapped.columns_to_end("ends", list(ending)), ending.values(), strict=False))
    if mapped.faults:
        raise SettingsInvalid(mapped.faults)
    return TableSettings(**settings)


class _MappedClass:
    """Looks up the columns of a mapped class's attributes, and collects unknown names."""

    def __init__(self, model: type[Any]) -> None:
        try:
            mapper = inspect(model)
        except NoInspectionAvailable:
            mapper = None
        if not isinstance(mapper, Mapper) or not isinstance(mapper.local_table, Table):
            raise SettingsInvalid([Fault("accounts", f"{model!r} is not a class that SQLAlchemy maps to a table")])
        self._mapper: Mapper[Any] = mapper
        self.table: Table = mapper.local_table
        self.faults: list[Fault] = []

    def column(self, setting: str, attribute: str) -> str:
        """Return the column's name for an attribute's, keeping a "not " before it; "" if no attribute is given."""
        negation = _NOT if attribute.startswith(_NOT) else ""
        key = attribute.removeprefix(_NOT).strip()
        if not key:
            return ""
        found = self._mapper.attrs.get(key)
        if not isinstance(found, ColumnProperty) or not isinstance(found.columns[0], Column):
            known = [attr.key for attr in self._mapper.column_attrs]
            there = did_you_mean(key, known) or f"; its columns: {', '.join(known)}"
            self.faults.append(Fault(setting, f"{self._mapper.class_.__name__} has no column {key}{there}"))
            return key
        column = next((one for one in found.columns if isinstance(one, Column) and one.table is self.table), None)
        if column is None:
            self.faults.append(Fault(setting, f"{key} is not in the table {self.table.fullname}, but in another"))
            return key
        return f"{negation}{column.name}"

    def columns_to_end(self, setting: str, attributes: Sequence[InstrumentedAttribute[Any]]) -> Iterator[str]:
        for attribute in attributes:
            column = getattr(attribute, "expression", None)
            if isinstance(column, Column) and isinstance(column.table, Table):
                yield f"{column.table.fullname}.{column.name}"
            else:
                self.faults.append(Fault(f"accounts.{setting}", f"not an attribute of a mapped class: {attribute!r}"))
