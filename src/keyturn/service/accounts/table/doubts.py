"""The doctor's findings about an app's table, such as values that Keyturn would write in another
form than the app.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, Table, text

from keyturn.mail.addresses import ASCII_UPPER_TO_LOWER
from keyturn.mail.port.check_result import CheckResult, fail, warn
from keyturn.service import identifiers
from keyturn.service.accounts.table import recognised_hashes
from keyturn.service.accounts.table.account_counts import doubt_counts
from keyturn.service.accounts.table.columns import kind_of, sample, text_of
from keyturn.service.accounts.table.mapping import ForbiddenDeletion, MappedTable
from keyturn.service.accounts.table.statements import Statements, spellings
from keyturn.service.accounts.table.time_forms import placeholder_for, usual_form, written_form
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.settings import HashingSettings, TableSettings
from keyturn.service.settings.placeholders import TimePlaceholder, is_time

_DELETE_TOO = (
    "Delete those, too, with the same `when`, or set a column instead. A reset fails where such "
    "rows exist. If there never are any, nothing has to be done."
)


def doubts(
    connection: Connection,
    statements: Statements,
    settings: TableSettings,
    hashing: HashingSettings,
) -> list[CheckResult]:
    mapping = statements.mapping
    findings = [*_hidden_rows(connection, mapping), *_times(connection, mapping)]
    findings += map(_forbidden_deletion, mapping.forbidden_deletions)
    findings += _half_done(mapping)
    findings += _unfindable(connection, mapping)
    findings += _unclear_values(connection, mapping)
    findings += doubt_counts(connection, statements)
    if settings.password:
        hashes = sample(connection, mapping.fields["password"], statements.has_hash())
        findings += recognised_hashes.doubt_format(settings.table, hashes, hashing)
        findings += _salts(connection, mapping)
    return findings


def _forbidden_deletion(deletion: ForbiddenDeletion) -> CheckResult:
    return warn(f"accounts.table.{deletion.setting}: {deletion.why}", _DELETE_TOO)


def _half_done(mapping: MappedTable) -> Iterator[CheckResult]:
    for table, engine in mapping.without_transactions.items():
        why = "has no transactions, so a change that fails half-way stays half done"
        yield warn(
            f"the engine {engine} of the table {table} {why}",
            f"Run `ALTER TABLE {table} ENGINE=InnoDB`.",
        )


def _unfindable(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    stored = [text_of(value) for value in sample(connection, mapping.fields["email"])]
    is_sqlite = connection.dialect.name == "sqlite"
    lost = [address for address in stored if not _is_findable(address, is_sqlite=is_sqlite)]
    if lost:
        share = f"{len(lost)} of {len(stored)} addresses"
        yield warn(
            f"accounts.table.email: {share} are stored so that no request finds them",
            "They end with a line break or another blank that is no space, or have capitals "
            "outside of ASCII. Store them trimmed and in small letters.",
        )


def _is_findable(stored: str, *, is_sqlite: bool) -> bool:
    """Tell whether a request for the address finds it as it is stored.

    True for a text that is not an address.
    """
    try:
        wanted = identifiers.parse_address(stored.strip())
    except InputInvalid:
        return True
    compared = _lowered(stored, is_sqlite=is_sqlite).rstrip(" ")
    return compared in [_lowered(spelling, is_sqlite=is_sqlite) for spelling in spellings(wanted)]


def _lowered(text: str, *, is_sqlite: bool) -> str:
    # SQLite's lower() changes ASCII letters alone
    # (https://sqlite.org/lang_corefunc.html#lower).
    if is_sqlite:
        return text.translate(ASCII_UPPER_TO_LOWER)
    return text.lower()


def _times(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    assigned = dict(mapping.assignments)
    for one in mapping.endings:
        assigned[f"{one.setting}.set"] = one.sets
    for section, assignments in assigned.items():
        for column, wanted in assignments.items():
            if is_time(wanted):
                setting = f"accounts.table.{section}.{column.name}"
                yield from _other_form_of_time(connection, setting, column, wanted)


def _other_form_of_time(
    connection: Connection, setting: str, column: Column[Any], placeholder: TimePlaceholder
) -> Iterator[CheckResult]:
    kind = kind_of(column)
    if kind.has_native_times:
        return
    written = written_form(kind, placeholder)
    form = usual_form(sample(connection, column))
    if not form or form == written:
        return
    meant = placeholder_for(kind, form)
    fix = "Keyturn does not write these: let your app set it."
    if meant:
        fix = f'Write "{meant}" there.'
    yield fail(f"{setting}: {placeholder} writes {written}, but the column has {form}", fix)


def _unclear_values(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    for condition, column in mapping.active:
        if kind_of(column).holds is not str:
            continue
        texts = map(text_of, sample(connection, column))
        unclear = condition.unclear_value(texts)
        if unclear:
            contains = f"the column {column.name} contains {unclear!r}"
            yield warn(
                f"accounts.table.active: {contains}, which Keyturn takes for active",
                'List the active values, as in: active = "status = active | invited".',
            )


def _salts(connection: Connection, mapping: MappedTable) -> Iterator[CheckResult]:
    """Yield a finding for each column whose value an app may hash together with the password.

    Keyturn hashes the password alone.
    """
    written = {column.name for column in mapping.sets}
    for column in mapping.table.columns:
        # As a plain str: lower() of SQLAlchemy's quoted_name leaves capitals as they are.
        if column.name in written or not recognised_hashes.is_salt(str(column.name)):
            continue
        if any(map(text_of, sample(connection, column))):
            has_salt = f"the table {mapping.table.name} has a column {column.name}"
            why = "but Keyturn hashes only the password, so new passwords may not work in your app"
            yield warn(f"{has_salt}, {why}", _SALT_FIX.format(column=column.name))


_SALT_FIX = (
    "If your app hashes {column} and password joined, as in bcrypt(salt + password), or does not "
    'use the column, write {column} = "" into [accounts.table.set]. If it combines them in another '
    "way, write a store of your own."
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
    used = [(mapping.table, "SELECT"), (mapping.table, "UPDATE")]
    for one in mapping.endings:
        used.append((one.owner.table, "SELECT"))
        used.append((one.owner.table, "UPDATE" if one.sets else "DELETE"))
    for table, command in used:
        name = connection.dialect.identifier_preparer.format_table(table)
        known = connection.execute(_POLICIES, {"name": name, "command": command}).first()
        if known and known.active and not known.open:
            yield _hidden(table, name, command, has_policies=bool(known.policies))


def _hidden(table: Table, name: str, command: str, *, has_policies: bool) -> CheckResult:
    fix = (
        f"Give the role BYPASSRLS, or add a policy: CREATE POLICY keyturn ON {name} TO the_role "
        "USING (true)."
    )
    of_rows = f"rows of {table} from Keyturn's role for {command}, so resets change nothing there"
    if has_policies:
        return warn(f"row level security may hide {of_rows}", fix)
    return fail(f"row level security hides {of_rows}", fix)
