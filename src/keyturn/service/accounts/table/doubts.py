"""What `keyturn doctor` says of an app's table: what a change would write in another form than the app does."""

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from keyturn.mail.port.finding import Finding
from keyturn.service.accounts.table.columns import Column, text_of
from keyturn.service.accounts.table.mapping import Assignments, TableName, table_clause
from keyturn.service.accounts.table.placeholders import TIMES, placeholder_for, usual_form, written_form
from keyturn.service.accounts.table.recognised_hashes import doubt_format
from keyturn.service.accounts.table.row_security import hidden_rows
from keyturn.service.accounts.table.statements import Statements
from keyturn.service.settings import HashingSettings, TableSettings

_LOOKED_AT = 50
"""Rows: enough to recognise the form of most."""


def doubts(
    connection: Connection, statements: Statements, settings: TableSettings, hashing: HashingSettings, *, quick: bool
) -> list[Finding]:
    """Return the findings. `quick`: only of what a few rows and the catalogue tell, for the start."""
    findings = [*hidden_rows(connection, statements.mapping), *_times(connection, statements), *_deletions(statements)]
    if settings.password:
        hashes = [text_of(row.hash) for row in connection.execute(*statements.some_hashes())]
        findings += doubt_format(settings.table, hashes, hashing)
    return findings if quick else [*findings, *_rows(connection, statements, settings)]


def _warn(message: str, mend: str) -> Finding:
    return Finding("accounts", "warn", message, mend)


def _times(connection: Connection, statements: Statements) -> list[Finding]:
    """Return a failure for each column whose times have another form than its placeholder writes."""
    mapping = statements.mapping
    assigned = [("set", mapping.table, mapping.sets), ("lock", mapping.table, mapping.locks)]
    assigned += [("unlock", mapping.table, mapping.unlocks)]
    assigned += [(f"{one.setting}.set", one.table, one.sets) for one in mapping.endings]
    return [
        finding
        for section, table, assignments in assigned
        for finding in _times_of(connection, section, table, assignments)
    ]


def _times_of(connection: Connection, section: str, table: TableName, assignments: Assignments) -> list[Finding]:
    times = [(column, str(given)) for column, given in assignments if given in TIMES and not column.has_native_times]
    findings = []
    for column, given in times:
        form = usual_form(sample(connection, table, column))
        if form and form != (written := written_form(column, given)):
            meant = placeholder_for(column, form)
            mend = f'Write "{meant}" there.' if meant else "Keyturn does not write these: let your app set the column."
            message = f"accounts.table.{section}.{column.name}: {given} writes {written}, but the column has {form}"
            findings.append(Finding("accounts", "fail", message, mend))
    return findings


def sample(connection: Connection, table: TableName, column: Column) -> list[object]:
    """Return a column's values of a few rows; none if they may not be read."""
    stored = table_clause(table, [column], connection.dialect.name).c[column.name]
    try:
        return list(connection.execute(select(stored).where(stored.is_not(None)).limit(_LOOKED_AT)).scalars())
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return []


def _deletions(statements: Statements) -> list[Finding]:
    mend = (
        "Delete those, too, with the same `when`, or set a column instead. A reset fails where such rows exist. If"
        " there never are any, nothing has to be done."
    )
    return [_warn(f"accounts.table.{setting}: {why}", mend) for setting, why in statements.mapping.held]


def _rows(connection: Connection, statements: Statements, settings: TableSettings) -> list[Finding]:
    """Return warnings about values that the settings probably do not mean."""
    findings = []
    unread = statements.unread_flags()
    if unread and (row := connection.execute(*unread).first()):
        value = text_of(row.active)
        message = f"accounts.table.active: the column contains {value!r}, which Keyturn takes for active"
        findings.append(_warn(message, 'List the active values, as in: active = "status = active | invited".'))
    if connection.execute(*statements.shared("email")).first():
        message = "accounts.table.email: some active accounts have the same address (upper and lower case are the same)"
        mend = (
            "Keyturn resets only one of them. Find them in the log as accounts.ambiguous, and make lower(email) unique."
        )
        findings.append(_warn(message, mend))
    name = settings.username
    if name and connection.execute(*statements.shared("username")).first():
        what = f"some active accounts have the same {name} (upper and lower case are the same)"
        mend = "Keyturn finds such an account only by the name as it is written. Make the names unique."
        findings.append(_warn(f"accounts.table.identifiers: {what}", mend))
    return findings
