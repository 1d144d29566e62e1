"""Row level security of PostgreSQL: policies that hide an app's rows from Keyturn's role, without an error."""

from collections.abc import Iterator

from sqlalchemy import Connection, Table, text

from keyturn.mail.port.finding import Finding
from keyturn.service.accounts.table.mapping import MappedTable

_POLICIES = text("""
    SELECT row_security_active(c.oid) AS active, count(p.policyname) AS policies,
        count(p.policyname) FILTER (WHERE p.qual = 'true') AS open
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_policies p ON p.schemaname = n.nspname AND p.tablename = c.relname AND p.permissive = 'PERMISSIVE'
        AND p.cmd IN ('ALL', CAST(:command AS text)) AND EXISTS (
            SELECT FROM unnest(p.roles) AS role
            WHERE CASE role WHEN 'public' THEN true ELSE pg_has_role(role, 'member') END
        )
    WHERE c.oid = to_regclass(CAST(:name AS text)) GROUP BY c.oid
""")
"""Whether security holds for this role, and how many policies let it do this, with some or with all rows
(https://www.postgresql.org/docs/current/ddl-rowsecurity.html)."""


def hidden_rows(connection: Connection, mapping: MappedTable) -> list[Finding]:
    """Return what this role may not see or change, of every table that is read, changed or emptied."""
    if connection.dialect.name != "postgresql":
        return []
    return [finding for table, command in _used(mapping) for finding in _judge(connection, table, command)]


def _used(mapping: MappedTable) -> Iterator[tuple[Table, str]]:
    yield mapping.table, "SELECT"
    yield mapping.table, "UPDATE"
    for ending in mapping.endings:
        yield ending.owner.table, "SELECT"
        yield ending.owner.table, "UPDATE" if ending.sets else "DELETE"


def _judge(connection: Connection, table: Table, command: str) -> Iterator[Finding]:
    name = connection.dialect.identifier_preparer.format_table(table)
    known = connection.execute(_POLICIES, {"name": name, "command": command}).first()
    if known is None or not known.active or known.open:
        return
    some = "may hide" if known.policies else "hides"
    message = (
        f"row level security {some} rows of {table} from Keyturn's role for {command}, so resets change nothing there"
    )
    mend = f"Give the role BYPASSRLS, or add a policy: CREATE POLICY keyturn ON {name} TO the_role USING (true)."
    yield Finding("accounts", "warn" if known.policies else "fail", message, mend)
