"""Checks that the database answers, can be written, is at this version's revision, and has the right time."""

import ssl
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.finding import Finding
from keyturn.service.clock import now as utc_now
from keyturn.service.database import Database
from keyturn.service.database.migrations import NO_TABLES, ahead_text, head, revision
from keyturn.service.database.unready import CertificateRefused, describe_error, describe_url
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.settings import Settings
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.url_rules import database_fault

# SQLite's file is checked before the database is opened, because opening would create it


_MOUNTS = Path("/proc/self/mounts")

_NETWORK = frozenset(["9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb3", "smbfs"])
"""File systems that several machines share; the write-ahead log needs memory that all its users share
(https://sqlite.org/wal.html)."""


def absolute_path(file: str) -> str:
    return str(Path(file).absolute())


def file_exists(file: str) -> bool:
    return Path(file).exists()


def missing_file(address: str) -> str:
    """Return the whole path of a database URL's file if the file is missing; else ""."""
    url = read_url(address, "database.url").url
    file = absolute_path(str(url.database)) if url.get_backend_name() == "sqlite" and url.database else ""
    return file if file and not file_exists(file) else ""


def readable_by_others(file: str) -> bool:
    """Tell whether users other than the owner and its group can open the file and enter its folder."""
    path = Path(file)
    return all(
        status.st_mode & bit for status, bit in ((path.stat(), stat.S_IROTH), (path.parent.stat(), stat.S_IXOTH))
    )


def network_file_system(file: str) -> str:
    """Return the type of the network file system with the file; "" if it is on none, or if that is unknown."""
    mounts = _MOUNTS.read_text("utf-8", "replace") if _MOUNTS.exists() else ""
    kind = file_system(Path(file).resolve(), mounts)
    return kind if kind in _NETWORK else ""


def file_system(file: Path, mounts: str) -> str:
    """Return the type of the file system with an absolute path; `mounts` is in the format of fstab(5)."""
    fields = [line.split() for line in mounts.splitlines()]
    points = [(point.replace("\\040", " "), kind) for _, point, kind, *_ in fields]
    holding = [mount for mount in points if file.is_relative_to(mount[0])]
    return max(holding, key=lambda mount: len(mount[0]), default=("", ""))[1]


_POSTGRESQL = "postgresql://user:password@host:5432/database"

MISSING_RIGHT = "Let the user in {address} read and write {tables}."

_MENDED_BY = {
    "28P01": "Correct the user or the password in {address}.",
    "28": "Correct the user in {address}, or change the rule for this user in the server's pg_hba.conf.",
    "3D": "Correct the name of the database in {address}, or create it.",
    "42": MISSING_RIGHT,
    "53": "The server is out of connections, memory or disk space: see its log and max_connections.",
    "57": "The server is starting or stopping: try again, or see its log.",
}
"""Fixes by SQLSTATE, or its class, for a server that answers and refuses (PostgreSQL's manual, appendix A)."""

_OF_MYSQL = {1040: "53", 1044: "42", 1045: "28P01", 1049: "3D", 1142: "42", 1143: "42"}
"""The same for MySQL's and MariaDB's own numbers, which are more precise than their SQLSTATE (MySQL's reference)."""

_CLOCK = text("SELECT clock_timestamp() AS moment, current_setting('transaction_read_only') AS read_only")

_WIDEST_SKEW = timedelta(seconds=5)


WRONG_PATH = (
    "The settings say that it has your accounts, so the path is wrong: correct it, or start Keyturn in the folder that"
    " it is relative to. Do not run `keyturn migrate`, which would create an empty file."
)


def accounts_file(settings: Settings) -> str:
    """Return the path of the accounts' SQLite file if the file is missing; else ""."""
    table = settings.accounts.table
    return missing_file(table.url or settings.database.url) if table.table else ""


async def check_database(settings: Settings, now: Callable[[], datetime] = utc_now) -> list[Finding]:
    try:
        url = read_url(settings.database.url, "database.url").url
    except SettingsInvalid as invalid:
        is_none = database_fault(settings.database.url.strip())
        mend = f"Set database.url to sqlite:///file or {_POSTGRESQL}." if is_none else "Correct database.url."
        return [_fail(str(invalid.faults[0]), mend)]
    file = absolute_path(str(url.database))
    if missing := missing_file(settings.database.url):
        mend = WRONG_PATH if missing == accounts_file(settings) else "Run `keyturn migrate` to create it."
        return [_fail(f"{missing} does not exist", mend)]
    if url.get_backend_name() != "sqlite" and not find_spec("asyncpg"):
        return [_fail("the driver for PostgreSQL is missing", "Run `pip install 'keyturn[postgres]'`.")]
    database = Database(settings.database.url, schema=settings.database.schema, timeout=settings.database.timeout)
    try:
        findings = [await _revision(database, url)]
        if database.is_sqlite:
            return findings + await _sqlite(database, file)
        return findings + await _postgresql(database, now)
    except DatabaseUnready as error:
        return [_explain_unready(url, error)]
    except SettingsInvalid as error:
        mend = f"Write it as {_POSTGRESQL}, with the driver's options after a question mark."
        return [_fail(str(fault), mend) for fault in error.faults]
    finally:
        await database.close()


