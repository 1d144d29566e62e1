"""`litestar keyturn ...`: the commands for an app's KeyturnPlugin.

Litestar loads this group for every app on a machine with Keyturn (the entry point `litestar.commands`), so the module
imports little.
"""

from typing import TYPE_CHECKING

import click

from keyturn.cli import COMMANDS, Commands
from keyturn.cli.installation import Installation
from keyturn.cli.terminal import CommandRefused, wants_no_colour

if TYPE_CHECKING:
    from litestar import Litestar

_NOT_OF_AN_APP = {"demo", "health", "init", "probe", "serve"}


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
    ctx.obj = Installation(plugin)
