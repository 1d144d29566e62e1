"""Writes the answers as keyturn.toml, for users to read and edit."""

import shutil
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

import msgspec
import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import Item, Table

from keyturn.errors import KeyturnError
from keyturn.hosts import host_of, is_loopback_address, local_port
from keyturn.mail.providers import PROVIDERS
from keyturn.service.accounts.table.recognised_hashes import HashFormat
from keyturn.service.onboarding.answers import OWN_DATABASE, Answers
from keyturn.service.onboarding.corrections import COLUMNS
from keyturn.service.settings import Ending, MailSettings, ServerSettings, TableSettings


class NotWritten(KeyturnError):
    """The settings file was not written; the text says why."""


def as_toml(answers: Answers) -> str:
    """Return the text of the file. It names the variables of secrets, and holds no secret."""
    document = tomlkit.document()
    secrets = ["KEYTURN_SECRET_KEY", *(need.variable for need in PROVIDERS[answers.provider].needs), *answers.variables]
    if answers.store == "supabase":
        secrets.append("SUPABASE_SERVICE_ROLE_KEY")
    document.add(
        tomlkit.comment(
            "Keyturn's settings. Settings that are not here have a default. A variable KEYTURN_SECTION_KEY in the"
        )
    )
    document.add(tomlkit.comment("environment overrides the key of that section. Set these secrets there:"))
    document.add(tomlkit.comment(f"{', '.join(secrets)}."))
    document.add(tomlkit.nl())
    document.add("base_url", _with_comment(answers.base_url, "public address of Keyturn"))
    if answers.reset_url:
        document.add("reset_url", _with_comment(answers.reset_url, "your page; default: Keyturn's page"))
    if answers.sign_in_url:
        document.add("sign_in_url", _with_comment(answers.sign_in_url, "your app's sign-in page"))
    server = tomlkit.table()
    if (host := host_of(answers.base_url)) != ServerSettings().host and is_loopback_address(host):
        server.add("host", _with_comment(host, "as in base_url"))
    if (port := local_port(answers.base_url)) and port != ServerSettings().port:
        server.add("port", _with_comment(port, "as in base_url"))
    if origin := _other_origin(answers):
        server.add("allowed_origins", _with_comment([origin], "pages that may call the API"))
    if server:
        document.add("server", server)
    document.add("brand", _section(name=answers.brand))
    chosen = {"transport": answers.provider} if answers.provider != MailSettings().transport else {}
    document.add("mail", _section(**chosen, **{"from": answers.sender}))
    _add_database(document, answers)
    _add_accounts(document, answers)
    if answers.table and answers.table.password:
        hashing = tomlkit.table()
        _add_hashing(hashing, answers.hashes)
        document.add("hashing", hashing)
    return tomlkit.dumps(document)


def _add_hashing(section: Table, hashes: HashFormat) -> None:
    """Write the hash format of the app's own sign-in, and the parameters of its existing hashes."""
    if hashes.format == "bcrypt":
        section.add("prefix", _with_comment(hashes.prefix, "prefix of your app's bcrypt hashes"))
    else:
        section.add("format", _with_comment(hashes.format, "format of your app's hashes"))
    if hashes.cost:
        took = "as in your app, so that a wrong password always takes the same time"
        section.add("cost", _with_comment(hashes.cost, took))
    if hashes.iterations:
        section.add("iterations", _with_comment(hashes.iterations, "as in your app"))


def write_file(file: Path, text: str, *, replacing: bool) -> None:
    """Write the whole file or nothing. Raises NotWritten, also if the file exists and must not be replaced."""
    try:
        if replacing and file.exists():
            _replace(file, text)
        else:
            with file.open("x", encoding="utf-8") as new:
                new.write(text)
    except FileExistsError:
        raise NotWritten(f"{file} exists already: use --force to replace it") from None
    except OSError as error:
        raise NotWritten(f"{file} cannot be written: {error.strerror}") from None


def _replace(file: Path, text: str) -> None:
    """Replace the old file with the new one atomically, with the same permissions."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        new.write(text)
    try:
        shutil.copymode(file, new.name)
        Path(new.name).replace(file)
    finally:
        Path(new.name).unlink(missing_ok=True)


def _add_database(document: TOMLDocument, answers: Answers) -> None:
    section = tomlkit.table()
    if answers.together and answers.database:
        section.add(
            "url",
            _with_comment(answers.database.written, "your app's; it also gets Keyturn's tables, keyturn_..."),
        )
    else:
        section.add("url", _with_comment(OWN_DATABASE, "Keyturn's tables; use PostgreSQL for several machines"))
    document.add("database", section)


def _add_accounts(document: TOMLDocument, answers: Answers) -> None:
    if answers.store == "builtin":
        return
    accounts = _section(store=answers.store)
    if answers.table and answers.database:
        accounts.add(tomlkit.nl())
        accounts.add("table", _table(answers.table, "" if answers.together else answers.database.written))
    if answers.store == "supabase":
        accounts.add(tomlkit.nl())
        accounts.add("supabase", _section(url=answers.supabase_url))
    document.add("accounts", accounts)


def _table(settings: TableSettings, url: str) -> Table:
    table = tomlkit.table()
    if url:
        table.add("url", url)
    table.add("table", settings.table)
    for name in COLUMNS:
        if (column := getattr(settings, name)) or name == "password":
            table.add(name, column)
    if settings.password_providers != TableSettings().password_providers:
        table.add("password_providers", list(settings.password_providers))
    if settings.delete:
        table.add("delete", _with_comment(list(settings.delete), "the account's rows to delete at each change"))
    if settings.set:
        values = _section(**settings.set).comment("columns that each change also sets")
        table.add(tomlkit.nl())
        table.add("set", values)
    if settings.ends:
        ends = tomlkit.table()
        ends.comment("what else a change ends, or only an intrusion")
        for column, ending in settings.ends.items():
            ends.add(column, _ending(ending))
        table.add(tomlkit.nl())
        table.add("ends", ends)
    return table


def ending_line(entry: str, ending: Ending) -> str:
    """Return the line of an ending, as it stands in `[accounts.table.ends]`."""
    document = tomlkit.document()
    document.add(entry, _ending(ending))
    return tomlkit.dumps(document).strip()


def _ending(ending: Ending) -> Item:
    """Return the ending as an inline table, without defaults."""
    inline = tomlkit.inline_table()
    for key, value in msgspec.to_builtins(ending).items():
        if value != getattr(Ending(), key):
            inline.add(key, value)
    return inline


def _other_origin(answers: Answers) -> str:
    """Return the origin of the app's page, if it differs from Keyturn's."""
    app, own = urlsplit(answers.reset_url), urlsplit(answers.base_url)
    if not app.netloc or (app.scheme, app.netloc) == (own.scheme, own.netloc):
        return ""
    return f"{app.scheme}://{app.netloc}".lower()


def _section(**values: float | str) -> Table:
    section = tomlkit.table()
    for key, value in values.items():
        section.add(key, value)
    return section


def _with_comment(value: object, remark: str) -> Item:
    return tomlkit.item(value).comment(remark)
