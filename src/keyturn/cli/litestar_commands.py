"""`litestar keyturn ...`: the commands for an app's KeyturnPlugin.

Litestar loads this group for every app on a machine with Keyturn (the entry point `litestar.commands`), so the module
imports little.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli import COMMANDS, Commands
from keyturn.cli.installation import Installation
from keyturn.cli.terminal import CommandRefused, wants_no_colour
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import FILE_NAME, Reading

if TYPE_CHECKING:
    from litestar import Litestar

    from keyturn.service.accounts.port import AccountStore
    from keyturn.service.database import Database
    from keyturn.service.parts import Parts
    from keyturn.service.plugin import KeyturnPlugin

_NOT_OF_AN_APP = {"demo", "health", "init", "probe", "serve"}


class Mounted(Installation):
    """Gives commands the settings and the parts of an app's plugin, instead of those of keyturn.toml."""

    def __init__(self, plugin: "KeyturnPlugin") -> None:
        self._parts = plugin.parts
        self._names = {"`keyturn ": f"`{plugin.command} "}
        if plugin.shares_database:
            self._names["database.url"] = "the app's connection_string"

    def named(self, text: str) -> str:
        for ours, theirs in self._names.items():
            text = text.replace(ours, theirs)
        return text

    def settings(self, *, sending: bool, connecting: bool = True, with_file: bool = True) -> Settings:  # noqa: ARG002 - they were read before
        return self._parts.settings

    def missing_settings(self) -> str:
        return ""  # the app provides the settings

    def inspect_settings(self) -> Reading:
        return Reading(file=Path(FILE_NAME), settings=self._parts.settings, faults=(), of_app=True)

    @asynccontextmanager
    async def accounts(self) -> AsyncIterator["AccountStore | None"]:
        async with self.parts(self._parts.settings) as parts:
            yield parts.accounts

    def _new_parts(self, _: Settings) -> "Parts":
        return self._parts

    def _new_database(self, _: Settings) -> "Database":
        return self._parts.database


@click.group(
    cls=Commands,
    listed={name: command for name, command in COMMANDS.items() if name not in _NOT_OF_AN_APP},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def keyturn(ctx: click.Context, app: "Litestar") -> None:
    """Password reset by email: the database, the mails and the outbox of this app's KeyturnPlugin."""
    from keyturn.service.plugin import KeyturnPlugin

    if wants_no_colour():
        ctx.color = False
    try:
        plugin = app.plugins.get(KeyturnPlugin)
    except KeyError:
        raise CommandRefused(
            "this app has no KeyturnPlugin: add one, or run the command without `litestar` to use keyturn.toml"
        ) from None
    ctx.obj = Mounted(plugin)
