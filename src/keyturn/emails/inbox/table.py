"""The statements on the tables of captured mails."""

import sqlite3
import zlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from keyturn.emails.inbox.captured_mail import CapturedMail, local_time
from keyturn.emails.inbox.query import LOWEST, Condition, newer_than
from keyturn.emails.inbox.schema import BELONGING, connect, empty
from keyturn.emails.inbox.summary import Summary

_COLUMNS = "number, id, at, in_folder, read, summary"
_MOST_TAGS = 200
_SPANS = (2_000, 20_000)


class NewMail(NamedTuple):
    """Holds what is written of a mail. `text` is what a search looks through, besides the summary."""

    id: str
    at: float
    arrived: float
    summary: Summary
    text: str
    raw: bytes | None
    """None where it lies in a folder."""


class MailTable:
    """Reads and writes the tables, for one thread at a time. What `condition` asks for stands in `query`."""

    def __init__(self, file: str) -> None:
        self._database = connect(file)
        self.close = self._database.close

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
        with _Transaction(self._database):
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
        """Return mails by their numbers. A common word is looked for among the newest first, for it is there."""
        for lowest in self._beginnings() if condition.asks_an_index and order == "DESC" and limit >= 0 else ():
            found = self._select(condition & newer_than(lowest), limit, skip, order, lowest)
            if len(found) == limit:
                return found
        return self._select(condition, limit, skip, order)

    def _select(self, condition: Condition, limit: int, skip: int, order: str, lowest: int = 0) -> list[CapturedMail]:
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM mails WHERE {condition.sql} ORDER BY number {order} LIMIT ? OFFSET ?",  # noqa: S608
            (*_values(condition, lowest), limit, skip),
        )
        return [_captured_mail(*row) for row in rows.fetchall()]

    def count(self, condition: Condition, most: int = -1) -> int:
        """Count mails, up to `most`: all that have a common word would be gathered for that."""
        for lowest in self._beginnings() if condition.asks_an_index and most >= 0 else ():
            if self._count(condition & newer_than(lowest), most, lowest) == most:
                return most
        return self._count(condition, most)

    def _count(self, condition: Condition, most: int, lowest: int = 0) -> int:
        found = f"SELECT 1 FROM mails WHERE {condition.sql} LIMIT ?"  # noqa: S608
        return self._number(f"SELECT count(*) FROM ({found})", (*_values(condition, lowest), most))  # noqa: S608

    def _beginnings(self) -> list[int]:
        """Return the numbers from which on the newest are."""
        newest = self._number("SELECT coalesce(max(number), 0) FROM mails")
        return [newest - span for span in _SPANS]

    def size(self) -> int:
        """Return how many bytes all mails have."""
        return self._number("SELECT coalesce(sum(size), 0) FROM mails")

    def raw(self, number: int) -> bytes | None:
        row = self._database.execute("SELECT raw FROM contents WHERE number = ?", (number,)).fetchone()
        return zlib.decompress(row[0]) if row else None

    def tags(self) -> dict[str, int]:
        """Return the tags, and how many mails have each: the 200 that have most, by name."""
        rows = self._database.execute(
            "SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY count(*) DESC, tag LIMIT ?", (_MOST_TAGS,)
        )
        return dict(sorted(rows.fetchall()))

    def mark_read(self, condition: Condition, *, read: bool) -> int:
        """Mark the mails that are not so yet; return how many."""
        statement = f"UPDATE mails SET read = ? WHERE read <> ? AND ({condition.sql})"  # noqa: S608
        return self._database.execute(statement, (read, read, *_values(condition))).rowcount

    def delete(self, mails: Sequence[CapturedMail]) -> None:
        numbers = [(mail.number,) for mail in mails]
        with _Transaction(self._database):
            for place in ("mails.number", *BELONGING):
                table, _, column = place.partition(".")
                self._database.executemany(f"DELETE FROM {table} WHERE {column} = ?", numbers)  # noqa: S608

    def empty(self) -> None:
        """Delete all, which is quick however many there are."""
        with _Transaction(self._database):
            empty(self._database)

    def _number(self, statement: str, values: Sequence[object] = ()) -> int:
        return int(self._database.execute(statement, values).fetchone()[0])


class _Transaction:
    """Runs a block whole or not at all."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._database.execute("ROLLBACK" if kind else "COMMIT")


def _values(condition: Condition, lowest: int = 0) -> tuple[object, ...]:
    return tuple(lowest if value is LOWEST else value for value in condition.values)


def _captured_mail(number: int, mail_id: str, at: float, in_folder: int, read: int, summary: str) -> CapturedMail:
    return CapturedMail(
        id=mail_id,
        number=number,
        at=local_time(at),
        in_folder=bool(in_folder),
        read=bool(read),
        summary=msgspec.json.decode(summary, type=Summary),
    )
