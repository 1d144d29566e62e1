"""The command line.

A command is imported when it runs, and imports what it needs then, so that `--help` is quick.
"""

import difflib
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from keyturn.cli.terminal import fail, harmless, wants_no_colour
from keyturn.errors import KeyturnError, SettingsInvalid
from keyturn.garbage import collect_seldom
from keyturn.service.problems.requests import DatabaseUnready

_OF_A_SERVER = {"serve", "worker", "demo"}

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("keyturn.cli.demo", "Try everything in a browser: no configuration, no mail is sent."),
    "init": ("keyturn.cli.init", "Write keyturn.toml for your app, and say what to look at."),
    "serve": ("keyturn.cli.service", "Run the API, the hosted pages and a worker."),
    "worker": ("keyturn.cli.service", "Run only a worker, which sends the mails."),
    "health": ("keyturn.cli.doctor", "Ask a running API or worker whether it is ready."),
    "migrate": ("keyturn.cli.service", "Create or update Keyturn's tables."),
    "studio": ("keyturn.cli.studio.studio", "Preview the emails in a browser, with sample data."),
    "render": ("keyturn.cli.studio.check", "Render an email to the terminal or a file."),
    "check": (
        "keyturn.cli.studio.check",
        "Check the emails: MJML, clients, links, accessibility, safety.",
    ),
    "probe": ("keyturn.cli.probe", "Play known attacks against your app's own password reset."),
    "doctor": ("keyturn.cli.doctor", "Check the installation, and suggest fixes."),
    "accounts": ("keyturn.cli.accounts", "Find accounts, invite, send reset links, unlock."),
    "outbox": ("keyturn.cli.outbox", "List and retry outgoing messages."),
    "mailbox": ("keyturn.cli.records", "Show why an address gets no mail, and unblock it."),
    "audit": ("keyturn.cli.records", "Show requests, changes and their outcomes."),
}


class Commands(click.Group):
    """Commands that are imported when they run.

    If one fails with a KeyturnError, it prints the error's text without a traceback, and exits
    with 1.
    """

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except KeyturnError as error:
            from keyturn.service.settings.reading import missing_settings

            text = error.format_message() if isinstance(error, SettingsInvalid) else str(error)
            more = missing_settings() if isinstance(error, DatabaseUnready) else ""
            lines = [harmless(line) for line in (*text.split("\n"), more) if line]
            fail(*lines or [type(error).__name__])

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        for arg in args:
            if not arg.isascii() and arg != (
                text := arg.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            ):
                context.fail(f"The argument '{harmless(text)}' is not UTF-8.")
        return super().parse_args(context, args)

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        if name in _OF_A_SERVER and not hasattr(os, "fork"):
            fail(
                "serve, worker and demo run on Linux and macOS: on Windows, run them in WSL or in "
                "a container"
            )
        command: click.Command = getattr(import_module(COMMANDS[name][0]), name.replace("-", "_"))
        return command

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            close = difflib.get_close_matches(name, COMMANDS, n=1)
            context.fail(
                f"No such command '{name}'." + (f" Did you mean '{close[0]}'?" if close else "")
            )
        return super().resolve_command(context, args)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of commands from `COMMANDS`: click would import every command."""
        listed = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items()]
        named = [item for item in listed if item.value.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, context, incomplete)]

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="keyturn", prog_name="keyturn", message="%(prog)s %(version)s")
@click.pass_context
def keyturn(context: click.Context) -> None:
    """Password reset by email for an existing app, and a studio for its emails.

    Start with `keyturn demo`. Settings come from keyturn.toml and KEYTURN_... variables.
    """
    if wants_no_colour():
        context.color = False


def main() -> None:
    collect_seldom()
    keyturn(prog_name="keyturn")
