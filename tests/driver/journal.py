"""The database with which each simulated world begins, with triggers that keep a journal, and what
is left at its end.

The journal is the checks' own record of what the database went through: each row is written in the
transaction that causes it, and no code of Keyturn's reads it.
"""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import bcrypt
import msgspec
from tests.driver.operator import migrate_database
from tests.driver.store_faults import MEMORY

FILE = "keyturn.db"

PASSWORD = "seven quiet harbours"

ADA, BEA, CARL, GRACE, DAN = (
    f"{name}@northwind.test" for name in ("ada", "bea", "carl", "grace", "dan")
)
"""Three users with a password, one who signs in with Google, and one whose account is disabled."""

NOBODY = "nobody@northwind.test"

EVE = "eve@northwind.test"
"""A user of the other system whose id no database takes."""

_ACCOUNT = (
    "INSERT INTO keyturn_accounts (id, email, name, provider, active, password_hash, kind, "
    "locale, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, 'viewer', '', '2026-01-01 00:00:00.000000')"
)

_LINKS = "('reset', 'evict', 'unlock')"
"""The purposes of secrets that set a password."""

_JOURNAL = f"""
CREATE TABLE journal (id INTEGER PRIMARY KEY, what, who, old, new, at);
CREATE TRIGGER a_password_changes AFTER UPDATE OF password_hash ON keyturn_accounts
  WHEN old.password_hash IS NOT new.password_hash BEGIN
  INSERT INTO journal (what, who, old, new)
  VALUES ('password', new.id, old.password_hash, new.password_hash); END;
CREATE TRIGGER a_link_is_used AFTER UPDATE OF used_at ON keyturn_secrets
  WHEN new.purpose IN {_LINKS} AND (new.used_at IS NOT NULL
    OR new.key NOT IN (SELECT who FROM forgotten WHERE what = 'link')) BEGIN
  INSERT INTO journal (what, who, old, new)
  VALUES ('link used', hex(new.key), old.used_at, new.used_at); END;
CREATE TRIGGER a_link_is_revoked AFTER UPDATE OF revoked_at ON keyturn_secrets
  WHEN new.purpose IN {_LINKS} AND (new.revoked_at IS NOT NULL
    OR new.key NOT IN (SELECT who FROM forgotten WHERE what = 'link')) BEGIN
  INSERT INTO journal (what, who, old, new)
  VALUES ('link revoked', hex(new.key), old.revoked_at, new.revoked_at); END;
CREATE TRIGGER a_secure_link_is_used AFTER UPDATE OF used_at ON keyturn_secrets
  WHEN new.purpose = 'secure' AND (new.used_at IS NOT NULL
    OR new.key NOT IN (SELECT who FROM forgotten WHERE what = 'button')) BEGIN
  INSERT INTO journal (what, who, old, new)
  VALUES ('secure link used', hex(new.key), old.used_at, new.used_at); END;
CREATE TRIGGER a_message_is_written AFTER INSERT ON keyturn_outbox BEGIN
  INSERT INTO journal (what, who, old, new, at)
  VALUES ('message', new.id, new.kind, new.key, new.payload); END;
CREATE TRIGGER a_message_has_another_key AFTER UPDATE OF key ON keyturn_outbox
  WHEN old.key IS NOT new.key BEGIN
  INSERT INTO journal (what, who, old, new) VALUES ('key', new.id, old.key, new.key); END;
CREATE TRIGGER a_message_is_claimed AFTER UPDATE OF claim ON keyturn_outbox
  WHEN new.claim IS NOT NULL AND old.claim IS NOT new.claim BEGIN
  INSERT INTO journal (what, who, old, new) VALUES ('claim', new.id, old.claim, new.claim); END;
CREATE TRIGGER a_message_changes AFTER UPDATE OF state ON keyturn_outbox
  WHEN old.state IS NOT new.state AND (new.state IS NOT 'waiting'
    OR new.id NOT IN (SELECT who FROM forgotten WHERE what = 'message')) BEGIN
  INSERT INTO journal (what, who, old, new, at)
  VALUES ('state', new.id, old.state, new.state, new.reason); END;
CREATE TRIGGER a_message_is_withdrawn AFTER DELETE ON keyturn_outbox BEGIN
  INSERT INTO journal (what, who, old, new) VALUES ('withdrawn', old.id, old.kind, old.state); END;
CREATE TRIGGER a_link_is_made AFTER INSERT ON keyturn_secrets WHEN new.purpose IN {_LINKS} BEGIN
  INSERT INTO journal (what, who, old, new, at)
  VALUES ('link', hex(new.key), new.purpose = 'unlock', new.account_id, new.created_at); END;
CREATE TRIGGER a_session_begins AFTER INSERT ON keyturn_sessions BEGIN
  INSERT INTO journal (what, who, new) VALUES ('session', new.account_id, hex(new.digest)); END;
CREATE TRIGGER a_session_ends AFTER DELETE ON keyturn_sessions BEGIN
  INSERT INTO journal (what, who, old)
  VALUES ('session ended', old.account_id, hex(old.digest)); END;
"""