async def _revision(database: Database, url: URL) -> Finding:
    found, newest = await revision(database), head()
    if found == newest:
        return Finding("database", "ok", f"{describe_url(url)}, at revision {newest} (newest)")
    if found and ahead_text(found):
        message = f"{describe_url(url)} is at revision {found}, and this version of Keyturn knows only {newest}"
        return Finding("database", "warn", message, "Install the version of Keyturn that migrated it, or a newer one.")
    state = f"is at revision {found}, not {newest}" if found else NO_TABLES
    return _fail(f"{describe_url(url)} {state}", "Run `keyturn migrate`.")


async def _sqlite(database: Database, file: str) -> list[Finding]:
    findings = []
    if kind := network_file_system(file):
        message = f"{file} is on a network file system ({kind}), where SQLite's write-ahead log does not work"
        mend = "Move it to a local disk, or use PostgreSQL in database.url."
        findings.append(Finding("database", "warn", message, mend))
    if readable_by_others(file):
        message = f"{file} contains password hashes, and all users of this machine can read it"
        findings.append(Finding("database", "warn", message, f"Run `chmod o= {file}`."))
    try:
        await database.transact(_try_to_write)
    except DatabaseUnready as error:
        mend = "Let the user who runs Keyturn write the file and its folder."
        findings.append(_fail(f"{file} cannot be written: {describe_error(error)}", mend))
    return findings


def _try_to_write(connection: Connection) -> None:
    """Create a table and roll back. A lock would prove nothing: SQLite gives the writer's to read-only users, too."""
    connection.execute(text("CREATE TABLE keyturn_trial (x INTEGER)"))
    connection.rollback()


async def _postgresql(database: Database, now: Callable[[], datetime]) -> list[Finding]:
    await database.fetch(_CLOCK)  # also connects, which takes longer than the answer
    before = now()
    (found,) = await database.fetch(_CLOCK)
    middle = before + (now() - before) / 2
    findings = []
    if found["read_only"] == "on":
        mend = "Set database.url to the primary server, or default_transaction_read_only to off."
        findings.append(_fail("PostgreSQL refuses writes: it is a standby server, or read-only", mend))
    findings.append(_clock(abs(found["moment"] - middle)))
    return findings


def _clock(skew: timedelta) -> Finding:
    seconds = f"{skew.total_seconds():.1f} s"
    if skew > _WIDEST_SKEW:
        return Finding(
            "clock",
            "warn",
            f"{seconds} away from the database's clock, so links expire early or late",
            "Set the clocks of both machines by NTP, for example with `timedatectl set-ntp true`.",
        )
    return Finding("clock", "ok", f"{seconds} away from the database's clock")


def _explain_unready(url: URL, error: DatabaseUnready) -> Finding:
    if url.get_backend_name() == "sqlite":
        mend = "Let the user who runs Keyturn write the file and its folder, or correct database.url."
        return _fail(f"{absolute_path(str(url.database))} cannot be opened: {describe_error(error)}", mend)
    mend = mend_of_server(error, "database.url", "Keyturn's tables")
    if _state(error).startswith("42"):
        return _fail(f"{describe_url(url)}: {error}", mend)
    mend = mend or f"Start PostgreSQL, or set database.url to {_POSTGRESQL}."
    return _fail(f"{describe_url(url)} cannot be reached: {describe_error(error)}", mend)


_OF_ANOTHER_NAME = {62, 64}
"""OpenSSL's codes for a certificate without the requested host or address
(https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)."""


def mend_of_server(error: BaseException, address: str, tables: str) -> str:
    """Return the fix if a server has answered with an error, else "".

    `address`: the setting with its address. `tables`: the tables that are read and written there.
    """
    for cause in _causes(error):
        if isinstance(cause, CertificateRefused):
            if cause.code in _OF_ANOTHER_NAME:
                return "Write the host as the server's certificate names it."
            return f"Set {cause.setting} to the file of the authority that has signed the server's certificate."
        if isinstance(cause, ssl.SSLError):
            return "See the log of the server, which ended the connection because of TLS."
    if state := _state(error):
        mend = _MENDED_BY.get(state) or _MENDED_BY.get(state[:2]) or "See the server's log."
        return mend.format(address=address, tables=tables)
    return ""


def _state(error: BaseException) -> str:
    """Return the SQLSTATE, or its class, of a server's answer; "" if no server answered."""
    for cause in _causes(error):
        number = next(iter(cause.args), 0)
        if state := _OF_MYSQL.get(number) or str(getattr(cause, "sqlstate", None) or ""):
            return state
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause:
        yield cause
        cause = cause.__cause__


def _fail(message: str, mend: str) -> Finding:
    return Finding("database", "fail", message, mend)
