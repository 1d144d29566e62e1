"""accounts help: a code that an operator reads out to an owner whose mailbox is lost."""

from collections.abc import Mapping

import click

from keyturn.cli.options import ADDRESS, JSON, OPERATOR, account_of, printable, with_parts
from keyturn.cli.terminal import accent, print_json, stamp
from keyturn.parts import Parts
from keyturn.reset.help_desk import HelpRefused
from keyturn.reset.records.client import Client
from keyturn.reset.records.help_cases import HelpCase


@click.command(name="help")
@ADDRESS
@click.option("--reason", default="", callback=printable, help="Why the owner cannot use the mailbox.")
@click.option("--caller", default="", callback=printable, help="Who gets the code, and how you reach them.")
@click.option("--checked", default="", callback=printable, help="How you checked the caller's identity.")
@click.option("--approve", is_flag=True, help="Approve another operator's case.")
@click.option("--yes", is_flag=True, help="Skip the confirmation prompt.")
@OPERATOR
@JSON
def help_(
    email: str, reason: str, caller: str, checked: str, approve: bool, yes: bool, operator: Client, as_json: bool
) -> None:
    """Issue a code to read out to an owner whose mailbox is lost.

    First check who calls. With --reason, --caller and --checked, the command opens a case: they go into the audit
    trail, and a mail tells the mailbox. It prints a code of eight digits, unless the case has to wait or needs a second
    operator. Then run it again, with the address alone. The code works once, for ten minutes.

    The caller enters the address and the code, and chooses a new password. From then on no link goes to the mailbox.
    Change the account's address in your app, or run `keyturn mailbox release --unblock EMAIL`.

    \b
    Example:  keyturn accounts help ada@northwind.example --reason "Left the company that had the mailbox" \\
                --caller "Ada, called back at the number in her contract" --checked "Passport, by video"
              keyturn accounts help ada@northwind.example
              keyturn accounts help ada@northwind.example --approve --as grace
    """
    written = {"reason": reason, "caller": caller, "checked": checked}
    if any(written.values()) and (approve or not all(written.values())):
        raise click.UsageError("A case needs --reason, --caller and --checked; the other calls need none of them.")

    async def work(parts: Parts) -> None:
        case, is_new = await _case(parts, email, operator, written)
        if approve:
            await _approve(parts, case, operator, yes=yes, as_json=as_json)
        elif is_new and (parts.help_desk.needs_approval(case) or parts.settings.help_desk.wait):
            _print_waiting(parts, case, as_json=as_json)
        else:
            await _issue(parts, case, operator, as_json=as_json)

    with_parts(work)


async def _case(parts: Parts, address: str, client: Client, written: Mapping[str, str]) -> tuple[HelpCase, bool]:
    """Return the case of that address, and whether it is new. Raises HelpRefused, NoSuchAccount."""
    if not parts.settings.help_desk.enabled:
        raise HelpRefused("help_desk.enabled is not set: set it first")
    if not parts.settings.secret_key:
        raise HelpRefused("KEYTURN_SECRET_KEY is not set, so the service could not check a code: set the key first")
    account = await account_of(parts, address)
    if all(written.values()):
        note = f"{written['reason']}; caller: {written['caller']}; checked: {written['checked']}"
        return await parts.help_desk.open(account, client, note), True
    case = await parts.help_desk.find(account)
    if case is None:
        raise HelpRefused(f"{address} has no open case: open one with --reason, --caller and --checked")
    return case, False


async def _approve(parts: Parts, case: HelpCase, client: Client, *, yes: bool, as_json: bool) -> None:
    if not yes:
        click.echo(f"{case.operator}: {case.note}", err=True)
        click.confirm(f"Approve a code for {case.email}?", abort=True, err=True)
    await parts.help_desk.approve(case, client)
    if as_json:
        print_json({"email": case.email, "ready_at": case.ready_at})
    else:
        click.echo(
            f"The case of {accent(case.email)} is approved. A code can be issued from {stamp(case.ready_at)} UTC."
        )


def _print_waiting(parts: Parts, case: HelpCase, *, as_json: bool) -> None:
    needs_approval = parts.help_desk.needs_approval(case)
    if as_json:
        print_json({"email": case.email, "ready_at": case.ready_at, "needs_approval": needs_approval})
        return
    second = ", once another operator has run this command with --approve" if needs_approval else ""
    click.echo(
        f"The case of {accent(case.email)} is open. A code can be issued from {stamp(case.ready_at)} UTC{second}."
    )


async def _issue(parts: Parts, case: HelpCase, client: Client, *, as_json: bool) -> None:
    issued = await parts.help_desk.issue(case, client)
    if as_json:
        print_json({"email": case.email, "code": issued.code, "expires_at": issued.expires_at})
        return
    click.echo(f"Code for {accent(case.email)}: {accent(f'{issued.code[:4]} {issued.code[4:]}')}")
    click.echo(f"It works once, until {stamp(issued.expires_at)} UTC. Read it out only to the person whom you checked.")
    if parts.paths.forgot:
        click.echo(f"The caller enters it at {parts.urls.base_url.rstrip('/')}{parts.paths.forgot}/code")
