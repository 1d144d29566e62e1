"""The doctor's findings about an app's table, such as values that Keyturn would write in another
form than the app.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from keyturn.mail.addresses import ASCII_UPPER_TO_LOWER
from keyturn.mail.port.check_result import CheckResult, fail, warn
from keyturn.service import addresses
from keyturn.service.accounts.table import columns, recognised_hashes
from keyturn.service.accounts.table.account_counts import doubt_counts
from keyturn.service.accounts.table.mapping import MappedTable
from keyturn.service.accounts.table.statements import Statements, spellings
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.settings import HashingSettings, TableSettings

_DELETE_TOO = (
    "Delete those, too, with the same `when`, or set a column instead. A reset fails where such "
    "rows exist. If there"
    " never are any, nothing has to be done."
)


def doubts(
    connection: Connection,
    statements: Statements,
    settings: TableSettings,
    hashing: HashingSettings,
) -> list[CheckResult]:
    mapping = statements.mapping
    findings = [*_hidden_rows(connection, mapping), *_times(connection, mapping)]
    findings += [
        warn(f"accounts.table.{setting}: {why}", _DELETE_TOO) for setting, why in mapping.held
    ]
    findings += _half_done(mapping)
    findings += _unfindable(connection, mapping)
    findings += _flags(connection, mapping)
    findings += doubt_counts(connection, statements)
    if settings.password:
        hashes = columns.sample(connection, *statements.hashes())
        findings += recognised_hashes.doubt_format(settings.table, hashes, hashing)
        findings += _salts(connection, mapping)
    return findings


def _half_done(mapping: MappedTable) -> Iterator[CheckResult]:
    for table, engine in mapping.without_transactions.items():
        why = "has no transactions, so a change that fails half-way stays half done"
        yield warn(
            f"the engine {engine} of the table {table} {why}",
            f"Run `ALTER TABLE {table} ENGINE=InnoDB`.",
        )


def _unfindable(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    stored = [
        columns.text_of(value) for value in columns.sample(connection, mapping.fields["email"])
    ]
    is_sqlite = connection.dialect.name == "sqlite"
    count = sum(not _is_findable(address, is_sqlite=is_sqlite) for address in stored)
    if count:
        message = (
            f"accounts.table.email: {count} of {len(stored)} addresses are stored so that no "
            "request finds them"
        )
        why = (
            "They end with a line break or another blank that is no space, or have capitals "
            "outside of ASCII."
        )
        yield warn(message, f"{why} Store them trimmed and in small letters.")


def _is_findable(stored: str, *, is_sqlite: bool) -> bool:
    """Tell whether a request for the address finds it as it is stored.

    True for a text that is not an address.
    """
    try:
        wanted = addresses.parse(stored.strip())
    except InputInvalid:
        return True
    compared = _lowered(stored, is_sqlite=is_sqlite).rstrip(" ")
    return compared in [_lowered(spelling, is_sqlite=is_sqlite) for spelling in spellings(wanted)]


def _lowered(text: str, *, is_sqlite: bool) -> str:
    # SQLite's lower() changes ASCII letters alone
    # (https://sqlite.org/lang_corefunc.html#lower).
    return text.translate(ASCII_UPPER_TO_LOWER) if is_sqlite else text.lower()


def _times(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    assigned = {**mapping.assigned, **{f"{one.setting}.set": one.sets for one in mapping.endings}}
    for section, assignments in assigned.items():
        for column, wanted in assignments.items():
            kind = columns.kind_of(column)
            if wanted not in columns.TIMES or kind.has_native_times:
                continue
            written = columns.written_form(kind, str(wanted))
            form = columns.usual_form(columns.sample(connection, column))
            if form and form != written:
                meant = columns.placeholder_for(kind, form)
                fix = (
                    f'Write "{meant}" there.'
                    if meant
                    else "Keyturn does not write these: let your app set it."
                )
                at = f"accounts.table.{section}.{column.name}"
                message = f"{at}: {wanted} writes {written}, but the column has {form}"
                yield fail(message, fix)


def _flags(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    for flag, column in mapping.active:
        if columns.kind_of(column).holds is not str:
            continue
        texts = [columns.text_of(value) for value in columns.sample(connection, column)]
        if odd := flag.doubt(texts):
            message = (
                f"accounts.table.active: the column {column.name} contains {odd!r}, which "
                "Keyturn takes for active"
            )
            yield warn(
                message, 'List the active values, as in: active = "status = active | invited".'
            )


def _salts(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    """Yield a finding for each column whose value an app may hash together with the password.

    Keyturn hashes the password alone.
    """
    written = {column.name for column in mapping.assigned["set"]}
    for column in mapping.table.columns:
        # As a plain str: lower() of SQLAlchemy's quoted_name leaves capitals as they are.
        if column.name in written or not recognised_hashes.is_salt(str(column.name)):
            continue
        if any(map(columns.text_of, columns.sample(connection, column))):
            message = (
                f"the table {mapping.table.name} has a column {column.name}, but Keyturn "
                "hashes only the password"
            )
            yield warn(
                f"{message}, so new passwords may not work in your app",
                _SALT_FIX.format(column=column.name),
            )


_SALT_FIX = (
    "If your app hashes {column} and password joined, as in bcrypt(salt + password), or does not "
    "use the column, write"
    ' {column} = "" into [accounts.table.set]. If it combines them in another way, write a store '
    "of your own."
)


_POLICIES = text("""
    SELECT row_security_active(c.oid) AS active, count(p.policyname) AS policies,
        count(p.policyname) FILTER (WHERE p.qual = 'true') AS open
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_policies p
        ON p.schemaname = n.nspname AND p.tablename = c.relname AND p.permissive = 'PERMISSIVE'
        AND p.cmd IN ('ALL', CAST(:command AS text)) AND EXISTS (
            SELECT FROM unnest(p.roles) AS role
            WHERE CASE role WHEN 'public' THEN true ELSE pg_has_role(role, 'member') END
        )
    WHERE c.oid = to_regclass(CAST(:name AS text)) GROUP BY c.oid
""")
"""Whether row level security applies to this role, how many policies allow it the command, and how
many of these do so for all rows (https://www.postgresql.org/docs/current/ddl-rowsecurity.html).
"""


def _hidden_rows(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    """Yield a finding for each table whose rows row level security hides from Keyturn's role.

    PostgreSQL reports no error: a statement then finds, changes or deletes no row.
    """
    if connection.dialect.name != "postgresql":
        return
    changes = [(one.owner.table, "UPDATE" if one.sets else "DELETE") for one in mapping.endings]
    used = [
        (table, one)
        for table, change in [(mapping.table, "UPDATE"), *changes]
        for one in ("SELECT", change)
    ]
    for table, command in used:
        name = connection.dialect.identifier_preparer.format_table(table)
        known = connection.execute(_POLICIES, {"name": name, "command": command}).first()
        if known and known.active and not known.open:
            some = "may hide" if known.policies else "hides"
            what = f"row level security {some} rows of {table} from Keyturn's role for {command}"
            fix = (
                f"Give the role BYPASSRLS, or add a policy: CREATE POLICY keyturn ON {name} "
                "TO the_role USING (true)."
            )
            message = f"{what}, so resets change nothing there"
            yield (warn if known.policies else fail)(message, fix)
