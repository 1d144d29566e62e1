"""A name for each request, under which its logs, its spans, its audit entry and its mail are found again.

An X-Request-ID that a client sends is ignored: with it one could take another's name, or write into the logs (CWE-117;
OWASP Logging Cheat Sheet, "Event data sources"). What joins services is a traceparent. Only answers from 500 up carry
the name: all others stay the same to the byte, whoever is asked for.
"""

import os
from typing import Any

from litestar.types import Scope

from keyturn.telemetry.logs import request_id
from keyturn.telemetry.tracing import REQUEST_ID


def request_id_of(scope: Scope) -> str:
    """Return the request's name; whoever asks first makes it, and the logs know it from then on."""
    state: dict[str, Any] = scope["state"]
    name: str | None = state.get(REQUEST_ID)
    if name is None:
        name = state[REQUEST_ID] = os.urandom(16).hex()
        request_id.set(name)
    return name
