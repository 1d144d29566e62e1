"""The tables of captured mails and their statements: SQLite with FTS5.

`number` counts arrivals. `words` matches the beginnings of words anywhere in a mail. `heads` matches any part of a
subject or an address, by an index of three characters. One table alone would be slow (70 ms on 100,000 mails) or big (6
KB for each mail).
"""

import sqlite3
import weakref
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import msgspec

from keyturn.errors import KeyturnError
from keyturn.studio.inbox.query import LOWEST, Condition, newer_than
from keyturn.studio.inbox.summary import CapturedMail, Summary, local_time

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
"""Other tables with rows of a mail, and their columns."""

_KIND = 0x4B455954  # "KEYT", what application_id says of the file
_VERSION = 1


class MailStoreUnready(KeyturnError):
    """Captured mails cannot be kept: in this file, or with this SQLite."""


def connect(file: str) -> sqlite3.Connection:
    """Open the file, or for an empty name a database that lasts as long as the process. Raises MailStoreUnready.

    Such a database is held in memory at first, and spills to the disk when it grows (sqlite.org, "In-Memory Databases",
    "Temporary Databases").
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
        raise MailStoreUnready(f"{named}mails cannot be stored there: {error}") from error
    except sqlite3.DatabaseError as error:
        raise MailStoreUnready(f"{named}this is not a file of captured mails") from error
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


_COLUMNS = "number, id, at, in_folder, read, summary"
_MOST_TAGS = 200
_SPANS = (2_000, 20_000)


class NewMail(NamedTuple):
    """The columns of a new mail. `text`: the searched text, besides the summary."""

    id: str
    at: float
    arrived: float
    summary: Summary
    text: str
    raw: bytes | None
    """None for a file in a folder."""


class MailTable:
    """Reads and writes the tables, for one thread at a time. `query` makes the conditions."""

    def __init__(self, file: str) -> None:
        self._database = connect(file)
        self.close = weakref.finalize(self, self._database.close)

    def insert(self, mail: NewMail) -> None:
        summary = mail.summary
        columns = (
            mail.id,
            mail.at,
            mail.arrived,
            mail.raw is None,
            summary.size,
            summary.attachments,
            msgspec.json.encode(summary).decode(),
        )
        people = (summary.sender,), summary.to, summary.cc, summary.bcc, summary.reply_to
        heads = (summary.subject, *(" ".join(map(str, each)) for each in people), summary.message_id)
        write = self._database.execute
        with _transaction(self._database):
            number = write(
                "INSERT INTO mails (id, at, arrived, in_folder, size, attachments, summary) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                columns,
            ).lastrowid
            if mail.raw is not None:
                write("INSERT INTO contents VALUES (?, ?)", (number, zlib.compress(mail.raw, 1)))
            self._database.executemany(
                "INSERT OR IGNORE INTO recipients VALUES (?, ?)", [(email, number) for email in summary.recipients]
            )
            self._database.executemany(
                "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(tag, number) for tag in summary.tags]
            )
            write("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, f"{' '.join(heads)}\n{mail.text}"))
            write(
                "INSERT INTO heads (rowid, subject, sender, recipients, cc, bcc, reply_to, message_id) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (number, *heads),
            )

    def select(
        self, condition: Condition, limit: int = -1, skip: int = 0, order: Literal["ASC", "DESC"] = "DESC"
    ) -> list[CapturedMail]:
        """Return mails by their numbers. A common word is searched among the newest mails first."""
        for lowest in self._beginnings() if condition.asks_an_index and order == "DESC" and limit >= 0 else ():
            mails = self._select(condition & newer_than(lowest), limit, skip, order, lowest)
            if len(mails) == limit:
                return mails
        return self._select(condition, limit, skip, order)

    def _select(self, condition: Condition, limit: int, skip: int, order: str, lowest: int = 0) -> list[CapturedMail]:
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM mails WHERE {condition.sql} ORDER BY number {order} LIMIT ? OFFSET ?",  # noqa: S608
            (*_values(condition, lowest), limit, skip),
        )
        return [
            CapturedMail(
                id=mail_id,
                number=number,
                at=local_time(at),
                in_folder=bool(in_folder),
                read=bool(read),
                summary=msgspec.json.decode(summary, type=Summary),
            )
            for number, mail_id, at, in_folder, read, summary in rows.fetchall()
        ]

    def count(self, condition: Condition, most: int = -1) -> int:
        """Count mails, up to `most`, so that a common word does not read the whole index."""
        for lowest in self._beginnings() if condition.asks_an_index and most >= 0 else ():
            if self._count(condition & newer_than(lowest), most, lowest) == most:
                return most
        return self._count(condition, most)

    def _count(self, condition: Condition, most: int, lowest: int = 0) -> int:
        matching = f"SELECT 1 FROM mails WHERE {condition.sql} LIMIT ?"  # noqa: S608
        return self._number(f"SELECT count(*) FROM ({matching})", (*_values(condition, lowest), most))  # noqa: S608

    def _beginnings(self) -> list[int]:
        newest = self._number("SELECT coalesce(max(number), 0) FROM mails")
        return [newest - span for span in _SPANS]

    def size(self) -> int:
        return self._number("SELECT coalesce(sum(size), 0) FROM mails")

    def raw(self, number: int) -> bytes | None:
        row = self._database.execute("SELECT raw FROM contents WHERE number = ?", (number,)).fetchone()
        return zlib.decompress(row[0]) if row else None

    def tags(self) -> dict[str, int]:
        """Return the tags, with the number of mails: the 200 most used, by name."""
        rows = self._database.execute(
            "SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY count(*) DESC, tag LIMIT ?", (_MOST_TAGS,)
        )
        return dict(sorted(rows.fetchall()))

    def mark_read(self, condition: Condition, *, read: bool) -> int:
        statement = f"UPDATE mails SET read = ? WHERE read <> ? AND ({condition.sql})"  # noqa: S608
        return self._database.execute(statement, (read, read, *_values(condition))).rowcount

    def delete(self, mails: Sequence[CapturedMail]) -> None:
        numbers = [(mail.number,) for mail in mails]
        with _transaction(self._database):
            for place in ("mails.number", *BELONGING):
                table, _, column = place.partition(".")
                self._database.executemany(f"DELETE FROM {table} WHERE {column} = ?", numbers)  # noqa: S608

    def empty(self) -> None:
        """Delete all rows. Indexes are dropped as a whole, since deleting their rows one by one is slow."""
        with _transaction(self._database):
            for table in ("mails", "contents", "recipients", "tags"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608
            for index, statement in (("words", _WORDS), ("heads", _HEADS)):
                self._database.execute(f"DROP TABLE {index}")
                self._database.execute(statement)

    def _number(self, statement: str, values: Sequence[object] = ()) -> int:
        return int(self._database.execute(statement, values).fetchone()[0])


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    with database:  # which commits, or rolls back after an error
        yield


def _values(condition: Condition, lowest: int = 0) -> tuple[object, ...]:
    return tuple(lowest if value is LOWEST else value for value in condition.values)
