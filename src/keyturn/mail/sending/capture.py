"""What `mail.transport = "capture"` does: mails become .eml files, and nothing leaves the machine."""

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

    The file has the name of the idempotency key, which must be one that a file may have, so that one look tells whether
    the mail is there, however many others are. One thread writes: several would keep the interpreter from the one that
    has SQLite's lock, for which whoever asks for a link waits.
    """

    name = "capture"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: ThreadPoolExecutor | None = None

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Write the mail, unless one was written under the key; return the key."""
        self._writer = self._writer or ThreadPoolExecutor(1, "keyturn-capture")
        await asyncio.get_running_loop().run_in_executor(self._writer, self._write, email, idempotency_key)
        return idempotency_key

    async def close(self) -> None:
        """Wait for what is being written. Whoever sends later begins anew."""
        writer, self._writer = self._writer, None
        if writer:
            await asyncio.to_thread(writer.shutdown)

    def _write(self, email: Email, key: str) -> None:
        file = self._folder / f"{key}.eml"
        if file.exists():
            return
        make_private_folder(self._folder)
        half = self._folder / f".{uuid4().hex}.half"
        make_private_file(half, to_mime(email, key=key, date=datetime.now(UTC)))  # it may hold a link that works
        half.replace(file)
