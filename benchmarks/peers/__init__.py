"""The measured programs: Keyturn, and other servers that reset passwords.

Each peer starts as `... FOLDER DATABASE_URL COUNT`. It fills its database with COUNT accounts. It
writes JSON files of requests into FOLDER, one for each operation that it supports: `known`,
`unknown` and `validate`. It prints its port on 127.0.0.1. It appends a line to FOLDER/sent in place
of each mail. All peers hash with bcrypt at cost 12, and use SQLite with a write-ahead log and
synchronous=FULL.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from benchmarks.load.messages import Request

COST = 12
PASSWORD = "a longer horse, and another battery"
NEW_PASSWORD = "another battery, and a longer horse"
LINKS = 400
"""The least number of links of each peer. A link works once."""


def email_of(number: int) -> str:
    return f"person{number}@example.test"


def unknown(number: int) -> str:
    return f"nobody{number}@example.test"


def write_requests(folder: Path, **requests: Iterable[Request]) -> None:
    for name, asked in requests.items():
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(list(asked)))


class SentFile:
    """Records mails in a file that processes share.

    The kernel appends a short line whole (open(2)).
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "sent", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, to: str, kind: str) -> None:
        os.write(self._file, f"{to} {kind}\n".encode())
