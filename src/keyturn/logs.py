"""Logs that cannot print a token, a password or a whole address (OWASP ASVS 16.2.5)."""

import logging
import re
import sys

_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
_ADDRESS = re.compile(r"([^\s@\"'<>,;:()\[\]])[^\s@\"'<>,;:()\[\]]*@([A-Za-z0-9.-]+)")


class Redacting(logging.Formatter):
    """Formats a record, traceback included, then takes out what looks like a token or an address.

    The code logs neither; this is the second lock, for what a library may put into a message or an exception.
    """

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def redacted(text: str) -> str:
    return _ADDRESS.sub(r"\1***@\2", _TOKEN.sub("[token]", text))


def configure_logs(level: int = logging.INFO) -> None:
    """Send everything to stderr, one line a record, redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("alembic", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
