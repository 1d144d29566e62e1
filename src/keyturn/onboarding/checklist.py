"""Lists the remaining steps after the settings file is written, with their commands, and what to check first."""

from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

import msgspec

from keyturn.database.urls import read_url
from keyturn.hosts import local_port
from keyturn.mail.providers import PROVIDERS
from keyturn.onboarding.answers import OWN_DATABASE, Answers, is_in_environment
from keyturn.onboarding.guesses import STATUS, first_column, lets_in, may_let_in, normalize_name, owner_column
from keyturn.onboarding.survey import Table
from keyturn.settings import FILE_NAME, MailSettings, ServerSettings, TableSettings


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A remaining step. `how`: the command or the setting to type, "" if `what` suffices."""

    what: str
    how: str = ""


def steps(answers: Answers, environ: Mapping[str, str], file: Path) -> Iterator[Step]:
    """Yield the steps in order, without those that the environment already fulfils.

    `file`: the written file. Every other command looks for the usual name, unless a variable names another file.
    """
    if Path(environ.get("KEYTURN_CONFIG") or FILE_NAME).resolve() != file.resolve():
        yield Step(what="Say where the settings are, to every command", how=f"export KEYTURN_CONFIG={quote(str(file))}")
    yield from _secrets(answers, environ)
    if answers.hashes.todo:
        yield Step(what=answers.hashes.todo)
    yield from (Step(what=question) for question in answers.questions)
    domain = parseaddr(answers.sender)[1].rpartition("@")[2]
    where = (
        "in the same database, beside yours" if answers.together else f"in {OWN_DATABASE.removeprefix('sqlite:///')}"
    )
    yield Step(what=f"Make Keyturn's own tables, keyturn_..., {where}", how="keyturn migrate")
    if answers.together and answers.database and answers.database.kind == "sqlite":
        name = Path(str(read_url(answers.database.url, "database.url").url.database)).name
        what = f"Keep the files out of git that are then beside {name}, whose journal becomes a write-ahead log (WAL)"
        made = " ".join(quote(f"{name}-{ending}") for ending in ("wal", "shm", "limits"))
        yield Step(what=what, how=f"printf '%s\\n' {made} >> .gitignore")
    sending = (
        "" if _is_capturing(environ) else f", {PROVIDERS[answers.provider].label}, and SPF, DKIM and DMARC of {domain}"
    )
    yield Step(what=f"Check the settings{sending}", how="keyturn doctor")
    yield from _serve(answers)
    yield from _frontend(answers)
    if not environ.get("KEYTURN_WEBHOOKS_SECRET"):
        what = "If your app is to be told of changed passwords, set webhooks.url to its address, and give both a secret"
        yield Step(what=what, how="export KEYTURN_WEBHOOKS_SECRET=whsec_$(openssl rand -base64 32)")


def _is_capturing(environ: Mapping[str, str]) -> bool:
    return environ.get("KEYTURN_MAIL_TRANSPORT", "").strip() == "capture"


def _serve(answers: Answers) -> Iterator[Step]:
    """Yield how to run the service: on the port of a local `base_url`, else behind a proxy."""
    served = ServerSettings()
    what = "Run it: it answers requests, and starts a worker, which sends the mails, as a process of its own"
    yield Step(what=what, how="keyturn serve")
    if local_port(answers.base_url):
        yield Step(what=f"See the form for a link at {answers.base_url.rstrip('/')}/forgot-password")
        return
    passed = f"http://{served.host}:{served.port}"
    proxy = f"Let your proxy pass {answers.base_url} on to {passed}, and name the proxy in [server]"
    yield Step(what=proxy, how='trusted_proxies = ["127.0.0.1"]')


def _secrets(answers: Answers, environ: Mapping[str, str]) -> Iterator[Step]:
    if not environ.get("KEYTURN_SECRET_KEY"):
        yield Step(what="Make a secret key, and keep it", how="export KEYTURN_SECRET_KEY=$(openssl rand -hex 32)")
    provider = PROVIDERS[answers.provider]
    if not _is_capturing(environ) and provider.extra and find_spec(provider.package) is None:
        yield Step(what=f"Install what {provider.label} needs", how=f"pip install 'keyturn[{provider.extra}]'")
    if _is_capturing(environ):
        yield Step(
            what=f"Mails are kept in {MailSettings().capture_dir}, and none is sent, until you take this out",
            how="unset KEYTURN_MAIL_TRANSPORT",
        )
    elif not is_in_environment(provider, environ):
        variables = " ".join(f"{need.variable}={need.example}" for need in provider.needs)
        yield Step(what=provider.source, how=f"export {variables}")
        what = f"Or try it without {provider.label}: mails are kept in {MailSettings().capture_dir}, and none is sent"
        yield Step(what=what, how="export KEYTURN_MAIL_TRANSPORT=capture")
    for name, url in answers.variables.items():
        if environ.get(name) != url:
            scheme = url.partition("://")[0]
            yield Step(
                what="Hand over the address of the database, with its password", how=f"export {name}={scheme}://..."
            )
    if answers.store == "supabase" and not environ.get("SUPABASE_SERVICE_ROLE_KEY"):
        what = "Take the service-role key from the project's API settings"
        yield Step(what=what, how="export SUPABASE_SERVICE_ROLE_KEY=...")


def _frontend(answers: Answers) -> Iterator[Step]:
    base = answers.base_url.rstrip("/")
    if answers.reset_url:
        what = "Put <keyturn-forgot> and <keyturn-reset> into your pages, with this script, or call /api/auth yourself"
        yield Step(what=what, how=f'<script type="module" src="{base}/keyturn.js"></script>')
    else:
        yield Step(
            what="Link to the page for those who forgot their password", how=f'<a href="{base}/forgot-password">'
        )


# Facts that a database does not show, but the settings depend on, as sentences for the user to check


_DEVISE = ("encryptedpassword", "resetpasswordsentat")
"""Devise's sessions hold the beginning of the hash (authenticatable_salt), as Django's hold an HMAC of it. Both end
without Keyturn."""
_FRAMEWORKS = {
    _DEVISE: ("See that Devise's config.pepper is not set: with one, no hash that Keyturn writes lets anybody in"),
    ("fsuniquifier",): (
        "See that Flask-Security's SECURITY_PASSWORD_SINGLE_HASH names your scheme: without it a hash is over an HMAC"
        " of the password, which Keyturn does not know"
    ),
    ("securitystamp", "concurrencystamp"): (
        "A change leaves SecurityStamp as it is, so that cookies stay good: when the webhook password.changed comes,"
        " call UserManager.UpdateSecurityStampAsync"
    ),
}
"""Columns that identify a framework, and the data that it stores elsewhere."""


def open_questions(settings: TableSettings, tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield the points to check that `settings` do not cover."""
    table = tables[settings.table]
    columns = {normalize_name(name) for name in table.columns}
    yield from (question for known, question in _FRAMEWORKS.items() if columns.issuperset(known))
    status = first_column(table, STATUS)
    if status and not settings.active and table.columns[status].holds in (str, object):
        yield (
            f"Say which values of {status} mean that nobody may sign in, which the database does not tell: active ="
            f' "not {status} = suspended | deleted"'
        )
    ended = {entry.rpartition(".")[0] for entry in settings.delete} | {settings.table}
    others = {name: owner_column(other, table) for name, other in sorted(tables.items()) if name not in ended}
    nobodys = [name for name, owner in others.items() if lets_in(name) and not owner]
    if links := [name for name in nobodys if "reset" in name.lower()]:
        yield f"See that links in {_listed(links)} work no more: no column there holds the id of an account"
    sessions = [name for name in nobodys if name not in links and name != "django_session"]
    if sessions and not columns.issuperset(_DEVISE):
        yield (
            f"See that a change ends what is in {_listed(sessions)}: no column there holds the id of an account. The"
            " webhook password.changed tells your app; or let each session hold a fingerprint of the hash"
        )
    yield from (_unclear(name, owner) for name, owner in others.items() if may_let_in(name))


def _unclear(name: str, owner: str) -> str:
    """Return the advice for a table that may hold sessions or meetings, and was left out."""
    how = f'add "{name}.{owner}" to accounts.table.delete' if owner else "see that a change ends them"
    return f"If {name} holds sessions of people who are signed in, and no meetings, {how}"


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
