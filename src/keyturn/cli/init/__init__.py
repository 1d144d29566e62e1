"""init: writes settings for an app that has accounts."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec

from keyturn.cli.init.interview import Interview
from keyturn.cli.init.mapping_table import run_in_new_loop
from keyturn.cli.terminal import accent, fail, muted, print_json, strong
from keyturn.errors import Fault
from keyturn.mail.providers import PROVIDERS
from keyturn.onboarding.answers import Answers, faults_in, table_faults
from keyturn.onboarding.checklist import steps
from keyturn.onboarding.settings_file import as_toml, write_file

_FLAGS = {
    "base_url": "--base-url",
    "reset_url": "--reset-url",
    "sign_in_url": "--sign-in-url",
    "brand.name": "--brand",
    "mail.from": "--from",
    "accounts.store": "--store",
    "accounts.supabase.url": "--supabase-url",
    "accounts.table.url": "--database",
    "database.url": "--database",
    "accounts.table.table": "--table",
}
"""The names of settings as flags; the columns are --column."""


@click.command()
@click.option(
    "--database", metavar="URL", help="Your app's database, or the variable that holds it: '${DATABASE_URL}'."
)
@click.option("--store", metavar="NAME", help="builtin, table, supabase, or your own package.module:factory.")
@click.option("--table", metavar="NAME", help="The table with the accounts; looked for where it is not given.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="KEY=COLUMN",
    help="For example email=mail, name= for none, set.must_change=false, or delete=sessions.user_id.",
)
@click.option("--together", is_flag=True, help="Keyturn's own tables are in that database; it is not MySQL.")
@click.option("--apart", is_flag=True, help="They are in a database of their own.")
@click.option("--supabase-url", metavar="URL", help="The project, with --store supabase.")
@click.option("--base-url", metavar="URL", help="Where people will reach Keyturn.")
@click.option(
    "--reset-url", metavar="URL", help="Your page for a new password, with {token}; Keyturn's own without it."
)
@click.option(
    "--sign-in-url",
    metavar="URL",
    help="Where people sign in to your app; {base_url}/login is a second way in, Keyturn's own.",
)
@click.option("--brand", metavar="NAME", help="Whose mails and pages they are.")
@click.option("--from", "sender", metavar="ADDRESS", help="Who the mails are from: Name <address>.")
@click.option(
    "--transport",
    type=click.Choice(list(PROVIDERS)),
    help="What sends the mails; without it, what the environment has.",
)
@click.option(
    "--file", default="keyturn.toml", type=click.Path(path_type=Path), show_default=True, help="What to write."
)
@click.option("--force", is_flag=True, help="Replace the file where it is there already.")
@click.option("--yes", is_flag=True, help="Ask nothing, and take what was found.")
@click.option("--json", "as_json", is_flag=True, help="Ask nothing, and answer in JSON, for machines.")
def init(file: Path, *, force: bool, yes: bool, as_json: bool, **flags: Any) -> None:
    """Write keyturn.toml for an app that has accounts already, and say what is left to do.

    Looks at the app's database, finds the table and its columns, and changes nothing there. Passwords in addresses are
    never written: the file names the variable that holds them.

    \b
    Examples:  keyturn init
               keyturn init --database '${DATABASE_URL}' --base-url https://account.example.org
                            --sign-in-url https://app.example.org/login
                            --brand "Northwind School" --from "Northwind School <no-reply@northwind.example>"
    """
    if file.exists() and not force:
        fail(f"{file} is there already; --force replaces it")
    asking = sys.stdin.isatty() and not yes and not as_json
    interview = Interview(flags, os.environ, asking=asking, quiet=as_json)
    try:
        answers = interview.answers()
        text = as_toml(answers)
        refuse(faults_in(text, {**os.environ, **answers.variables}))
        if answers.database and answers.table:
            refuse(
                run_in_new_loop(table_faults(answers.database.url, answers.table, answers.hashes.settings.hash_length))
            )
    except (click.Abort, KeyboardInterrupt):
        click.echo()
        fail("ended before the end; nothing was written")
    write_file(file, text, replacing=force)
    if as_json:
        print_json(_summary(file, answers))
    else:
        if asking:
            click.echo()
        _report(file, answers)


def refuse(faults: Iterable[Fault]) -> None:
    """End where there are faults, each by the name of its flag."""
    found = [f"{_flag(fault.name)}: {fault.message}" for fault in faults]
    if len(found) == 1:
        fail(f"{found[0]}; nothing was written")
    if found:
        fail("The answers have faults, and nothing was written:", *(f"  {one}" for one in found))


def _flag(setting: str) -> str:
    if setting in _FLAGS or not setting.startswith("accounts.table."):
        return _FLAGS.get(setting, setting)
    return f"--column {setting.removeprefix('accounts.table.')}"


def _report(file: Path, answers: Answers) -> None:
    click.echo(f"Wrote {accent(str(file))}.")
    if answers.table:
        click.echo(f"Checked: the table {answers.table.table} is as the file says.")
    click.echo()
    click.echo(strong("Left to do"))
    for number, step in enumerate(steps(answers, os.environ, file), 1):
        click.echo(f"{number:>3}  {step.what}")
        if step.how:
            click.echo(f"     {accent(step.how)}")
    click.echo()
    click.echo(muted("The settings can be changed at any time: keyturn doctor says what is wrong with them."))


def _summary(file: Path, answers: Answers) -> dict[str, Any]:
    table = msgspec.structs.asdict(answers.table) if answers.table else {}
    return {
        "file": str(file),
        "store": answers.store,
        "database": answers.database and answers.database.written,
        "table": {name: value for name, value in table.items() if name != "url"},
        "together": answers.together,
        "hashes": answers.hashes.shown or None,
        "left": list(steps(answers, os.environ, file)),
    }
