"""init: writes settings for an app that has accounts."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

import click

from keyturn.cli.terminal import accent, fail, strong, wrap
from keyturn.errors import SettingsInvalid
from keyturn.plain_files import replace_file
from keyturn.service.onboarding.plan import Flags, Plan, make_plan
from keyturn.service.onboarding.settings_file import as_toml, faults_in
from keyturn.service.settings.reading import FILE_NAME
from keyturn.service.settings.url_rules import database_kind
from keyturn.setting_sources import Variables

_FLAGS = {  # the flags, by their settings
    "mail.from": "--from",
    "brand.name": "--brand",
    "base_url": "--base-url",
    "sign_in_url": "--sign-in-url",
    "accounts.store": "--store",
    "accounts.supabase.url": "--supabase-url",
    "accounts.table.table": "--table",
    "accounts.table.url": "--database",
    "database.url": "--together",
}


@click.command()
@click.option(
    "--database",
    metavar="URL",
    help="Your app's database. Default: '${DATABASE_URL}', if it is set.",
)
@click.option(
    "--store",
    metavar="NAME",
    help="Where accounts are: builtin, table, supabase or package.module:factory.",
)
@click.option(
    "--table",
    metavar="NAME",
    help="The table with the accounts. Default: the table that fits best.",
)
@click.option(
    "--together/--apart",
    default=None,
    help="Keep Keyturn's tables in that database, or in another.",
)
@click.option("--supabase-url", metavar="URL", help="Address of the Supabase project.")
@click.option(
    "--base-url", metavar="URL", help="Public address of Keyturn. Default: this machine's."
)
@click.option(
    "--sign-in-url", metavar="URL", help="Your app's sign-in page. Default: Keyturn's page."
)
@click.option(
    "--brand", metavar="NAME", help="Name in emails and pages. Default: the name of this folder."
)
@click.option("--from", "sender", metavar="ADDRESS", help="Sender of the emails: Name <address>.")
@click.option(
    "--file",
    default=FILE_NAME,
    type=click.Path(path_type=Path),
    show_default=True,
    help="File to write.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def init(file: Path, *, force: bool, **flags: Any) -> None:
    """Write keyturn.toml for your app, and say what to look at.

    Reads the app's database to find the table of accounts and its columns, and changes nothing
    there. The file has a comment for each column that was not found, and serves at once: edit it as
    you like. It never contains the database's password: it names the variable with the address
    instead.

    \b
    Examples:  keyturn init
               keyturn init --database '${DATABASE_URL}' \\
                 --base-url https://account.example.org \\
                 --sign-in-url https://app.example.org/login \\
                 --brand "Northwind School" \\
                 --from "Northwind <no-reply@northwind.example>"
    """
    if file.exists() and not force:
        fail(f"{file} exists already: use --force to replace it")
    try:
        plan = asyncio.run(make_plan(Flags(**flags), os.environ))
    except SettingsInvalid as invalid:
        refused = [f"{_FLAGS[fault.name]}: {fault.message}" for fault in invalid.faults]
        fail(*refused)
    text = as_toml(plan)
    # Without a variable its name is "", which nothing reads.
    faults = faults_in(text, {**os.environ, plan.variable: plan.database})
    # No flag corrects the columns of the database: `look_at` names their faults.
    of_flags = [fault for fault in faults if not fault.name.startswith("accounts.table.")]
    if of_flags:
        refused = [f"  {_FLAGS.get(fault.name, fault.name)}: {fault.message}" for fault in of_flags]
        fail("The flags have errors, so nothing was written:", *refused)
    look_at = [*plan.look_at, *_advice(plan)]
    try:
        replace_file(file, text.encode())
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    _report(plan, file, look_at)


def _advice(plan: Plan) -> Iterator[str]:
    """Yield what the operator should check or change, after what the database showed."""
    if plan.hashes.todo:
        yield plan.hashes.todo
    if plan.together and database_kind(plan.database) == "sqlite":
        name = Path(plan.database.partition("?")[0]).name
        yield f"Keep {name}-wal, {name}-shm and {name}-limits out of git: SQLite's write-ahead log."
    if plan.store != "builtin" and plan.sign_in_url.startswith("{base_url}"):
        yield "Set sign_in_url to your app's sign-in page."
    if plan.transport == "capture":
        yield (
            "Emails are saved in .keyturn/mail and not sent: keep .keyturn out of git. To send "
            "them, name the provider and your sender in [mail], and set its key, such as "
            "RESEND_API_KEY."
        )
    path = urlsplit(plan.base_url).path.rstrip("/")
    if path and plan.is_local:
        yield (
            f"Mount the plugin at {path}, or remove {path} from base_url: `keyturn serve` answers "
            "without it, so links would not work."
        )
    if not plan.is_local:
        yield (
            f"Let your proxy forward {plan.base_url} to Keyturn: trusted_proxies = "
            '["127.0.0.1"] in [server].'
        )


def _commands(plan: Plan, file: Path) -> Iterator[str]:
    """Yield the commands that start Keyturn with the file."""
    variables = Variables(os.environ)
    # Other commands read the file with the usual name, unless a variable names another.
    if Path(os.environ.get("KEYTURN_CONFIG") or FILE_NAME).resolve() != file.resolve():
        yield f"export KEYTURN_CONFIG={quote(str(file))}"
    if not plan.is_local and not variables.has("KEYTURN_SECRET_KEY"):
        yield "export KEYTURN_SECRET_KEY=$(openssl rand -hex 32)"
    if plan.variable and os.environ.get(plan.variable) != plan.database:
        yield f"export {plan.variable}={plan.database.partition('://')[0]}://..."
    if plan.store == "supabase" and not variables.has("SUPABASE_SERVICE_ROLE_KEY"):
        yield "export SUPABASE_SERVICE_ROLE_KEY=..."
    yield "keyturn migrate"
    yield "keyturn serve"


def _report(plan: Plan, file: Path, look_at: Sequence[str]) -> None:
    written = f"Wrote {accent(str(file))}"
    if plan.table:
        written += f", with your accounts in {plan.table.table}"
    if plan.hashes.shown:
        written += f" and hashes as {plan.hashes.shown}"
    click.echo(f"{written}.")
    click.echo(f"\n{strong('To look at')}")
    for sentence in look_at:
        click.echo(f"  * {wrap(sentence, '    ')}")
    click.echo(f"\n{strong('Then type')}")
    for command in _commands(plan, file):
        click.echo(f"  {accent(command)}")
    click.echo(f"\nAfterwards, open {_first_page(plan)}. `keyturn doctor` checks everything.")


def _first_page(plan: Plan) -> str:
    if plan.is_local:  # `keyturn serve` answers without the path of `base_url`
        return urlsplit(plan.base_url)._replace(path="/forgot-password").geturl()
    return f"{plan.base_url.rstrip('/')}/forgot-password"
