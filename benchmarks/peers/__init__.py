"""Who is measured: Keyturn, and others that do the same by themselves.

Each is a program, started as `... FOLDER DATABASE_URL COUNT`. It fills its database with COUNT accounts, writes into
FOLDER what it is asked as JSON files of requests (of `known`, `unknown`, `validate`, `reset` and `login` those that it
has), says on which port of 127.0.0.1 it listens, and appends a line to FOLDER/sent for each mail that a sender would
have been called for.
All hash with bcrypt at cost 12, and keep SQLite with a write-ahead log and synchronous=FULL.
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
"""How many links each has at least: each works once for a new password."""


def email_of(number: int) -> str:
    return f"person{number}@example.test"


def unknown(number: int) -> str:
    return f"nobody{number}@example.test"


def write_requests(folder: Path, **requests: Iterable[Request]) -> None:
    for name, asked in requests.items():
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(list(asked)))


class SentFile:
    """Says that a mail would have left, in a file that processes share: a short line is appended whole (open(2))."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "sent", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, to: str, kind: str) -> None:
        os.write(self._file, f"{to} {kind}\n".encode())
