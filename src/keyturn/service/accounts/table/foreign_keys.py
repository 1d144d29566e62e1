"""Foreign keys: which of them forbid a deletion, and the order that they allow."""

from collections.abc import Collection, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import sqlalchemy as sa

_FOLLOWS = ("CASCADE", "SET NULL")  # rules of keys that do not forbid a deletion

_KEYS_IN_SQLITE = sa.text("""
    SELECT m.name, k."table", k.on_delete
    FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k
    WHERE m.type = 'table'
""")
"""SQLAlchemy's inspector does not read the rule of a key that is declared beside its column."""


class TableName(NamedTuple):
    """A table by its schema and its name, in one spelling for each table."""

    schema: str
    name: str


class ForeignKey(NamedTuple):
    """A key that forbids to delete rows of `referred` before those of `referring`."""

    referring: TableName
    referred: TableName


_Name = tuple[str | None, str]
"""A table by its schema and its name, as the database lists them."""


def forbidding_keys(connection: sa.Connection, schema: str | None) -> Iterator[tuple[_Name, _Name]]:
    """Yield the keys of a schema that can forbid a deletion: the referring table, the referred."""
    if connection.dialect.name == "sqlite":
        for referring, referred, rule in connection.execute(_KEYS_IN_SQLITE):
            if rule not in _FOLLOWS:
                yield (None, referring), (None, referred)
        return
    for table, keys in sa.inspect(connection).get_multi_foreign_keys(schema=schema).items():
        for key in keys:
            if key["options"].get("ondelete") not in _FOLLOWS:
                yield table, (key["referred_schema"], key["referred_table"])


def deletion_order(tables: Collection[TableName], keys: Sequence[ForeignKey]) -> list[TableName]:
    """Return the tables, each after the tables that refer to it.

    No other order is promised. If tables refer to each other in a circle, the order stays as it is.
    """
    sorter: TopologicalSorter[TableName] = TopologicalSorter()
    for table in tables:
        sorter.add(table)
    for key in keys:
        refers_to_itself = key.referring == key.referred
        if key.referring in tables and key.referred in tables and not refers_to_itself:
            sorter.add(key.referred, key.referring)
    try:
        return list(sorter.static_order())
    except CycleError:
        return list(tables)


def keeper(table: TableName, deleted: Collection[TableName], keys: Sequence[ForeignKey]) -> str:
    """Return the name of a table that forbids deletions in `table`, since its own rows stay.

    "" if there is none.
    """
    for key in keys:
        is_deleted = key.referring == table or key.referring in deleted
        if key.referred == table and not is_deleted:
            return key.referring.name
    return ""
