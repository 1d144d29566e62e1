"""Lists what a database does not show, but the settings depend on, as sentences for the user to check."""

from collections.abc import Iterator, Mapping

from keyturn.service.onboarding import guesses
from keyturn.service.onboarding.survey import Table
from keyturn.service.settings import TableSettings


def questions_about(settings: TableSettings, tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield the points to check that `settings` do not cover."""
    table = tables[settings.table]
    frameworks = guesses.frameworks_of(table)
    yield from (one["look_at"] for one in frameworks if "look_at" in one)
    if (status := guesses.unclear_status(table)) and not settings.active:
        yield (
            f"Set which values of {status} keep a user from signing in, which the database does not show: active ="
            f' "not {status} = suspended | deleted".'
        )
    if (username := guesses.username_column(table)) and settings.email and not settings.identifiers:
        yield (
            f"If your users sign in with {username}, let them enter it in place of their address, too: identifiers ="
            f' ["{settings.email}", "{username}"] in [accounts.table].'
        )
    ended = {entry.rpartition(".")[0] for entry in settings.endings} | {settings.table}
    by_hash = {name for one in frameworks for name in one.get("ends", ())}
    alive = [
        name
        for name, other in sorted(tables.items())
        if name not in ended
        and guesses.plain_name(name) not in by_hash
        and (what := guesses.credentials_in(name))
        and (what != "sessions" or not guesses.owner_column(other, table))
    ]
    if alive:
        yield (
            f"After a change, let your app end the rows of {', '.join(alive)} that let clients in, when it gets the"
            " webhook password.changed: Keyturn cannot tell whose they are, or other rows refer to them."
        )
