"""Lists the remaining steps after the settings file is written, with their commands, and what to check first."""

from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

import msgspec

from keyturn.hosts import local_port
from keyturn.mail.providers import PROVIDERS
from keyturn.service.onboarding.answers import OWN_DATABASE, Answers, is_in_environment
from keyturn.service.onboarding.guesses import (
    STATUS,
    credentials_in,
    first_column,
    lets_in,
    may_let_in,
    normalize_name,
    owner_column,
    username_column,
)
from keyturn.service.onboarding.survey import Table
from keyturn.service.settings import MailSettings, ServerSettings, TableSettings
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.reading import FILE_NAME
from keyturn.service.settings.variables import Variables


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A remaining step. `how`: the command or the setting to type, "" if `what` suffices."""

    what: str
    how: str = ""


def steps(answers: Answers, environ: Mapping[str, str], file: Path) -> Iterator[Step]:
    """Yield the steps in order, without those that the environment already fulfils.

    `file`: the written file. Every other command looks for the usual name, unless a variable names another file.
    """
    if Path(environ.get("KEYTURN_CONFIG") or FILE_NAME).resolve() != file.resolve():
        yield Step(
            what="Set the path of the settings for all commands", how=f"export KEYTURN_CONFIG={quote(str(file))}"
        )
    yield from _secrets(answers, environ)
    if answers.hashes.todo:
        yield Step(what=answers.hashes.todo)
    yield from (Step(what=question) for question in answers.questions)
    domain = parseaddr(answers.sender)[1].rpartition("@")[2]
    where = "in the same database as yours" if answers.together else f"in {OWN_DATABASE.removeprefix('sqlite:///')}"
    yield Step(what=f"Create Keyturn's tables, keyturn_..., {where}", how="keyturn migrate")
    if answers.together and answers.database and answers.database.kind == "sqlite":
        name = Path(str(read_url(answers.database.url, "database.url").url.database)).name
        what = f"Keep the new files beside {name} out of git (SQLite's write-ahead log)"
        made = " ".join(quote(f"{name}-{ending}") for ending in ("wal", "shm", "limits"))
        yield Step(what=what, how=f"printf '%s\\n' {made} >> .gitignore")
    sending = (
        "" if _is_capturing(environ) else f", {PROVIDERS[answers.provider].label}, and SPF, DKIM and DMARC of {domain}"
    )
    yield Step(what=f"Check the settings{sending}", how="keyturn doctor")
    yield from _serve(answers)
    yield from _frontend(answers)
    if not Variables(environ).has("KEYTURN_WEBHOOKS_SECRET"):
        what = "To tell your app about changed passwords, set webhooks.url, and give the app and Keyturn this secret"
        yield Step(what=what, how="export KEYTURN_WEBHOOKS_SECRET=whsec_$(openssl rand -base64 32)")


def _is_capturing(environ: Mapping[str, str]) -> bool:
    return environ.get("KEYTURN_MAIL_TRANSPORT", "").strip() == "capture"


def _serve(answers: Answers) -> Iterator[Step]:
    """Yield how to run the service: on the port of a local `base_url`, else behind a proxy."""
    served = ServerSettings()
    what = "Run Keyturn; it also starts the worker, which sends the mails"
    yield Step(what=what, how="keyturn serve")
    if local_port(answers.base_url):
        yield Step(what=f"Open {answers.base_url.rstrip('/')}/forgot-password, and request a link")
        return
    passed = f"http://{served.host}:{served.port}"
    proxy = f"Let your proxy forward {answers.base_url} to {passed}, and set the proxy's address in [server]"
    yield Step(what=proxy, how='trusted_proxies = ["127.0.0.1"]')


def _secrets(answers: Answers, environ: Mapping[str, str]) -> Iterator[Step]:
    if not Variables(environ).has("KEYTURN_SECRET_KEY"):
        yield Step(what="Create a secret key, and keep it", how="export KEYTURN_SECRET_KEY=$(openssl rand -hex 32)")
    provider = PROVIDERS[answers.provider]
    if not _is_capturing(environ) and provider.extra and find_spec(provider.package) is None:
        yield Step(what=f"Install the package for {provider.label}", how=f"pip install 'keyturn[{provider.extra}]'")
    if _is_capturing(environ):
        yield Step(
            what=f"Keyturn saves mails in {MailSettings().capture_dir} and sends none. To send them",
            how="unset KEYTURN_MAIL_TRANSPORT",
        )
    elif not is_in_environment(provider, environ):
        variables = " ".join(f"{need.variable}={need.example}" for need in provider.needs)
        yield Step(what=provider.source, how=f"export {variables}")
        what = f"Or try it without {provider.label}: save mails in {MailSettings().capture_dir}, and send none"
        yield Step(what=what, how="export KEYTURN_MAIL_TRANSPORT=capture")
    for name, url in answers.variables.items():
        if environ.get(name) != url:
            scheme = url.partition("://")[0]
            yield Step(what="Set the address of the database, with its password", how=f"export {name}={scheme}://...")
    if answers.store == "supabase" and not Variables(environ).has("SUPABASE_SERVICE_ROLE_KEY"):
        what = "Copy the service-role key from the project's API settings"
        yield Step(what=what, how="export SUPABASE_SERVICE_ROLE_KEY=...")


def _frontend(answers: Answers) -> Iterator[Step]:
    base = answers.base_url.rstrip("/")
    if answers.reset_url:
        what = "Put <keyturn-forgot> and <keyturn-reset> into your pages with this script, or call /api/auth yourself"
        yield Step(what=what, how=f'<script type="module" src="{base}/keyturn.js"></script>')
    else:
        yield Step(what="Link to the page for a forgotten password", how=f'<a href="{base}/forgot-password">')


# Facts that a database does not show, but the settings depend on, as sentences for the user to check


_DEVISE = ("encryptedpassword", "resetpasswordsentat")
"""Devise's sessions hold the beginning of the hash (authenticatable_salt), as Django's hold an HMAC of it. Both end
without Keyturn."""
_FRAMEWORKS = {
    _DEVISE: "Check that Devise's config.pepper is not set: with a pepper, Keyturn's passwords do not work in your app",
    ("fsuniquifier",): (
        "Check that Flask-Security's SECURITY_PASSWORD_SINGLE_HASH names your scheme: otherwise it hashes an HMAC"
        " of the password, which Keyturn cannot compute"
    ),
    ("securitystamp", "concurrencystamp"): (
        "Call UserManager.UpdateSecurityStampAsync when your app gets the webhook password.changed: Keyturn does not"
        " change SecurityStamp, so old cookies would stay valid"
    ),
}
"""Columns that identify a framework, and the data that it stores elsewhere."""


def open_questions(settings: TableSettings, tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield the points to check that `settings` do not cover."""
    table = tables[settings.table]
    columns = {normalize_name(name) for name in table.columns}
    yield from (question for known, question in _FRAMEWORKS.items() if columns.issuperset(known))
    yield from _of_columns(settings, table)
    ended = {entry.rpartition(".")[0] for entry in settings.endings} | {settings.table}
    others = {name: owner_column(other, table) for name, other in sorted(tables.items()) if name not in ended}
    nobodys = [name for name, owner in others.items() if lets_in(name) and not owner]
    alive = [name for name in others if credentials_in(name) and name not in nobodys]
    for why, names in (
        ("cannot tell whose they are", [name for name in alive if not others[name]]),
        ("cannot delete them, because rows of other tables refer to them", [name for name in alive if others[name]]),
    ):
        if names:
            yield (
                f"If your app uses {_listed(names)} to let clients in, let it end those rows after an intrusion, when"
                f" it gets the webhook account.secured: Keyturn {why}"
            )
    if links := [name for name in nobodys if "reset" in name.lower()]:
        yield (
            f"After a change, let your app end the links in {_listed(links)}: Keyturn cannot, because no column there"
            " has the id of an account"
        )
    sessions = [name for name in nobodys if name not in links and name != "django_session"]
    if sessions and not columns.issuperset(_DEVISE):
        yield (
            f"After a change, let your app end the sessions in {_listed(sessions)}: Keyturn cannot, because no column"
            " there has the id of an account. Use the webhook password.changed, or store a fingerprint of the hash in"
            " each session"
        )
    yield from (_unclear(name, owner) for name, owner in others.items() if may_let_in(name))


def _of_columns(settings: TableSettings, table: Table) -> Iterator[str]:
    """Yield the points about columns of the accounts' table: a status, and user names."""
    status = first_column(table, STATUS)
    if status and not settings.active and table.columns[status].holds in (str, object):
        yield (
            f"Set which values of {status} keep a user from signing in, which the database does not show: active ="
            f' "not {status} = suspended | deleted"'
        )
    if (username := username_column(table)) and settings.email and not settings.identifiers:
        yield (
            f"If your users sign in with {username}, let them enter it in place of their address, too: identifiers ="
            f' ["{settings.email}", "{username}"] in [accounts.table]'
        )


def _unclear(name: str, owner: str) -> str:
    """Return the advice for a table that may hold sessions or meetings, and was left out."""
    how = f'add "{name}.{owner}" to accounts.table.delete' if owner else "let your app end them after a change"
    return f"If {name} contains sign-in sessions, and not meetings, {how}"


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
