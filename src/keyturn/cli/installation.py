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
    from keyturn.service.plugin import KeyturnPlugin


class Installation:
    """Hands commands the settings, and the parts that are built of them: of keyturn.toml, or of an app's plugin."""

    def __init__(self, plugin: "KeyturnPlugin | None" = None) -> None:
        self._plugin = plugin

    def settings(self, *, sending: bool, connecting: bool = True, with_file: bool = True) -> Settings:
        """Return the settings; see `read_settings` for what a process needs of them. Raises SettingsInvalid."""
        if self._plugin:
            return self._plugin.parts.settings
        return read_settings(sending=sending, connecting=connecting, with_file=with_file)

    def missing_settings(self) -> str:
        """Return that nothing is configured here, in words; "" where a file or a variable of Keyturn's is there."""
        is_set = any(name.startswith(PREFIX) or name == CREDENTIALS for name in os.environ)
        if self._plugin or is_set or Path(FILE_NAME).exists():
            return ""
        return f"there is no {FILE_NAME} in {Path.cwd()}: all settings have their defaults"

    def named(self, text: str) -> str:
        """Return a sentence in which `keyturn ...` is what people type here."""
        if self._plugin:
            text = text.replace("`keyturn ", f"`{self._plugin.command} ")
            if self._plugin.shares_database:
                text = text.replace("database.url", "the app's connection_string")
        return text

    def inspect_settings(self) -> Reading:
        if self._plugin:
            return Reading(file=Path(FILE_NAME), settings=self._plugin.parts.settings, faults=(), of_app=True)
        return inspect_settings()

    @asynccontextmanager
    async def accounts(self) -> AsyncIterator["AccountStore | None"]:
        """Yield the store that is used instead of the one that the settings name."""
        if not self._plugin:
            yield None
            return
        async with self.parts(self._plugin.parts.settings) as parts:
            yield parts.accounts

    @asynccontextmanager
    async def parts(self, settings: Settings) -> AsyncIterator["Parts"]:
        """Yield the parts of this process, and close them."""
        from keyturn.service.parts import Parts

        parts = self._plugin.parts if self._plugin else Parts(settings)
        try:
            yield parts
        finally:
            await parts.close()
            # The pool of an app that is not started here, so this code closes it.
            await parts.database.connections.close()

    @asynccontextmanager
    async def database(self, settings: Settings) -> AsyncIterator["Database"]:
        """Yield the database alone, and close it."""
        from keyturn.service.database import Database

        database = self._plugin.parts.database if self._plugin else Database(settings.database.url)
        try:
            yield database
        finally:
            await database.connections.close()


def installation() -> Installation:
    """Return what the running command is about."""
    return click.get_current_context().find_object(Installation) or Installation()
