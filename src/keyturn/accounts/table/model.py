"""Describes the table of accounts by a mapped class of the app: its attributes stand for their columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Table, inspect
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import ColumnProperty, InstrumentedAttribute, Mapper

from keyturn.errors import Fault, SettingsInvalid
from keyturn.settings import TableSettings
from keyturn.settings.building import did_you_mean

_NOT = "not "


def table_of(
    model: type[Any],
    *,
    id: str = "id",  # noqa: A002 - the setting's own name
    email: str = "email",
    password: str = "password_hash",  # noqa: S107 - names
    name: str = "",
    active: str = "",
    provider: str = "",
    kind: str = "",
    locale: str = "",
    timezone: str = "",
    password_providers: Sequence[str] = TableSettings().password_providers,
    set: Mapping[str, bool | int | float | str] | None = None,  # noqa: A002 - the setting's own name
    delete: Sequence[InstrumentedAttribute[Any]] = (),
    lock: Mapping[str, bool | int | float | str] | None = None,
    unlock: Mapping[str, bool | int | float | str] | None = None,
) -> TableSettings:
    """Return the settings of the table that a class is mapped to, to be passed to `KeyturnPlugin` as its accounts.

    Where `[accounts.table]` names columns, this function takes names of attributes. `delete`: attributes of other
    classes that hold the account's id, such as `UserSession.user_id`. The table is in Keyturn's database, so a change
    joins the transaction that uses the link up. Raises SettingsInvalid with every name that is no attribute.
    """
    mapped = _MappedClass(model)
    fields = {
        "id": id,
        "email": email,
        "password": password,
        "name": name,
        "active": active,
        "provider": provider,
        "kind": kind,
        "locale": locale,
        "timezone": timezone,
    }
    columns = {field: mapped.column(f"accounts.{field}", attribute) for field, attribute in fields.items()}
    assigned = {
        section: {mapped.column(f"accounts.{section}.{name}", name): value for name, value in (values or {}).items()}
        for section, values in {"set": set, "lock": lock, "unlock": unlock}.items()
    }
    deletes = tuple(mapped.columns_to_delete(delete))
    if mapped.faults:
        raise SettingsInvalid(mapped.faults)
    given: dict[str, Any] = {
        "table": mapped.table.fullname,
        **columns,
        "password_providers": tuple(password_providers),
        **assigned,
        "delete": deletes,
    }
    return TableSettings(**given)


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
            there = did_you_mean(key, known) or f"; there are {', '.join(known)}"
            self.faults.append(Fault(setting, f"{self._mapper.class_.__name__} has no column {key}{there}"))
            return key
        column = next((one for one in found.columns if isinstance(one, Column) and one.table is self.table), None)
        if column is None:
            self.faults.append(Fault(setting, f"{key} is not in the table {self.table.fullname}, but in another"))
            return key
        return f"{negation}{column.name}"

    def columns_to_delete(self, attributes: Sequence[InstrumentedAttribute[Any]]) -> Iterator[str]:
        for attribute in attributes:
            column = getattr(attribute, "expression", None)
            if isinstance(column, Column) and isinstance(column.table, Table):
                yield f"{column.table.fullname}.{column.name}"
            else:
                self.faults.append(Fault("accounts.delete", f"not an attribute of a mapped class: {attribute!r}"))
