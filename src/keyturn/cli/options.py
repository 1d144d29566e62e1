"""Options and decorators that several commands share."""

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from keyturn.cli.address_options import optional_address, required_address
from keyturn.cli.terminal import CommandRefused
from keyturn.service.client import Client, clip_header
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.migrations import require_current
from keyturn.service.event_loop import run
from keyturn.service.invitations.campaign import parse_reason
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.settings.durations import parse_duration
from keyturn.service.settings.rates import parse_rate
from keyturn.service.settings.reading import read_settings

if TYPE_CHECKING:
    from keyturn.service.accounts.port import Account
    from keyturn.service.container import Container

Arguments = ParamSpec("Arguments")


def ago(text: object) -> datetime:
    """Return the time that lies a duration before now. It is written as in the settings: 7d."""
    try:
        return now() - parse_duration(text)
    except OverflowError:
        raise click.BadParameter("too long") from None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def rate(text: object) -> float:
    """Return a rate per second. It is written as in the settings, such as 300/minute."""
    try:
        limit = parse_rate(str(text))
    except ValueError:
        raise click.BadParameter(
            f"{text} is not a rate: write 300/minute or 10/second, for example"
        ) from None
    return limit.amount / limit.seconds


def operator_named(name: str | None) -> Client:
    """Return the operator who runs the command.

    `name`: the name of the option --as; without it, the operating system's name of the user.
    """
    import pwd  # not available on Windows, where the studio runs

    if not name:
        # From the system's users, not from LOGNAME and USER, which any user can set. KeyError: the
        # system does not know this user.
        with suppress(KeyError):
            name = pwd.getpwuid(os.getuid()).pw_name
    return Client(operator=clip_header(name or "unknown")[:64])


def _operator(_: click.Context, __: click.Parameter, name: str | None) -> Client:
    return operator_named(name)


def reason_text(_: click.Context, __: click.Parameter, text: str) -> str:
    """Read a reason that may be "". Raises BadParameter for control characters, or a long one."""
    try:
        return parse_reason(text) if text else ""
    except InputInvalid as error:
        raise click.BadParameter(error.faults[0].message) from None


ADDRESS = click.argument("email", callback=required_address)
OPERATOR = click.option(
    "--as",
    "operator",
    metavar="NAME",
    callback=_operator,
    help="Your name in the audit.",
)
REASON = click.option(
    "--reason",
    default="",
    callback=reason_text,
    help="The reason that email and page give the user.",
)
EMAIL = click.option(
    "--email",
    default="",
    callback=optional_address,
    help="Show only this address.",
)
SINCE = click.option(
    "--since", type=ago, metavar="DURATION", help="Show only the last hours or days, as 1h or 7d."
)
LAST = click.option(
    "--last", default=50, show_default=True, type=click.IntRange(1), help="Show at most this many."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def takes_database(
    command: Callable[Concatenate[Database, Arguments], Awaitable[None]],
) -> Callable[Arguments, None]:
    """Return a command that runs a coroutine function with the database as its first argument.

    The database alone loads in half the time of `Container`. The command raises SettingsInvalid and
    DatabaseUnready.
    """

    @wraps(command)
    def run_command(*arguments: Arguments.args, **options: Arguments.kwargs) -> None:
        async def work() -> None:
            own = read_settings(sending=False).database
            database = Database(own.url, timeout=own.timeout)
            try:
                await require_current(database)
                await command(database, *arguments, **options)
            finally:
                await database.close()

        run(work())

    return run_command


def takes_container(
    command: "Callable[Concatenate[Container, Arguments], Awaitable[None]]",
) -> Callable[Arguments, None]:
    """Return a command that runs a coroutine function with `Container` as its first argument.

    It raises SettingsInvalid and DatabaseUnready.
    """

    @wraps(command)
    def run_command(*arguments: Arguments.args, **options: Arguments.kwargs) -> None:
        from keyturn.service.container import Container  # loads templates and routes

        async def work() -> None:
            async with Container(read_settings(sending=False)) as container:
                await require_current(container.database)
                await command(container, *arguments, **options)

        run(work())

    return run_command


async def account_of(container: "Container", address: str) -> "Account":
    await container.accounts.require_ready()
    account = await container.accounts.find(address)
    if account is None:
        raise CommandRefused(f"there is no account with the address {address}: check the spelling")
    return account
