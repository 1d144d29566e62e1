"""init: writes settings for an app that has accounts."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from keyturn.cli.init.mapping_table import MappingTable, run_in_new_loop
from keyturn.cli.terminal import accent, complain, fail, muted, print_json, strong
from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.providers import PROVIDERS
from keyturn.service.onboarding.answers import (
    Answers,
    DatabaseAddress,
    database_address,
    faults_in,
    likely_provider,
    store_fault,
    table_faults,
)
from keyturn.service.onboarding.checklist import open_questions, steps
from keyturn.service.onboarding.settings_file import as_toml, write_file
from keyturn.service.onboarding.survey import NotReached, Survey, survey, tables_of_its_app
from keyturn.values import did_you_mean

# The questions: values without a flag are asked for, and asked for again after a faulty answer


_FINE = Answers(base_url="https://account.example.org", brand="Example", sender="mail@example.org")
_SETTINGS = {
    "base_url": "base_url",
    "reset_url": "reset_url",
    "sign_in_url": "sign_in_url",
    "brand": "brand.name",
    "sender": "mail.from",
    "store": "accounts.store",
    "supabase_url": "accounts.supabase.url",
}
_SUPABASE_VARIABLES = ("SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL", "VITE_SUPABASE_URL")


class Interview:
    """Asks what `init` cannot find out.

    `flags` are what the command line gave, None for what it did not. Where nothing can be asked, they must do.
    """

    def __init__(self, flags: Mapping[str, Any], environ: Mapping[str, str], *, asking: bool, quiet: bool) -> None:
        self._flags = flags
        self._environ = environ
        self._asking = asking
        self._quiet = quiet

    def answers(self) -> Answers:
        """Return what to write. Ends with a sentence where something is missing; raises click.Abort on Ctrl-C."""
        if self._flags["together"] and self._flags["apart"]:
            fail("--together and --apart exclude each other: give one of them")
        if self._flags["store"] == "ldap":  # no other flag would help
            fail(f"--store: {store_fault('ldap')}")
        if not self._asking:
            self._require_flags()
        answers = self._accounts()
        texts = {
            "base_url": self._text("base_url", "Address of Keyturn, such as https://account.example.org:"),
            "reset_url": self._text(
                "reset_url", "Your page for a new password, with {token} (Enter for Keyturn's page):", known=""
            ),
            "sign_in_url": self._sign_in_url(answers.store),
            "brand": self._text("brand", "Name in mails and pages, such as Northwind School:"),
            "sender": self._text("sender", "Sender of the mails, such as Northwind <no-reply@northwind.example>:"),
        }
        return msgspec.structs.replace(answers, **texts, provider=self._provider())

    def _provider(self) -> str:
        """Return the mail provider: by flag, by choice, else by the environment."""
        answer, likely = self._flags["transport"], likely_provider(self._environ)
        while answer not in PROVIDERS:
            if answer is not None:
                complain(f"{answer} is not supported: choose one of {', '.join(PROVIDERS)}")
            answer = _prompt(f"Mail provider ({', '.join(PROVIDERS)}):", likely).lower() if self._asking else likely
        return str(answer)

    def _sign_in_url(self, store: str) -> str:
        if store == "builtin" and self._flags["sign_in_url"] is None:
            return ""
        return self._text("sign_in_url", "Sign-in page of your app, such as https://app.example.org/login:")

    def _require_flags(self) -> None:
        flags = self._flags
        missing = [f"--{name.replace('_', '-')}" for name in ("base_url", "brand") if flags[name] is None]
        missing += ["--from"] if flags["sender"] is None else []
        unknown = flags["store"] is None and flags["database"] is None
        builtin = flags["store"] == "builtin" or (flags["store"] is None and flags["database"] in ("", "none"))
        missing += ["--sign-in-url"] if flags["sign_in_url"] is None and not unknown and not builtin else []
        missing += ["--database and --sign-in-url (or --store builtin)"] if unknown else []
        if flags["store"] == "table" and flags["database"] is None:
            missing.append("--database")
        if flags["store"] == "supabase" and flags["supabase_url"] is None and not self._environ.get("SUPABASE_URL"):
            missing.append("--supabase-url")
        if missing:
            wrong = (f"  {one}" for one in self._wrong_flags())
            fail(f"init cannot ask questions here: add {', '.join(missing)}", *wrong)

    def _wrong_flags(self) -> Iterator[str]:
        """Yield the faults of the given flags."""
        for name in _SETTINGS:
            if (answer := self._flags[name]) and (message := self._first_fault(name, answer)):
                yield f"--{'from' if name == 'sender' else name.replace('_', '-')}: {message}"
        database, table = self._flags["database"], self._flags["table"]
        if database in (None, "", "none"):
            return
        try:
            tables = self._look_at(database)[1].tables
        except (SettingsInvalid, NotReached) as error:
            yield f"--database: {_reason(error)}"
        else:
            if table and table not in tables:
                yield f"--table: the database has no table {table}{did_you_mean(table, tables)}"

    def _look_at(self, database: str) -> tuple[DatabaseAddress, Survey]:
        """Return the content of the database. Raises SettingsInvalid, or NotReached."""
        address = database_address(database, self._environ)
        if self._flags["together"] and not address.may_hold_our_tables:
            fail("--together: Keyturn's tables need SQLite or PostgreSQL: leave the flag out")
        return address, run_in_new_loop(survey(address.url))

    def _accounts(self) -> Answers:
        store = self._flags["store"]
        if store and (message := self._first_fault("store", store)):
            fail(f"--store: {message}")
        found = self._database() if store in (None, "table", "supabase") else None
        store = store or ("table" if found else "builtin")
        answers = msgspec.structs.replace(_FINE, store=store)
        if store == "supabase":
            known = next((self._environ[name] for name in _SUPABASE_VARIABLES if self._environ.get(name)), None)
            url = self._text("supabase_url", "Address of the Supabase project:", known=known)
            answers = msgspec.structs.replace(answers, supabase_url=url)
        if not found:
            return answers
        address, seen = found
        mapping = MappingTable(address.url, seen, self._flags, asking=self._asking, quiet=self._quiet)
        table, hashes = mapping.ask_mapping(with_password=store != "supabase")
        questions = (
            tuple(open_questions(table, tables_of_its_app(table.table, seen.tables))) if store == "table" else ()
        )
        together = self._flags["together"] or (address.is_for_many_machines and not self._flags["apart"])
        return msgspec.structs.replace(
            answers,
            database=address,
            table=table,
            hashes=hashes,
            questions=questions,
            together=together,
        )

    def _database(self) -> tuple[DatabaseAddress, Survey] | None:
        """Return the database, asking until it can be read; None if the accounts are in no database."""
        given = self._flags["database"]
        if given is None and (not self._asking or self._flags["store"] == "supabase"):
            return None
        known = "${DATABASE_URL}" if self._environ.get("DATABASE_URL") else None
        while True:
            text = given
            if text is None:
                click.echo(
                    muted("The database with your app's accounts: its address, or ${NAME} for an environment variable.")
                )
                click.echo(muted("Enter none if Keyturn is to store the accounts."))
                text = _prompt("Database:", known or "none")
            if text in ("", "none"):
                if self._flags["store"] == "table":
                    fail("--database: is required with --store table")
                return None
            try:
                return self._look_at(text)
            except (SettingsInvalid, NotReached) as error:
                message = _reason(error)
                if not self._asking:
                    fail(f"--database: {message}")
                complain(message)
                given = None

    def _text(self, flag: str, question: str, *, known: str | None = None) -> str:
        """Return the flag or the answer once it has no fault. `known`: the value for Enter."""
        answer: str | None = self._flags[flag]
        if not self._asking:
            return answer or known or ""  # faults are reported at the end, all at once
        while True:
            if answer is None:
                answer = _prompt(question, known)
            message = self._first_fault(flag, answer) if answer or known is None else ""
            if not message:
                return answer
            complain(message)
            answer = None

    def _first_fault(self, flag: str, answer: str) -> str:
        """Return the fault of a single answer."""
        alone = msgspec.structs.replace(_FINE, **{flag: answer})
        if flag == "supabase_url":
            alone = msgspec.structs.replace(alone, store="supabase")
        setting = _SETTINGS[flag]
        wrong = next((one.message for one in faults_in(as_toml(alone), self._environ) if one.name == setting), "")
        return wrong or (store_fault(answer) if flag == "store" else "")


def _reason(error: SettingsInvalid | NotReached) -> str:
    return error.faults[0].message if isinstance(error, SettingsInvalid) else str(error)


def _prompt(question: str, known: str | None = None) -> str:
    answer: str = click.prompt(question, default=known, show_default=bool(known), prompt_suffix=" ")
    return answer.strip()


_FLAGS = {setting: f"--{name.replace('_', '-')}" for name, setting in _SETTINGS.items()} | {
    "mail.from": "--from",
    "accounts.table.url": "--database",
    "database.url": "--database",
    "accounts.table.table": "--table",
}
"""The names of settings as flags; the columns are --column."""


@click.command()
@click.option(
    "--database", metavar="URL", help="Your app's database, or the variable with its address: '${DATABASE_URL}'."
)
@click.option(
    "--store", metavar="NAME", help="Where accounts are: builtin, table, supabase, or your own package.module:factory."
)
@click.option("--table", metavar="NAME", help="The table with the accounts. Default: the table that fits best.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="KEY=COLUMN",
    help="Corrects a guess: email=mail, name= for none, set.must_change=false, or delete=sessions.user_id.",
)
@click.option("--together", is_flag=True, help="Put Keyturn's tables into that database (not MySQL).")
@click.option("--apart", is_flag=True, help="Put Keyturn's tables into a database of their own.")
@click.option("--supabase-url", metavar="URL", help="Address of the Supabase project.")
@click.option("--base-url", metavar="URL", help="Public address of Keyturn.")
@click.option("--reset-url", metavar="URL", help="Your page for a new password, with {token}. Default: Keyturn's page.")
@click.option(
    "--sign-in-url",
    metavar="URL",
    help="Your app's sign-in page; {base_url}/login uses Keyturn's page.",
)
@click.option("--brand", metavar="NAME", help="Name in mails and pages.")
@click.option("--from", "sender", metavar="ADDRESS", help="Sender of the mails: Name <address>.")
@click.option(
    "--transport",
    type=click.Choice(list(PROVIDERS)),
    help="Mail provider. Default: the one that has a key in the environment.",
)
@click.option(
    "--file", default="keyturn.toml", type=click.Path(path_type=Path), show_default=True, help="File to write."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--yes", is_flag=True, help="Ask no questions, and accept the guesses.")
@click.option("--json", "as_json", is_flag=True, help="Ask no questions, and print JSON.")
def init(file: Path, *, force: bool, yes: bool, as_json: bool, **flags: Any) -> None:
    """Write keyturn.toml for your app, and list what is left to do.

    Reads the app's database to find the table of accounts and its columns, and changes nothing there. The file never
    contains the database's password: it names the variable with the address instead.

    \b
    Examples:  keyturn init
               keyturn init --database '${DATABASE_URL}' --base-url https://account.example.org
                            --sign-in-url https://app.example.org/login
                            --brand "Northwind School" --from "Northwind School <no-reply@northwind.example>"
    """
    if file.exists() and not force:
        fail(f"{file} exists already: use --force to replace it")
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
        fail("interrupted, so nothing was written")
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
        fail("The answers have errors, so nothing was written:", *(f"  {one}" for one in found))


def _flag(setting: str) -> str:
    if setting in _FLAGS or not setting.startswith("accounts.table."):
        return _FLAGS.get(setting, setting)
    return f"--column {setting.removeprefix('accounts.table.')}"


def _report(file: Path, answers: Answers) -> None:
    click.echo(f"Wrote {accent(str(file))}.")
    if answers.table:
        click.echo(f"Checked that the table {answers.table.table} has the columns in the file.")
    click.echo()
    click.echo(strong("Left to do"))
    for number, step in enumerate(steps(answers, os.environ, file), 1):
        click.echo(f"{number:>3}  {step.what}")
        if step.how:
            click.echo(f"     {accent(step.how)}")
    click.echo()
    click.echo(muted("You can change the settings at any time. Check them with `keyturn doctor`."))


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
