"""What a world leaves behind: its journal, and Keyturn's tables at its end."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from tests.simulation.template import FILE

_RETRIED = "SELECT message_id, detail FROM keyturn_outbox_events WHERE event = 'retried' ORDER BY id"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the journal: what happened to whom, in the order of the commits."""

    id: int
    what: str
    who: Any
    old: Any
    new: Any
    at: Any


class Records:
    """The journal of a world and the tables at its end. `messages` by their ids, `links` by their digests."""

    def __init__(self) -> None:
        with closing(sqlite3.connect(FILE)) as database:
            database.row_factory = sqlite3.Row
            self.journal = [Row(**dict(row)) for row in database.execute("SELECT * FROM journal ORDER BY id")]
            self.messages = {row["id"]: dict(row) for row in database.execute("SELECT * FROM keyturn_outbox")}
            self.audit = [dict(row) for row in database.execute("SELECT * FROM keyturn_audit ORDER BY id")]
            links = database.execute("SELECT *, hex(digest) AS name FROM keyturn_reset_tokens")
            self.links = {row["name"]: dict(row) for row in links}
            self.retried = [dict(row) for row in database.execute(_RETRIED)]
            self.sessions = {row[0] for row in database.execute("SELECT hex(digest) FROM keyturn_sessions")}

    def of(self, *what: str) -> list[Row]:
        return [row for row in self.journal if row.what in what]

    def written(self, *kinds: str) -> list[Row]:
        """Return the messages of these kinds that were ever committed: `new` is the key, `at` the payload."""
        return [row for row in self.of("message") if row.old in kinds]


def payload_of(row: Row) -> dict[str, Any]:
    """Return the payload of a message in the journal."""
    payload: dict[str, Any] = msgspec.json.decode(row.at)
    return payload


def read_time(text: str) -> datetime:
    """Return a time of the database or of a payload. Both are in UTC, which only payloads say."""
    return datetime.fromisoformat(text.removesuffix("Z").split("+")[0]).replace(tzinfo=UTC)


def digest(token: str) -> str:
    """Return the name of a link or a session in the journal."""
    return sha256(token.encode()).hexdigest().upper()
