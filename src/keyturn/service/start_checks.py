"""The checks of `keyturn serve`, `keyturn worker` and an app with the plugin before they start."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from keyturn.service.container import Container
from keyturn.service.database.migrations import ahead_text, require_current


class Doubt(NamedTuple):
    """Something that works, and that an operator should look at.

    `area`: "database" or "accounts", of which the log's event and its logger have their names.
    """

    area: str
    sentence: str


async def require_ready(container: Container, *, sends_only: bool = False) -> str:
    """Check the database, the accounts and, unless the process `sends_only`, the second step.

    Return the revision of the database. Raises DatabaseUnready, or the error of the store.
    """
    revision = await require_current(container.database)
    await container.accounts.require_ready()
    if container.second_step and not sends_only:
        await container.second_step.step.require_ready()
    return revision


async def find_doubts(container: Container, revision: str) -> AsyncIterator[Doubt]:
    """Yield what an operator should look at. `revision`: as `require_ready` returned it."""
    ahead = ahead_text(revision)
    if ahead:
        yield Doubt("database", f"{ahead}. It works, but install that version here soon")
    for finding in await container.accounts.findings(container.settings.hashing):
        yield Doubt("accounts", f"{finding.message}. {finding.fix}")
