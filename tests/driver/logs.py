"""What the service logs, as machines read it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

from keyturn.service.telemetry.logs import configure_logs


@contextmanager
def logging_as_json(level: str = "info") -> Iterator[list[dict[str, Any]]]:
    """Collect the lines of the block, as `keyturn serve` writes them with that level.

    The list is filled at the end of the block.
    """
    lines: list[dict[str, Any]] = []
    with redirect_stderr(StringIO()) as written:
        configure_logs(level)
        yield lines
    lines += map(json.loads, written.getvalue().splitlines())
