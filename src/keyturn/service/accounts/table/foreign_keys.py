"""Foreign keys between an app's tables: whether the settings can delete rows, and in which order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

Place = tuple[str, str]
"""A table by its schema and its name."""

_KEYS = {
    "sqlite": """
        SELECT 'main', m.name, 'main', k."table", k.on_delete, instr(lower(m.sql), 'initially deferred') > 0
        FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k WHERE m.type = 'table'""",
    "postgresql": """
        WITH t AS (
            SELECT c.oid, c.relname::text AS name,
                (CASE WHEN pg_table_is_visible(c.oid) THEN current_schema() ELSE n.nspname END)::text AS place
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        )
        SELECT a.place, a.name, b.place, b.name,
            CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE '' END,
            k.condeferred AND k.confdeltype = 'a'
        FROM pg_constraint k JOIN t a ON a.oid = k.conrelid JOIN t b ON b.oid = k.confrelid
        WHERE k.contype = 'f' AND k.conparentid = 0""",
    "mysql": """
        SELECT constraint_schema, table_name, unique_constraint_schema, referenced_table_name, delete_rule, 0
        FROM information_schema.referential_constraints WHERE constraint_schema = database()""",
}
"""All keys of a database, without the tables that its user may not see. A key is deferred if it is checked only at the
commit; SQLite shows that only in the text of the whole table. Partitions repeat the keys of their table."""


FOLLOWS = ("CASCADE", "SET NULL")
"""Rules of a key whose rows do not forbid that those go to which they refer."""


class ForeignKey(NamedTuple):
    """A key of `referring`. `rule`: what its rows become when the rows of `referred` are deleted."""

    referring: Place
    referred: Place
    rule: str
    is_deferred: bool


def read_foreign_keys(connection: Connection, *, unchecked: bool = False) -> list[ForeignKey]:
    """Return all keys of the database; none if it does not tell them.

    SQLite checks keys only in a connection that asks for it, as the one to Keyturn's own database does. `unchecked`:
    return them in any case.
    """
    try:
        unchecked = unchecked or connection.dialect.name != "sqlite"
        if not unchecked and not connection.execute(text("PRAGMA foreign_keys")).scalar():
            return []
        rows = connection.execute(text(_KEYS[connection.dialect.name])).all()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return []
    return [ForeignKey((row[0], row[1]), (row[2], row[3]), row[4], bool(row[5])) for row in rows]


class Deletions:
    """The tables whose rows the settings delete; True for those whose rows end with each change.

    `turns`: when each is deleted, so that a referring table comes before the other.
    """

    def __init__(self, tables: Mapping[Place, bool], keys: Iterable[ForeignKey]) -> None:
        self._tables = tables
        self._keys = list(keys)
        self._circle: Sequence[Place] = ()
        self.turns: dict[Place, int] = {}
        at_once = {table: {key.referring for key in self._holding(table) if not key.is_deferred} for table in tables}
        sorter = TopologicalSorter({table: before & tables.keys() for table, before in at_once.items()})
        try:
            sorter.prepare()
        except CycleError as error:
            self._circle = error.args[1]
            return
        while sorter.is_active():
            ready = sorter.get_ready()
            self.turns |= dict.fromkeys(ready, len(self.turns))
            sorter.done(*ready)

    def objection(self, table: Place) -> str:
        """Return, in words, why the database does not delete the rows of a table; "" if it does."""
        kept = (key.referring for key in self._holding(table))
        keeper = next((one for one in kept if self._tables.get(one, -1) < self._tables[table]), None)
        if keeper:
            forbidden = f"rows of {table[1]} are deleted, but rows of {keeper[1]} that refer to them stay"
            return f"{forbidden}, which the database forbids: delete those, too, or set a column instead"
        if table in self._circle:
            names = " and ".join(sorted({name for _, name in self._circle}))
            return f"rows of {names} refer to each other, so the database deletes none: set a column instead"
        return ""

    def _holding(self, table: Place) -> Iterator[ForeignKey]:
        """Yield the keys to the rows that go with those of `table`, from rows that do not."""
        gone, size = {table}, 0
        while size < len(gone):
            size = len(gone)
            gone |= {key.referring for key in self._keys if key.referred in gone and key.rule == "CASCADE"}
        held = (key for key in self._keys if key.referred in gone and key.referring not in gone)
        return (key for key in held if key.rule not in FOLLOWS)
