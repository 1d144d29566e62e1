"""Whether the service would start with the page templates of one's own."""

import asyncio
from collections.abc import Callable, Sequence

from keyturn.errors import Fault
from keyturn.finding import Finding
from keyturn.settings import Settings

FaultsOfPages = Callable[[Settings], Sequence[Fault]]
"""Draws every page in every state: whoever calls the doctor brings it, since it knows no pages."""


async def check_pages(settings: Settings, faults_of: FaultsOfPages) -> list[Finding]:
    """Say of each mistake where it is, as the service does when it refuses to start."""
    faults = await asyncio.to_thread(faults_of, settings)
    if not faults:
        return [Finding("pages", "ok", f"every page can be drawn with the templates in {settings.pages.templates}")]
    mend = "Put it right in the template; `keyturn serve` refuses to start with it."
    return [Finding("pages", "fail", str(fault), mend) for fault in faults]
