"""The capture transport: mails become .eml files that any mail program opens, and nothing leaves the machine."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from keyturn.mail.transports.email import Email
from keyturn.mail.transports.mime import to_mime


class CaptureSender:
    """Writes each mail into a folder as an .eml file: nothing leaves the machine."""

    name = "capture"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Write the mail, unless one was written under the key; return the key."""
        await asyncio.to_thread(self._write, email, idempotency_key)
        return idempotency_key

    async def close(self) -> None:
        pass

    def _write(self, email: Email, key: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the mails hold links that work
        if any(self._folder.glob(f"*-{key}.eml")):
            return
        moment = datetime.now(UTC)
        half = self._folder / f".{uuid4().hex}.half"
        half.write_bytes(bytes(to_mime(email, message_id=key, date=moment)))
        half.rename(self._folder / f"{moment:%Y%m%dT%H%M%S%f}Z-{key}.eml")
