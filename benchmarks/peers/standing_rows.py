"""Adds settled links and messages, as many as a busy year leaves. The database generates them in SQL."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import psycopg

_LINKS = """INSERT INTO keyturn_reset_tokens
(digest, account_id, email, ip_address, user_agent, created_at, expires_at, recovers, reason, second_step_tries)
{numbers} SELECT {digest}, 'standing' || i, 'standing' || i || '@example.test', '192.0.2.1', 'Mozilla/5.0', {time},
{time}, false, '', 0 FROM n"""

_MESSAGES = """INSERT INTO keyturn_outbox
(key, kind, payload, state, reason, attempts, faults, available_at, created_at, settled_at)
{numbers} SELECT {key}, 'reset_requested', '{{"email":"standing' || i || '@example.test"}}', 'dropped', 'no_account', 1,
1, {time}, {time}, {time} FROM n"""

# Keys are in the order of their time, like those of `outbox.message.new_key`.
_IN_SQLITE = {
    "numbers": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})",
    "digest": "randomblob(32)",
    "key": "printf('%012x', i) || lower(hex(randomblob(10)))",
    "time": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-1 hour', '-' || (({rows} - i) / 1000.0) || ' seconds')",
}
_IN_POSTGRESQL = {
    "numbers": "WITH n(i) AS (SELECT generate_series(1, {rows}))",
    "digest": "sha256(i::text::bytea)",
    "key": "lpad(to_hex(i), 12, '0') || left(md5(i::text), 20)",
    "time": "now() - interval '1 hour' - ({rows} - i) * interval '1 millisecond'",
}


def add_standing_rows(url: str, rows: int) -> None:
    """Add `rows` links and as many messages."""
    file = url.removeprefix("sqlite:///")
    if file == url:
        with psycopg.connect(url, autocommit=True) as server:
            for statement in [*_statements(_IN_POSTGRESQL, rows), "VACUUM ANALYZE"]:
                server.execute(statement)
        return
    with closing(sqlite3.connect(file, timeout=60)) as database, database:
        database.execute("PRAGMA cache_size = -500000")  # kilobytes: random digests touch every page of their index
        database.execute("PRAGMA synchronous = OFF")
        for statement in _statements(_IN_SQLITE, rows):
            database.execute(statement)


def _statements(words: dict[str, str], rows: int) -> Sequence[str]:
    of_engine = {name: text.format(rows=rows) for name, text in words.items()}
    return [insert.format(**of_engine) for insert in (_LINKS, _MESSAGES)]
