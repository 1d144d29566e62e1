"""Structured logs without tokens, password hashes and whole addresses (OWASP ASVS 16.2.5)."""

import asyncio
import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

from keyturn.service.clock import monotonic

log = logging.getLogger("keyturn")
reset_log = logging.getLogger("keyturn.reset")

request_id: ContextVar[str] = ContextVar("keyturn_request_id", default="")
"""The id of the current request, or of the request that created the current message."""

_TOKEN_LENGTH = 43
# A longer word counts, too: in a URL of the app, the token may touch a "-", a "_" or a letter.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43,}")
_HASH = re.compile(
    r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"  # bcrypt
    r"|\$argon2(?:id|i|d)\$[\w+/=,$]+"
    r"|\b(?:pbkdf2|scrypt)[\w:]*(?:\$[\w+/=]+)+"
)
_PART = r"\s@\"'<>,;:()\[\]=\\%"
# Only from the beginning of a word: otherwise the search would start again at each letter of a long
# word, and take quadratic time.
_ADDRESS = re.compile(rf"(?<![^{_PART}])([^{_PART}])[^{_PART}]*(@|%40)([A-Za-z0-9.-]+)")

_CHATTY = (
    "aiosqlite",
    "alembic",
    "asyncio",
    "httpcore2",
    "httpx2",
    "mail.log",
    "urllib3",
    "watchfiles",
)
"""Libraries that log each statement with its values, or each request with its headers."""


_A_MINUTE = 60.0
_MOST_NAMES = 1_024


class LogEvent:
    """A log message: a name for machines, and fields.

    The formatter of an app writes it as `mail.sent message_id=7`.
    """

    __slots__ = ("fields", "name")

    def __init__(self, name: str, /, **fields: object) -> None:
        self.name = name
        self.fields = fields

    def __str__(self) -> str:
        fields = [f"{key}={value}" for key, value in self.fields.items()]
        return redact(" ".join([self.name, *fields]))


class OnceAMinute:
    """Limits the lines that clients can cause: for each name, the first one in a minute is written.

    The latest 1,024 names are remembered.
    """

    def __init__(self) -> None:
        self._written: dict[str, tuple[float, int]] = {}

    def count(self, name: str) -> int:
        """Return how many requests the line is about: this one, and those since the last line.

        0: write no line.
        """
        moment = monotonic()
        written, held_back = self._written.pop(name, (moment - _A_MINUTE, 0))
        if len(self._written) == _MOST_NAMES:
            del self._written[next(iter(self._written))]
        if moment - written < _A_MINUTE:
            self._written[name] = (written, held_back + 1)
            return 0
        self._written[name] = (moment, 0)
        return held_back + 1


def redact(text: str) -> str:
    """Remove what looks like a hash, a token or an address: a second defence, since no caller logs
    them.

    Hashes come first, since a part of a hash may look like a token.
    """
    # Few texts have any of them, and looking for a required sign costs less than a search.
    if "$" in text:
        text = _HASH.sub("[hash]", text)
    if len(text) >= _TOKEN_LENGTH:
        text = _TOKEN.sub("[token]", text)
    if "@" in text or "%40" in text:
        text = _ADDRESS.sub(r"\1***\2\3", text)
    return text


def configure_logs(level: str = "info") -> None:
    """Send log records to stderr, as text on a terminal, else as JSON.

    Keyturn's records are sent from `level` on, those of libraries from the higher of `level` and
    info on.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Text() if sys.stderr.isatty() else _Json())
    handler.addFilter(_is_no_end)
    own = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(own, logging.INFO), handlers=[handler], force=True)
    logging.getLogger("keyturn").setLevel(own)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(own, logging.WARNING))
    logging.captureWarnings(capture=True)


def _is_no_end(record: logging.LogRecord) -> bool:
    """Drop the record of a request that the end of the process cancelled.

    Uvicorn writes one line with the number of them.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _event_of(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, Any]:
    """Return a record's event, its fields and the id of its request, all redacted."""
    moment = datetime.fromtimestamp(record.created, UTC)
    message = record.msg
    name = message.name if isinstance(message, LogEvent) else record.getMessage()
    event: dict[str, Any] = {
        "event": name,
        "timestamp": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
    }
    if isinstance(message, LogEvent):
        event |= message.fields
    identity = request_id.get()
    if identity:
        event.setdefault("request_id", identity)
    if record.exc_info:
        event["exception"] = formatter.formatException(record.exc_info)
    # Each value is redacted, not the whole line: it stays well-formed.
    for key, value in event.items():
        if not isinstance(value, int | float | None):
            event[key] = redact(str(value))
    return event


class _Json(logging.Formatter):
    """Writes a record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        return msgspec.json.encode(_event_of(record, self)).decode()


class _Text(logging.Formatter):
    """Writes a record as a line for people."""

    def format(self, record: logging.LogRecord) -> str:
        event = _event_of(record, self)
        moment = event.pop("timestamp")
        level = event.pop("level")
        event_name = event.pop("event")
        logger = event.pop("logger")
        exception = event.pop("exception", "")
        fields = (f"{name}={_plain(value)}" for name, value in event.items())
        line = " ".join([moment, f"[{level:<8}]", f"{event_name:<30}", f"[{logger}]", *fields])
        if exception:
            return f"{line}\n{exception}"
        return line


def _plain(value: object) -> str:
    """Return a value as one word, or in quotes."""
    text = str(value)
    is_word = text.isprintable() and " " not in text
    return text if is_word else repr(text)


_ACCESS_LOGGERS = ("uvicorn.access", "hypercorn.access", "gunicorn.access", "granian.access")
"""The access logs of the servers around an app. Their lines must not hold a link that works (OWASP
ASVS 16.2.5).
"""


def redact_access_logs() -> None:
    """Redact the access logs of this process: a path may hold the token of a live link."""
    for name in _ACCESS_LOGGERS:
        logger = logging.getLogger(name)
        is_redacted = any(isinstance(known, RedactingFilter) for known in logger.filters)
        if not is_redacted:
            logger.addFilter(RedactingFilter())


class RedactingFilter(logging.Filter):
    """Removes tokens, hashes and addresses from a record. It drops no record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _redacted(record.msg)
        # Uvicorn's arguments: the client, the method, the path, the version, the status.
        if isinstance(record.args, tuple):
            record.args = tuple(_redacted(value) for value in record.args)
        # Gunicorn's mapping looks up more than its keys, so it is changed and not replaced.
        elif isinstance(record.args, MutableMapping):
            for name, value in list(record.args.items()):
                record.args[name] = _redacted(value)
        return True


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    return value
