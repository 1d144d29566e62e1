"""The tables that captured mails lie in: SQLite with FTS5.

`number` counts arrivals. `words` finds the beginnings of words anywhere in a mail; `heads` finds any part of a subject
or an address, three characters of which are in its index. A search of one table alone would be slow (70 ms on 100,000
mails) or big (6 KB for each mail).
"""

import sqlite3

from keyturn.errors import KeyturnError

_TABLES = """
CREATE TABLE IF NOT EXISTS mails (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at REAL NOT NULL, arrived REAL NOT NULL,
  in_folder INTEGER NOT NULL, read INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL, attachments INTEGER NOT NULL,
  summary TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS mails_read ON mails (read, size);
CREATE TABLE IF NOT EXISTS contents (number INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS recipients (
  email TEXT NOT NULL COLLATE NOCASE, number INTEGER NOT NULL, PRIMARY KEY (email, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS recipients_number ON recipients (number);
CREATE TABLE IF NOT EXISTS tags (
  tag TEXT NOT NULL COLLATE NOCASE, number INTEGER NOT NULL, PRIMARY KEY (tag, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tags_number ON tags (number);
"""
_WORDS = "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, prefix='2 3', tokenize='unicode61')"
_HEADS = """CREATE VIRTUAL TABLE IF NOT EXISTS heads
  USING fts5(subject, sender, recipients, cc, bcc, reply_to, message_id, tokenize='trigram')"""
BELONGING = ("contents.number", "recipients.number", "tags.number", "words.rowid", "heads.rowid")
"""Where else something of a mail lies, and by which column."""

_KIND = 0x4B455954  # "KEYT", what application_id says of the file
_VERSION = 1


class MailStoreUnready(KeyturnError):
    """Captured mails cannot be kept: in this file, or with this SQLite."""


def connect(file: str) -> sqlite3.Connection:
    """Open the file, or make one for as long as the process lasts where the name is empty. Raises MailStoreUnready.

    Such a file has no name, is held in memory at first and spills to the disk when it grows (sqlite.org, "In-Memory
    Databases", "Temporary Databases").
    """
    named = f"{file}: " if file else ""
    try:
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=0.1)
        try:
            _prepare(connection, shared=bool(file))
        except BaseException:
            connection.close()
            raise
    except sqlite3.OperationalError as error:
        if "no such module" in str(error) or "tokenizer" in str(error):
            raise MailStoreUnready("captured mails need SQLite 3.34 or later with FTS5") from error
        raise MailStoreUnready(f"{named}the mails cannot be kept there: {error}") from error
    except sqlite3.DatabaseError as error:
        raise MailStoreUnready(f"{named}this is no file of captured mails") from error
    return connection


def _prepare(connection: sqlite3.Connection, *, shared: bool) -> None:
    (kind,), (version,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and (kind, version) != (_KIND, _VERSION):
        raise sqlite3.DatabaseError
    connection.execute("PRAGMA cache_size = -16000")
    if shared:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # one studio owns it: counts are kept in memory
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    else:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(f"BEGIN; {_TABLES} {_WORDS}; {_HEADS}; COMMIT;")
    connection.execute(f"PRAGMA application_id = {_KIND}")
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def empty(connection: sqlite3.Connection) -> None:
    """Delete all rows. Those of an index would go one by one, so the index itself does."""
    for table in ("mails", "contents", "recipients", "tags"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
    for index, statement in (("words", _WORDS), ("heads", _HEADS)):
        connection.execute(f"DROP TABLE {index}")
        connection.execute(statement)
