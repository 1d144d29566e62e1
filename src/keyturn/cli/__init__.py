"""The command line.

A command is imported when it runs, and imports what it needs then, so that `--help` is quick.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from keyturn.cli.terminal import fail, harmless, wants_no_colour
from keyturn.errors import KeyturnError, SettingsInvalid
from keyturn.garbage import collect_seldom
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.values import did_you_mean


class ListedCommand(NamedTuple):
    """A command, before it is imported.

    `module`: the module that has it, under its name.
    `summary`: its line in the list of commands.
    """

    module: str
    summary: str


COMMANDS: Mapping[str, ListedCommand] = {
    "demo": ListedCommand(
        "keyturn.cli.demo", "Try everything in a browser: no configuration, no email is sent."
    ),
    "init": ListedCommand(
        "keyturn.cli.init", "Write keyturn.toml for your app, and say what to look at."
    ),
    "serve": ListedCommand("keyturn.cli.service", "Run the API, the hosted pages and a worker."),
    "worker": ListedCommand("keyturn.cli.service", "Run only a worker, which sends the emails."),
    "health": ListedCommand(
        "keyturn.cli.doctor", "Ask a running API or worker whether it is ready."
    ),
    "migrate": ListedCommand("keyturn.cli.service", "Create or update Keyturn's tables."),
    "studio": ListedCommand(
        "keyturn.cli.studio.studio", "Preview the emails in a browser, with sample data."
    ),
    "render": ListedCommand(
        "keyturn.cli.studio.render", "Render an email to the terminal or a file."
    ),
    "check": ListedCommand(
        "keyturn.cli.studio.check", "Check the emails: MJML, clients, links, accessibility, safety."
    ),
    "probe": ListedCommand(
        "keyturn.cli.probe", "Play known attacks against your app's own password reset."
    ),
    "doctor": ListedCommand("keyturn.cli.doctor", "Check the installation, and suggest fixes."),
    "accounts": ListedCommand(
        "keyturn.cli.accounts", "Find accounts, invite, send reset links, unlock."
    ),
    "outbox": ListedCommand("keyturn.cli.outbox", "List and retry outgoing messages."),
    "mailbox": ListedCommand(
        "keyturn.cli.mailbox", "List blocked addresses, show why, and unblock them."
    ),
    "audit": ListedCommand("keyturn.cli.audit", "Show requests, changes and their outcomes."),
}

_NEED_FORK = {"serve", "worker", "demo"}


class Commands(click.Group):
    """Commands that are imported when they run.

    If one fails with a KeyturnError, it prints the error's text without a traceback, and exits
    with 1.
    """

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except KeyturnError as error:
            lines = [harmless(line) for line in _text_of(error).split("\n") if line]
            if not lines:
                lines = [type(error).__name__]
            fail(*lines)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        for arg in args:
            # Python has surrogates for bytes that are not UTF-8 (PEP 383). Neither a terminal nor a
            # database takes them.
            text = arg.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            if text != arg:
                context.fail(f"The argument '{harmless(text)}' is not UTF-8.")
        return super().parse_args(context, args)

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        if name in _NEED_FORK and not hasattr(os, "fork"):
            fail(
                "serve, worker and demo run on Linux and macOS: on Windows, run them in WSL or in "
                "a container"
            )
        module = import_module(COMMANDS[name].module)
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            question = did_you_mean(name, COMMANDS, question=" Did you mean '{}'?")
            context.fail(f"No such command '{name}'.{question}")
        return super().resolve_command(context, args)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of commands from `COMMANDS`: click would import every command."""
        items = []
        for name, command in COMMANDS.items():
            if name.startswith(incomplete):
                items.append(CompletionItem(name, help=command.summary))
        return items + click.Command.shell_complete(self, context, incomplete)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


def _text_of(error: KeyturnError) -> str:
    if isinstance(error, SettingsInvalid):
        return error.format_message()
    if isinstance(error, DatabaseUnready):
        from keyturn.service.settings.reading import missing_settings

        # Without settings, the database is the default one, which the user may not know of.
        return f"{error}\n{missing_settings()}"
    return str(error)


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
