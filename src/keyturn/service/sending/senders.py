"""Builds the senders that the settings ask for. Each provider imports its libraries when it is built."""

import asyncio
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.mime import to_mime
from keyturn.mail.providers import PROVIDERS
from keyturn.packaging import requires_extra
from keyturn.plain_files import add_private_file
from keyturn.service.database import Database
from keyturn.service.sending.pace import Pace
from keyturn.service.settings import Settings


def require_libraries(*names: str) -> None:
    """Raise SettingsInvalid if the library of one of these providers is not installed. Loads none of them."""
    for name in names:
        provider = PROVIDERS.get(name)
        if provider and provider.extra and find_spec(provider.package) is None:
            with requires_extra(provider.extra, name, "mail.transport"):
                raise ModuleNotFoundError(name=provider.package)


def pace_for(name: str, settings: Settings, database: Database) -> Pace | None:
    """Return the pace of a provider; None if the settings have no rate for it."""
    rate = getattr(getattr(settings, name, None), "rate", None)
    return Pace(database, name, rate) if rate else None


def sender_for(name: str, settings: Settings) -> Sender:
    """Return the sender of a provider. Raises SettingsInvalid if its library is not installed."""
    if name not in PROVIDERS:
        return CaptureSender(Path(settings.mail.capture_dir))
    require_libraries(name)
    return PROVIDERS[name].build(getattr(settings, name), settings.worker.timeout)


class CaptureSender:
    """Writes each mail into a folder as an .eml file, named after the idempotency key: nothing leaves the machine."""

    name = "capture"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Write the mail, unless the key has a file; return the key."""
        await asyncio.to_thread(self._write, email, idempotency_key)
        return idempotency_key

    async def close(self) -> None: ...

    def _write(self, email: Email, key: str) -> None:
        file = self._folder / f"{key}.eml"
        if not file.exists():
            add_private_file(file, to_mime(email, key=key, date=datetime.now(UTC)))  # it may hold a working link
