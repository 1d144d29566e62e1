"""Access logs of the server around an app: what is told of a request must not open a link (OWASP ASVS 16.2.5)."""

import logging
from collections.abc import MutableMapping
from typing import Any

from keyturn.telemetry.logs import redact

_LOGGERS = ("uvicorn.access", "hypercorn.access", "gunicorn.access", "granian.access")


def redact_access_logs() -> None:
    """Have the access logs of this process redacted, by whatever handler and in whatever form they are written.

    A path may hold the token of a live link. Called again, it changes nothing.
    """
    for logger in map(logging.getLogger, _LOGGERS):
        if not any(isinstance(found, RedactingFilter) for found in logger.filters):
            logger.addFilter(RedactingFilter())


class RedactingFilter(logging.Filter):
    """Takes tokens, hashes and addresses out of what a record is made of, and lets it pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _redacted(record.msg)
        if isinstance(record.args, tuple):  # uvicorn's: the client, the method, the path, the version, the status
            record.args = tuple(map(_redacted, record.args))
        elif isinstance(record.args, MutableMapping):  # gunicorn's atoms look further than their keys, so they stay
            record.args.update({name: _redacted(value) for name, value in record.args.items()})
        return True


def _redacted(value: Any) -> Any:
    return redact(value) if isinstance(value, str) else value
