"""The installation of a command: whether there are settings, and the parts that are built of them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from keyturn.service.settings import Settings
from keyturn.service.settings.reading import FILE_NAME, PREFIX
from keyturn.service.settings.variables import CREDENTIALS

if TYPE_CHECKING:
    from keyturn.service.parts import Parts


def missing_settings() -> str:
    """Return in words that nothing is configured here; "" if a file or a variable of Keyturn's exists."""
    if any(name.startswith(PREFIX) or name == CREDENTIALS for name in os.environ) or Path(FILE_NAME).exists():
        return ""
    return f"there is no {FILE_NAME} in {Path.cwd()}: all settings have their defaults"


@asynccontextmanager
async def parts_of(settings: Settings) -> AsyncIterator["Parts"]:
    """Yield the parts of this process, and close them."""
    from keyturn.service.parts import Parts

    parts = Parts(settings)
    try:
        yield parts
    finally:
        await parts.close()