def make_template(folder: Path) -> bytes:
    file = folder / FILE
    asyncio.run(migrate_database(f"sqlite:///{file}"))
    with closing(sqlite3.connect(file)) as database:
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        for email in (ADA, BEA, CARL, GRACE, DAN):
            name, provider = email.partition("@")[0], "Google" if email == GRACE else ""
            row = (name, email, name.title(), provider, email != DAN, None if provider else hashed)
            database.execute(_ACCOUNT, row)
        database.executescript(MEMORY + _JOURNAL)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode = DELETE")
    return file.read_bytes()


def waiting() -> int:
    (count,) = (
        _reader().execute("SELECT count(*) FROM keyturn_outbox WHERE state = 'waiting'").fetchone()
    )
    return int(count)


@cache
def _reader() -> sqlite3.Connection:
    """Return a connection that only reads, open until the world's process ends: a new one costs
    much more.
    """
    return sqlite3.connect(f"file:{FILE}?mode=ro", uri=True)


# What is left at the end


_RETRIED = (
    "SELECT message_id, detail FROM keyturn_outbox_events WHERE event = 'retried' ORDER BY id"
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the journal: what happened to whom, in the order of the commits."""

    id: int
    what: str
    who: Any
    old: Any
    new: Any
    at: Any


class Records:
    """The journal of a world and the tables at its end.

    `messages` by their ids, `links` by their digests.
    """

    def __init__(self) -> None:
        with closing(sqlite3.connect(FILE)) as database:
            database.row_factory = sqlite3.Row
            self.journal = [
                Row(**dict(row)) for row in database.execute("SELECT * FROM journal ORDER BY id")
            ]
            self.messages = {
                row["id"]: dict(row) for row in database.execute("SELECT * FROM keyturn_outbox")
            }
            self.audit = [
                dict(row) for row in database.execute("SELECT * FROM keyturn_audit ORDER BY id")
            ]
            links = database.execute(
                "SELECT *, hex(key) AS name, purpose = 'unlock' AS recovers FROM keyturn_secrets"
                f" WHERE purpose IN {_LINKS} OR purpose = 'gone'"  # by the fault EXPIRED_LINKS
            )
            self.links = {row["name"]: dict(row) for row in links}
            self.retried = [dict(row) for row in database.execute(_RETRIED)]
            self.sessions = {
                row[0] for row in database.execute("SELECT hex(digest) FROM keyturn_sessions")
            }

    def of(self, *what: str) -> list[Row]:
        return [row for row in self.journal if row.what in what]

    def written(self, *kinds: str) -> list[Row]:
        """Return the messages of these kinds that were ever committed: `new` is the key, `at` the
        payload.
        """
        return [row for row in self.of("message") if row.old in kinds]


def payload_of(row: Row) -> dict[str, Any]:
    payload: dict[str, Any] = msgspec.json.decode(row.at)
    return payload


def read_time(text: str) -> datetime:
    """Return a time of the database or of a payload. Both are in UTC, which only payloads say."""
    return datetime.fromisoformat(text.removesuffix("Z").split("+")[0]).replace(tzinfo=UTC)


def digest(token: str) -> str:
    """Return the name of a link or a session in the journal."""
    return sha256(token.encode()).hexdigest().upper()
