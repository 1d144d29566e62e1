"""Facts that a database does not show, but the settings depend on, as sentences for the user to check. Pure."""

from collections.abc import Iterator, Mapping

from keyturn.onboarding.guesses import STATUS, first_column, lets_in, may_let_in, normalize_name, owner_column
from keyturn.onboarding.survey import Table
from keyturn.settings import TableSettings

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
