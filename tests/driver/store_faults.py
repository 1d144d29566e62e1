"""Faults of the store: a database that forgets what it was told, as SQL for a file of SQLite with
Keyturn's tables.

Each takes the effect of one safeguard away, whatever code it is written in. A test adds one before
a service starts, and must turn red. "Forgets": the statement succeeds, and its change is not there
afterwards.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from zlib import crc32

MEMORY = "CREATE TABLE IF NOT EXISTS forgotten (what, who, PRIMARY KEY (what, who));\n"
"""What a fault has done before, so that a check can leave the fault's own writes alone."""


def spoil(file: Path, fault: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(MEMORY + fault)


_SECRETS, _OUTBOX, _LIMITS = "keyturn_secrets", "keyturn_outbox", "keyturn_limits"

_REFUSED = "SELECT RAISE(IGNORE)"
_NEVER = "'2099-01-01 00:00:00.000000'"


def _on(event: str, table: str, when: str, *statements: str) -> str:
    name = f"fault_{event}_{table}_{crc32(when.encode())}".replace(" ", "_").lower()
    return (
        f"CREATE TRIGGER {name} {event} ON {table} WHEN {when} BEGIN {'; '.join(statements)}; "
        "END;\n"
    )


def _note(what: str, who: str) -> str:
    return f"INSERT OR IGNORE INTO forgotten VALUES ('{what}', {who})"


def _noted(what: str) -> str:
    return f"(SELECT who FROM forgotten WHERE what = '{what}')"


def _set(table: str, values: str, key: str = "id") -> str:
    return f"UPDATE {table} SET {values} WHERE {key} = new.{key}"


_IS_LINK, _IS_BUTTON = "new.purpose IN ('reset', 'evict', 'unlock')", "new.purpose = 'secure'"


def _undo(column: str, when: str, *notes: str) -> str:
    """Forget what a statement sets in a column of a secret."""
    value = "tries = 0" if column == "tries" else f"{column} = NULL"
    return _on(f"AFTER UPDATE OF {column}", _SECRETS, when, *notes, _set(_SECRETS, value, "key"))


# Links

USES_OF_LINKS = _undo(
    "used_at", f"{_IS_LINK} AND new.used_at IS NOT NULL", _note("link", "new.key")
) + _undo("revoked_at", f"new.revoked_at IS NOT NULL AND new.key IN {_noted('link')}")
"""A change also revokes the link that was used for it."""

ENDS_OF_LINKS = _undo(
    "revoked_at", f"{_IS_LINK} AND new.revoked_at < new.expires_at", _note("link", "new.key")
)
"""Forgets that a link was revoked, after it was noted."""

_HAS_EXPIRED = f"{_IS_LINK.removeprefix('new.')} AND expires_at < old.available_at"
_FORGET = f"UPDATE {_SECRETS} SET purpose = 'gone' WHERE {_HAS_EXPIRED}"
EXPIRED_LINKS = _on("AFTER UPDATE OF claim", "keyturn_outbox", "new.claim IS NOT NULL", _FORGET)
"""Forgets links that had expired when a worker claims a message.

Their rows stay, for the checks of a world.
"""

REVOCATIONS = _on(
    "BEFORE UPDATE OF revoked_at",
    _SECRETS,
    f"{_IS_LINK} AND new.revoked_at < old.expires_at",
    _REFUSED,
)
"""Does not revoke links at all."""

REPLACEMENTS = _undo("revoked_at", f"{_IS_LINK} AND new.revoked_at >= new.expires_at")

LIFETIMES = _on("AFTER INSERT", _SECRETS, _IS_LINK, _set(_SECRETS, f"expires_at = {_NEVER}", "key"))

_MOVE = (
    f"UPDATE {_SECRETS} SET data = json_set(data, '$.email', new.email)"
    f" WHERE account_id = new.id AND {_IS_LINK.removeprefix('new.')}"
)
ADDRESSES_OF_LINKS = _on("AFTER UPDATE OF email", "keyturn_accounts", "1", _MOVE)
"""Takes an account's links along to its new address."""

_COPY = "key, proof, account_id, mailbox, created_at, expires_at, tries, data"


def _also(purpose: str, when: str) -> str:
    row = ", ".join(f"new.{name}" for name in _COPY.split(", "))
    copied = f"INSERT OR IGNORE INTO {_SECRETS} (purpose, {_COPY}) VALUES ('{purpose}', {row})"
    return _on("AFTER INSERT", _SECRETS, when, copied)


PURPOSES = _also("reset", _IS_BUTTON) + _also("secure", _IS_LINK)
"""Takes a link that sets a password for one that reports a change, and the other way round."""

# What else opens an account

SESSIONS = _on("BEFORE DELETE", "keyturn_sessions", "1", _REFUSED)

DISABLED_ACCOUNTS = _on(
    "AFTER UPDATE OF active", "keyturn_accounts", "1", _set("keyturn_accounts", "active = 1")
)

USES_OF_CODES = _undo("used_at", "new.purpose = 'code' AND new.used_at IS NOT NULL")

ENDS_OF_CODES = _undo("revoked_at", "new.purpose = 'code' AND new.revoked_at IS NOT NULL")
"""Lets codes outlive a reset."""

TRIES_OF_CODES = _undo("tries", "new.purpose = 'code' AND new.tries > 0")

# "This was not me"

USES_OF_BUTTONS = _undo(
    "used_at", f"{_IS_BUTTON} AND new.used_at IS NOT NULL", _note("button", "new.key")
) + _undo("revoked_at", f"new.revoked_at IS NOT NULL AND new.key IN {_noted('button')}")
"""A press also ends the mailbox's later buttons, its own among them."""


def _ended_by_press(purposes: str) -> str:
    ending = (
        f"UPDATE {_SECRETS} SET revoked_at = new.used_at WHERE account_id = new.account_id AND "
        f"purpose IN ({purposes})"
        " AND used_at IS NULL AND revoked_at IS NULL AND expires_at > new.used_at"
    )
    return _on(
        "AFTER UPDATE OF used_at", _SECRETS, f"{_IS_BUTTON} AND new.used_at IS NOT NULL", ending
    )


LIMITS_OF_PRESSES_TO_LINKS = _ended_by_press("'reset', 'evict', 'unlock'")
"""Lets a press end the links of all mailboxes."""

LIMITS_OF_PRESSES_TO_BUTTONS = _ended_by_press("'secure'")
"""Lets a press end the buttons of all mailboxes."""

_WAS_PRESSED = (
    f"EXISTS (SELECT 1 FROM {_SECRETS} WHERE purpose = 'secure' AND used_at = new.revoked_at)"
)
ENDS_OF_EARLIER_BUTTONS = _on(
    "BEFORE UPDATE OF revoked_at", _SECRETS, f"{_IS_BUTTON} AND NOT {_WAS_PRESSED}", _REFUSED
)
"""Lets buttons outlive a change: no button was used at the moment of their end."""

# A second step

TRIES_OF_LINKS = _undo("tries", f"{_IS_LINK} AND new.tries > 0")
"""Forgets the wrong codes of a link. Those of its account stay counted."""

_DELETE = f"DELETE FROM {_SECRETS} WHERE key = new.key"
STEPS_OF_AUTHENTICATORS = _on("AFTER INSERT", _SECRETS, "new.purpose = 'spent'", _DELETE)

# Limits that the database counts: those of a mailbox, and of an account's codes

COUNTS = _on("AFTER INSERT", _LIMITS, "new.tat > 0", f"DELETE FROM {_LIMITS} WHERE key = new.key")
"""Forgets each count."""

_IS_COOLDOWN = f"new.tat - (SELECT unixepoch(max(created_at)) FROM {_OUTBOX}) BETWEEN 30 AND 3600"
COOLDOWNS = _on("AFTER INSERT", _LIMITS, _IS_COOLDOWN, f"DELETE FROM {_LIMITS} WHERE key = new.key")
"""Forgets a mailbox's cooldown, and keeps its mails of a day: a counter of these is empty after
hours.
"""

# The outbox

ONE_REQUEST_IN_SIXTEEN = _on(
    "BEFORE INSERT", _OUTBOX, "new.kind = 'reset_requested' AND new.key LIKE '%0'", _REFUSED
)

_IS_STRANGE = (
    "new.kind = 'reset_requested' AND json_extract(new.payload, '$.email') NOT IN (SELECT email "
    "FROM keyturn_accounts)"
    " AND json_extract(new.payload, '$.client.operator') = ''"
)
REQUESTS_OF_STRANGERS = _on(
    "BEFORE INSERT", _OUTBOX, _IS_STRANGE, "SELECT RAISE(ABORT, 'nobody has this address')"
)
"""Fails for an address without an account."""


def _forget(column: str, when: str, values: str) -> str:
    return _on(f"AFTER UPDATE OF {column}", _OUTBOX, when, _set(_OUTBOX, values))


SEALED_MAILS = _forget("sealed", "new.sealed IS NOT NULL", "sealed = NULL")

_IS_RETRIED = "new.claim IS NULL AND new.state = 'waiting' AND new.sender IS NOT NULL"

PROVIDERS = _forget("sender", "new.sender IS NOT NULL AND new.state = 'waiting'", "sender = NULL")

PROVIDERS_OF_RETRIED = _forget("claim", _IS_RETRIED, "sender = NULL")

ANY_CLAIM = "any_claim"
"""The name of a collation for which all texts are equal, which the connections of a test have."""

_HELD = f"claim = old.claim, available_at = {_NEVER}"
NAMES_OF_CLAIMS = f"""PRAGMA writable_schema = ON;
UPDATE sqlite_master
SET sql = replace(sql, 'claim VARCHAR(32)', 'claim VARCHAR(32) COLLATE {ANY_CLAIM}')
WHERE name = '{_OUTBOX}';
PRAGMA writable_schema = RESET;
{_forget("claim", "new.claim IS NULL AND new.state != 'waiting'", _HELD)}"""
"""Does not tell one claim from another, and forgets that a message which has ended is no longer
claimed.

Nobody claims such a message again: only a worker that held it before can still write to it.
"""

LEASES = _forget("claim", "new.claim IS NOT NULL", "available_at = old.available_at")

RENEWALS = _on(
    "BEFORE UPDATE OF available_at",
    _OUTBOX,
    "new.claim = old.claim AND new.faults = old.faults",
    _REFUSED,
)

_HAS_ENDED = f"new.state IN ('dropped', 'dead') AND new.id NOT IN {_noted('message')}"
_BEGIN = _set(_OUTBOX, "state = 'waiting', settled_at = NULL")
ENDS_OF_MESSAGES = _on(
    "AFTER UPDATE OF state", _OUTBOX, _HAS_ENDED, _note("message", "new.id"), _BEGIN
)
"""Forgets once that a message has ended, so that a worker claims it again."""

_IS_FIRST_DROP = f"new.state = 'dropped' AND old.claim NOT IN {_noted('claim')}"
FIRST_DROPS = _on(
    "BEFORE UPDATE OF state", _OUTBOX, _IS_FIRST_DROP, _note("claim", "old.claim"), _REFUSED
)
"""Forgets the first drop of a message under each claim.

A worker ends it once more when it has done its work.
"""

# Changes in another system

LOCKS = "".join(
    _on(event, _SECRETS, "new.purpose = 'change'", _DELETE)
    for event in ("AFTER INSERT", "AFTER UPDATE OF proof")
)

_IS_CLAIMED = "new.kind = 'change_begun' AND new.claim IS NOT NULL"
CLAIMED_PROMISES = _on(
    "AFTER UPDATE OF claim", _OUTBOX, _IS_CLAIMED, f"DELETE FROM {_OUTBOX} WHERE id = new.id"
)

_ROW = (
    "id, key, kind, payload, state, reason, attempts, faults, available_at, claim, sealed, "
    "sender, provider_id,"
    " created_at, settled_at"
)
_KEEP = (
    f"INSERT INTO {_OUTBOX} ({_ROW}) VALUES "
    f"({', '.join(f'old.{name}' for name in _ROW.split(', '))})"
)
WITHDRAWALS = _on(
    "AFTER DELETE", _OUTBOX, "old.kind = 'change_begun' AND old.state = 'waiting'", _KEEP
)
"""Keeps the promise of a change that was withdrawn."""
