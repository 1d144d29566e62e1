"""The help of every command: lists whose lines end, and an example for each command that takes something."""

from collections.abc import Iterator

import click
import pytest

from keyturn.cli import keyturn

TERMINAL = 80


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command, and those of its group, by their whole names."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for listed in command.list_commands(context):
            found = command.get_command(context, listed)
            assert found is not None
            yield from commands(found, f"{name} {listed}")


EVERY = dict(commands(keyturn, "keyturn"))
GROUPS = [name for name, command in EVERY.items() if isinstance(command, click.Group)]


def help_of(name: str) -> str:
    # A command keeps the names of its first --help, which are those of all commands.
    names = keyturn.context_settings["help_option_names"]
    context = click.Context(EVERY[name], info_name=name, terminal_width=TERMINAL, help_option_names=names)
    return EVERY[name].get_help(context)


def listed_in(text: str) -> list[str]:
    """Return the lines that follow "Commands:"."""
    return [line for line in text.partition("\nCommands:\n")[2].splitlines() if line]


@pytest.mark.parametrize("group", GROUPS)
def test_a_list_has_one_whole_line_for_each_command(group: str) -> None:
    lines = listed_in(help_of(group))
    members = [name.rpartition(" ")[2] for name in EVERY if name.rpartition(" ")[0] == group]

    assert [line.split()[0] for line in lines] == members
    assert [line for line in lines if "..." in line or len(line) > TERMINAL or len(line.split()) < 2] == []


@pytest.mark.parametrize("name", [name for name in EVERY if EVERY[name].params and name not in GROUPS])
def test_a_command_that_takes_something_shows_an_example(name: str) -> None:
    example = help_of(name).partition("  Example")[2]

    assert f"{name} " in example or f"{name}\n" in example
