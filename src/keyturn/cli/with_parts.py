"""Commands that work on the database: with the parts of the installation, and closed at the end."""

from collections.abc import Awaitable, Callable

from keyturn.cli.installation import installation
from keyturn.database.migrations import require_current
from keyturn.event_loop import run
from keyturn.parts import Parts


def with_parts(work: Callable[[Parts], Awaitable[None]]) -> None:
    """Run `work`. Raises SettingsInvalid, or DatabaseUnready where the database was not migrated."""
    here = installation()

    async def main() -> None:
        async with here.parts(here.settings(sending=False)) as parts:
            await require_current(parts.database)
            await work(parts)

    run(main())
