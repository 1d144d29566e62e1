"""The store of accounts in a table that an app already has."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection, Executable, RowMapping, Update, event
from sqlalchemy.exc import DBAPIError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.port.check_result import CheckResult
from keyturn.service import identifiers
from keyturn.service.accounts.port import Account, AccountStore, Ended, NewPassword
from keyturn.service.accounts.table.account_rows import account_of, choose_row, rows_by_identifier
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import hash_text, text_of
from keyturn.service.accounts.table.doubts import doubts
from keyturn.service.accounts.table.known_table import KnownTable, RuleRefused, ValueRefused
from keyturn.service.accounts.table.mapping import MappingReader
from keyturn.service.accounts.table.statements import Query, Statements, spellings
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.batching import Batcher
from keyturn.service.problems.passwords import ChangeRefused
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import HashingSettings, TableSettings
from keyturn.service.telemetry.logs import LogEvent, log

# MySQL's error for EXPLAIN of a view whose tables the user may not see.
_NO_EXPLAIN_FOR_VIEW = 1345
# Addresses in one statement. Each is a range of an index, which MySQL stops using for thousands of
# ranges.
_FOUND_AT_ONCE = 50


class AccountsWithoutPasswords(AccountStore):
    """The part of an AccountStore that works even if another system has the passwords."""

    def __init__(
        self, settings: TableSettings, database: Database | AppDatabase, hash_length: int = 0
    ) -> None:
        self.takes_names = bool(settings.username)
        self._settings = settings

        def read(connection: Connection) -> Statements:
            mapping = MappingReader(connection, settings).mapping(hash_length)
            return Statements(mapping, database.dialect)

        self._known = KnownTable(database, settings.table, read)
        self._finds = Batcher(self._find_all, largest=_FOUND_AT_ONCE, in_time=database.in_time)
        self._gets = Batcher(self._get_all, in_time=database.in_time)

    async def require_ready(self) -> None:
        statements = await self._known.require_ready()
        setting_by_refusal: dict[str, str] = {}
        for trial in statements.trial_statements(now()):
            # Each has its own transaction, since PostgreSQL ends one with the first refusal.
            why = await self._known.database.transact(partial(_refusal, statement=trial.statement))
            if why:
                # A refusal of the whole table is reported once.
                setting_by_refusal.setdefault(why, trial.setting)
        faults = []
        for why, setting in setting_by_refusal.items():
            faults.append(Fault(f"accounts.table.{setting}", why))
        if faults:
            raise SettingsInvalid(faults)

    async def require_reachable(self) -> None:
        await self._get_all([])

    async def findings(self, hashing: HashingSettings) -> Sequence[CheckResult]:
        return await self._known.read(partial(doubts, settings=self._settings, hashing=hashing))

    async def find(self, email: str) -> Account | None:
        return await self._finds.submit(email)

    async def find_all(self, emails: Sequence[str]) -> Sequence[Account | Exception | None]:
        return await self._finds.submit_all(emails)

    async def get(self, account_id: str) -> Account | None:
        return await self._gets.submit(account_id)

    async def _find_all(self, identifiers: Sequence[str]) -> Sequence[Account | None]:
        wanted: set[str] = set()
        for identifier in identifiers:
            wanted |= spellings(identifier)
        rows = rows_by_identifier(await self._rows_of(list(wanted)))
        accounts = []
        for identifier in identifiers:
            row = choose_row(rows, identifier)
            accounts.append(account_of(row) if row else None)
        return accounts

    async def _rows_of(self, spellings: Sequence[str]) -> Sequence[RowMapping]:
        """Return the rows of all spellings that the columns can hold; no row has any other.

        An attacker may send spellings that the database refuses even to compare. They must not fail
        the requests beside them, so a refused list is halved until they stand alone.
        """
        try:
            return await self._fetch(lambda statements: statements.by_identifier(spellings))
        except ValueRefused:
            if len(spellings) == 1:
                return []
        middle = len(spellings) // 2
        first_half = await self._rows_of(spellings[:middle])
        second_half = await self._rows_of(spellings[middle:])
        by_id = {row["id"]: row for row in (*first_half, *second_half)}  # both may find a row
        return list(by_id.values())

    async def _get_all(self, ids: Sequence[str]) -> Sequence[Account | None]:
        rows = await self._fetch(lambda statements: statements.by_ids(set(ids)))
        by_id = {}
        for row in rows:
            account = account_of(row)
            # An account without a valid address is left out: no mail would reach it.
            if identifiers.is_same_mailbox(account.email, account.email):
                by_id[account.id] = account
        # Ids are compared here once more, since "a" equals "A" in MySQL's collations.
        return [by_id.get(account_id) for account_id in ids]

    async def addresses_after(self, email: str, most: int) -> Sequence[str]:
        return await self._emails(lambda statements: statements.addresses_after(email, most))

    async def end_sessions(self, account_id: str) -> Ended:
        return await self._known.transact(
            partial(_end_access, account_id=account_id, intruded=False)
        )

    async def end_intrusion(self, account_id: str) -> Ended:
        return await self._known.transact(
            partial(_end_access, account_id=account_id, intruded=True)
        )

    async def note_change(self, account: Account, password_hash: str | None = None) -> bool | Ended:
        """Set the columns and end the access that go with a new password.

        `password_hash`: None if another system has the passwords.
        """
        is_committing = False
        is_half_done = False

        def change(connection: Connection, statements: Statements) -> bool | Ended:
            nonlocal is_committing, is_half_done
            # Without transactions, each statement is final, even if the next one fails.
            is_half_done = bool(statements.mapping.without_transactions)
            ended = _change(connection, statements, account, password_hash)
            if not ended:
                connection.rollback()
            is_committing = bool(ended)
            return ended

        try:
            return await self._known.transact(change)
        except AccountsUnready as error:
            # If the answer to the commit is lost, the change may have happened. An earlier failure
            # was rolled back.
            error.not_changed = not is_half_done and (error.not_changed or not is_committing)
            if isinstance(error, RuleRefused) and error.not_changed:
                raise ChangeRefused(str(error)) from None
            raise

    async def close(self) -> None:
        await self._known.close()

    async def _emails(self, query_of: Callable[[Statements], Query]) -> Sequence[str]:
        rows = await self._fetch(query_of)
        return [text_of(row["email"]) for row in rows]

    async def _fetch(self, query_of: Callable[[Statements], Query]) -> Sequence[RowMapping]:
        def fetch(connection: Connection, statements: Statements) -> Sequence[RowMapping]:
            query = query_of(statements)
            return connection.execute(query.statement, query.values).mappings().all()

        return await self._known.read(fetch)


class TableAccounts(AccountsWithoutPasswords):
    """An AccountStore over a table in another database."""

    def __init__(
        self, settings: TableSettings, database: Database | AppDatabase, hash_length: int
    ) -> None:
        super().__init__(settings, database, hash_length)
        self.can_lock = bool(settings.lock)

    async def awaiting_password(self) -> Sequence[str]:
        return await self._emails(Statements.awaiting_password)

    async def password_hash(self, account_id: str) -> str | None:
        return await self._known.read(partial(_hash_of, account_id=account_id))

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        return await self.note_change(account, await password.hashed())

    async def lock(self, account: Account) -> bool:
        if not self.can_lock:
            return False

        def lock(connection: Connection, statements: Statements) -> bool:
            return _changes(connection, account.id, lambda: statements.lock(account, now()))

        return await self._known.transact(lock)

    async def unlock(self, account_id: str) -> bool:
        if not self.can_lock:
            return False

        def unlock(connection: Connection, statements: Statements) -> bool:
            return _changes(connection, account_id, lambda: statements.unlock(account_id, now()))

        return await self._known.transact(unlock)


class JoiningTableAccounts(TableAccounts):
    """An AccountStore over a table in Keyturn's own database.

    A new password is set in the transaction that uses the link up.
    """

    def password_hash_within(self, connection: Connection, account_id: str) -> str | None:
        return self._known.within(connection, partial(_hash_of, account_id=account_id))

    def set_password_within(
        self, connection: Connection, account: Account, password_hash: str
    ) -> bool | Ended:
        change = partial(_change, account=account, password_hash=password_hash)
        try:
            return self._known.within(connection, change)
        except RuleRefused as error:
            raise ChangeRefused(str(error)) from None


def _hash_of(connection: Connection, statements: Statements, account_id: str) -> str | None:
    query = statements.hash_by_id(account_id)
    for row in connection.execute(query.statement, query.values).mappings():
        account = account_of(row)
        may_sign_in = account.active and account.has_password
        if may_sign_in and account.id == account_id:
            return hash_text(row["hash"])
    return None


def _change(
    connection: Connection, statements: Statements, account: Account, password_hash: str | None
) -> bool | Ended:
    def change() -> Update:
        return statements.change(account, password_hash, now())

    if not _changes(connection, account.id, change):
        _require_changed(connection, statements, account)
        return False
    ended = _end(connection, statements, account.id, intruded=account.intruded)
    return ended if ended.counts else True


def _require_changed(connection: Connection, statements: Statements, account: Account) -> None:
    """Raise RuleRefused if Keyturn's own conditions allow the change that changed no row."""
    try:
        is_as_it_was = statements.is_as_it_was(account)
    except ValueError:  # another store's account
        return
    if connection.execute(is_as_it_was).first():
        why = (
            "no row was changed, although the account is as it was: a trigger, a rule or row level "
            "security of the database suppresses the change"
        )
        table = statements.mapping.table.fullname
        log.error(LogEvent("accounts.refused", table=table, reason=why))
        raise RuleRefused(why, not_changed=True)


