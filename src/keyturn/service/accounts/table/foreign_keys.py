"""Foreign keys between an app's tables: in which order rows are deleted, and which rows forbid it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from sqlalchemy import Connection, inspect, text

Place = tuple[str, str]
"""A table by its schema and its name."""

ForeignKey = tuple[Place, Place]
"""The table that refers to another, and that other one, whose rows cannot be deleted before."""

_FOLLOWS = ("CASCADE", "SET NULL")  # rules of keys that forbid no deletion

_OF_SQLITE = text("""
    SELECT m.name, k."table", k.on_delete FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k
    WHERE m.type = 'table'
""")
"""SQLAlchemy's inspector does not read the rule of a key that stands beside its column."""

_Name = tuple[str | None, str]


def forbidding_keys(connection: Connection, schema: str | None) -> Iterator[tuple[_Name, _Name]]:
    """Yield the keys of a schema that can forbid a deletion."""
    if connection.dialect.name == "sqlite":
        for referring, referred, rule in connection.execute(_OF_SQLITE):
            if rule not in _FOLLOWS:
                yield (None, referring), (None, referred)
        return
    for table, keys in inspect(connection).get_multi_foreign_keys(schema=schema).items():
        for key in keys:
            if key["options"].get("ondelete") not in _FOLLOWS:
                yield table, (key["referred_schema"], key["referred_table"])


def checked_keys(
    connection: Connection, schemas: Iterable[str | None], place: Callable[[str | None, str], Place]
) -> list[ForeignKey]:
    # SQLite checks keys only in a connection that asks for it, as the one to Keyturn's own database does.
    if connection.dialect.name == "sqlite" and not connection.execute(text("PRAGMA foreign_keys")).scalar():
        return []
    keys = (key for schema in schemas for key in forbidding_keys(connection, schema))
    return [(place(*referring), place(*referred)) for referring, referred in keys]


def deletion_order(tables: Collection[Place], keys: Sequence[ForeignKey]) -> list[Place]:
    """Return the tables, each after those that refer to it; as they are if their rows refer to each other."""
    sorter = TopologicalSorter(
        {table: [one for one, other in keys if other == table != one and one in tables] for table in tables}
    )
    try:
        return list(sorter.static_order())
    except CycleError:
        return list(tables)


def keeper(table: Place, deleted: Collection[Place], keys: Sequence[ForeignKey]) -> str:
    """Return a table whose rows stay and forbid that those of `table` are deleted; "" if there is none."""
    return next((one[1] for one, other in keys if other == table and one not in {*deleted, table}), "")
