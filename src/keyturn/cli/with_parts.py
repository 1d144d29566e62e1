"""Commands that work on the database: with the parts built from the settings, and closed at the end."""

from collections.abc import Awaitable, Callable

from keyturn.cli.running import run
from keyturn.migrating import require_current
from keyturn.parts import Parts
from keyturn.settings import read_settings


def with_parts(work: Callable[[Parts], Awaitable[None]]) -> None:
    """Run `work`. Raises SettingsInvalid, or DatabaseUnready where the database was not migrated."""

    async def main() -> None:
        parts = Parts(read_settings(sending=False))
        try:
            await require_current(parts.database)
            await work(parts)
        finally:
            await parts.close()

    run(main())
