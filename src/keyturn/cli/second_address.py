"""accounts second-address: show an account's second address, masked, and remove it."""

import click

from keyturn import addresses
from keyturn.cli.options import ADDRESS, JSON, OPERATOR, account_of, takes_parts
from keyturn.cli.terminal import print_json, stamp
from keyturn.database import now
from keyturn.errors import KeyturnError
from keyturn.parts import Parts
from keyturn.reset.records.client import Client


class _NotKept(KeyturnError):
    """The app keeps the second addresses."""


@click.command()
@ADDRESS
@click.option("--remove", is_flag=True, help="Remove it, and end its links. Both mailboxes are told.")
@OPERATOR
@JSON
@takes_parts
async def second_address(parts: Parts, email: str, remove: bool, operator: Client, as_json: bool) -> None:
    """Show an account's second address, and remove it.

    EMAIL is the account's own address. The second one is shown masked. Remove it if the owner says that another person
    reads it.

    \b
    Example:  keyturn accounts second-address ada@northwind.example
              keyturn accounts second-address ada@northwind.example --remove
    """
    if parts.records.second_addresses.of_app:
        raise _NotKept(f"second addresses are in {parts.settings.accounts.second_address}, which your app writes")
    account = await account_of(parts, email)
    found = await parts.second_address.find(account)
    masked = addresses.mask(found.email or found.pending) if found else ""
    removed = bool(remove and found)
    if removed:
        await parts.second_address.remove(account, operator)
    if as_json:
        usable_at = found.usable_at if found else None
        print_json({"second_address": masked, "usable_at": usable_at, "removed": removed})
    elif not found:
        click.echo(f"{email} has no second address.")
    elif remove:
        click.echo(f"{masked} was removed.")
    elif not found.usable_at:
        click.echo(f"{masked} has yet to be confirmed by its link.")
    else:
        since = f"from {stamp(found.usable_at)} UTC" if found.usable_at > now() else "already"
        click.echo(f"{masked} gets links {since}.")