def _changes(connection: Connection, account_id: str, statement_of: Callable[[], Update]) -> bool:
    try:
        statement = statement_of()
    except ValueError:  # another store's account
        log.warning(LogEvent("accounts.no_such_id", account=ascii(account_id)))
        return False
    # `rowcount` counts the rows that were found, even if their values stay: MySQL's drivers connect
    # with CLIENT_FOUND_ROWS.
    return connection.execute(statement).rowcount == 1


def _end_access(
    connection: Connection, statements: Statements, account_id: str, *, intruded: bool
) -> Ended:
    """End an account's access without a new password.

    The columns of `{random}` get new values, as they would with a new password.
    """
    with suppress(ValueError):  # another store's account, which has no rows
        statement = statements.new_random_values(account_id, now())
        if statement is not None:
            connection.execute(statement)
    return _end(connection, statements, account_id, intruded=intruded)


def _end(
    connection: Connection, statements: Statements, account_id: str, *, intruded: bool
) -> Ended:
    counts: Counter[str] = Counter()
    for ending in statements.endings(account_id, now(), intruded=intruded):
        rows = connection.execute(ending.statement).rowcount
        if ending.what and rows > 0:
            counts[ending.what] += rows
    return Ended(dict(counts))


def _refusal(connection: Connection, statement: Executable) -> str:
    """Return why the database refuses to explain a statement; "" if it does not refuse.

    EXPLAIN checks names, values and privileges. PostgreSQL starts the statement and stops before
    the first row; MariaDB and MySQL check its privileges
    (https://dev.mysql.com/doc/refman/8.4/en/explain.html); SQLite compiles it. No trigger fires,
    not even one for a statement that changes no row. A refusal ends the transaction.
    """
    event.listen(connection, "before_cursor_execute", _explain, retval=True)
    try:
        connection.execute(statement)
    except DBAPIError as error:
        # A file that another process has locked is no refusal. SQLite says so only in the message.
        if error.connection_invalidated or "locked" in str(error.orig):
            raise
        connection.rollback()
        if error.orig and error.orig.args[:1] == (_NO_EXPLAIN_FOR_VIEW,):
            return ""
        return f"refused: {error.orig}"
    finally:
        event.remove(connection, "before_cursor_execute", _explain)
    return ""


def _explain(
    _: Any, cursor: Any, statement: str, parameters: Any, *context: Any
) -> tuple[str, Any]:
    del cursor, context
    return f"EXPLAIN {statement}", parameters


def table_accounts(
    settings: TableSettings, database: Database, *, hash_length: int = 60
) -> TableAccounts:
    """Return the store of a table. It connects with its first statement.

    `hash_length`: characters of a hash. Raises SettingsInvalid if the URL is not valid.
    """
    if settings.url:
        return TableAccounts(settings, AppDatabase(settings.url), hash_length)
    return JoiningTableAccounts(settings, database, hash_length)
