"""The address of an SQLite file, for aiosqlite."""

import re
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL

from keyturn.database.urls.parameters import NotUnderstood, require_known

_OF_OTHER_DRIVERS = frozenset(
    {
        "busy_timeout",
        "cache",
        "cached_statements",
        "check_same_thread",
        "detect_types",
        "foreign_keys",
        "isolation_level",
        "journal_mode",
        "timeout",
        "transaction_mode",
        "uri",
    }
)
"""How another driver waits, locks and reads types: Keyturn's connections have their own way."""

_WRITING = ("rw", "rwc")
_PLACE = re.compile(r"%\w[\w.]+%")
"""What Symfony writes for a folder: %kernel.project_dir%."""


def read_sqlite(place: str, said: dict[str, str], *, is_prismas: bool) -> URL:
    """Return the address of the file, of none for a database in memory. Raises NotUnderstood.

    `is_prismas`: a relative path starts where Prisma's does; see `file_of_prisma`.
    """
    mode = said.pop("mode", "rw")
    require_known(said, ("mode",), _OF_OTHER_DRIVERS)
    if is_prismas:
        host, path = "", place.removeprefix("//")
    elif place.startswith("//"):
        host, _, path = place[2:].partition("/")
    else:  # Rails' and PDO's
        host, path = "", place
    path = unquote(path)
    if path.startswith("file:"):  # SQLite's own URI within SQLAlchemy's
        path = path.removeprefix("file:").removeprefix("//")
    if mode == "memory" or ":memory:" in {host, path} or place == "//":
        return URL.create("sqlite+aiosqlite")
    if mode not in _WRITING:
        raise NotUnderstood(f"mode must be one of {', '.join(_WRITING)}: new passwords are written")
    if host:
        raise NotUnderstood("names a host, and SQLite has none: a path follows three slashes, as in sqlite:///app.db")
    if not path or "\0" in path:
        raise NotUnderstood("names no file")
    if found := _PLACE.search(path):
        raise NotUnderstood(f"holds {found[0]}, which only its framework fills in: write the path of the file")
    if is_prismas and not path.startswith("/"):
        path = str(file_of_prisma(path))
    return URL.create("sqlite+aiosqlite", database=path)


def file_of_prisma(path: str) -> Path:
    """Return the file that a relative path of Prisma's means. Raises NotUnderstood where it may be one of several.

    Up to Prisma 6 it starts at the folder of the schema, and from 7 on at that of the configuration, which is the
    app's (https://www.prisma.io/docs/orm/overview/databases/sqlite, https://github.com/prisma/prisma/pull/28514). The
    file that exists tells which; where none does, it is the first.
    """
    schemas = [folder for folder in (Path("prisma"), Path("prisma/schema")) if folder.is_dir()]
    places = [folder / path for folder in [*schemas, Path()]]
    try:
        found = {place.resolve(): place for place in reversed(places) if place.is_file()}
    except OSError as error:
        raise NotUnderstood(f"its file cannot be looked for: {error.strerror}") from None
    if len(found) > 1:
        files = " or ".join(sorted(str(place) for place in found.values()))
        raise NotUnderstood(f"may be {files}: write which, as in sqlite:///prisma/dev.db")
    return next(iter(found.values()), places[0])
