"""Selects the Keyturn of a command: that of keyturn.toml, or the plugin of a Litestar app."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.service.settings import Settings
from keyturn.service.settings.reading import FILE_NAME, PREFIX, Reading, inspect_settings, read_settings
from keyturn.service.settings.variables import CREDENTIALS

if TYPE_CHECKING:
    from keyturn.service.accounts.port import AccountStore
    from keyturn.service.database import Database
    from keyturn.service.parts import Parts


class Installation:
    """Hands commands the settings of keyturn.toml and the environment, and the parts that are built of them.

    A group of commands that is about another installation puts that in its context.
    """

    def settings(self, *, sending: bool, connecting: bool = True, with_file: bool = True) -> Settings:
        """Return the settings; see `read_settings` for what a process needs of them. Raises SettingsInvalid."""
        return read_settings(sending=sending, connecting=connecting, with_file=with_file)

    def missing_settings(self) -> str:
        """Return that nothing is configured here, in words; "" where a file or a variable of Keyturn's is there."""
        if Path(FILE_NAME).exists() or any(name.startswith(PREFIX) or name == CREDENTIALS for name in os.environ):
            return ""
        return f"there is no {FILE_NAME} in {Path.cwd()}: all settings have their defaults"

    def named(self, text: str) -> str:
        """Return a sentence in which `keyturn ...` is what people type here."""
        return text

    def inspect_settings(self) -> Reading:
        return inspect_settings()

    @asynccontextmanager
    async def accounts(self) -> AsyncIterator["AccountStore | None"]:
        """Yield the store that is used instead of the one that the settings name."""
        yield None

    @asynccontextmanager
    async def parts(self, settings: Settings) -> AsyncIterator["Parts"]:
        """Yield the parts of this process, and close them."""
        parts = self._new_parts(settings)
        try:
            yield parts
        finally:
            await parts.close()
            # The pool of an app that is not started here, so this code closes it.
            await parts.database.dispose()

    @asynccontextmanager
    async def database(self, settings: Settings) -> AsyncIterator["Database"]:
        """Yield the database alone, and close it."""
        database = self._new_database(settings)
        try:
            yield database
        finally:
            await database.close()
            await database.dispose()

    def _new_parts(self, settings: Settings) -> "Parts":
        from keyturn.service.parts import Parts

        return Parts(settings)

    def _new_database(self, settings: Settings) -> "Database":
        from keyturn.service.database import Database

        return Database(settings.database.url, schema=settings.database.schema)


def installation() -> Installation:
    """Return what the running command is about."""
    return click.get_current_context().find_object(Installation) or Installation()
