"""The sender for `mail.transport = "capture"`: mails become .eml files and stay on this machine."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from keyturn.mail.port.email import Email
from keyturn.mail.port.mime import to_mime
from keyturn.private_files import make_private_file, make_private_folder


class CaptureSender:
    """Writes each mail into a folder as an .eml file: nothing leaves the machine.

    The file is named after the idempotency key, which must be a valid file name. So a single look-up tells whether the
    mail exists, however many files there are. One thread writes: several would take interpreter time from the thread
    with SQLite's lock, and requests for links wait for that lock.
    """

    name = "capture"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: ThreadPoolExecutor | None = None

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Write the mail, unless the key has a file; return the key."""
        self._writer = self._writer or ThreadPoolExecutor(1, "keyturn-capture")
        await asyncio.get_running_loop().run_in_executor(self._writer, self._write, email, idempotency_key)
        return idempotency_key

    async def close(self) -> None:
        """Wait for pending writes. A later `send` starts a new thread."""
        writer, self._writer = self._writer, None
        if writer:
            await asyncio.to_thread(writer.shutdown)

    def _write(self, email: Email, key: str) -> None:
        file = self._folder / f"{key}.eml"
        if file.exists():
            return
        make_private_folder(self._folder)
        half = self._folder / f".{uuid4().hex}.half"
        make_private_file(half, to_mime(email, key=key, date=datetime.now(UTC)))  # it may hold a working link
        half.replace(file)
