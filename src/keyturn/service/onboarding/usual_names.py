"""Names that apps use for tables and columns, and what frameworks keep outside of the database."""

import re
import tomllib
from pathlib import Path

import msgspec

from keyturn.service.onboarding.survey import Table


class Framework(msgspec.Struct, frozen=True):
    """A framework, which is recognised by columns of its table of accounts.

    `ends`: the tables of sessions that end with the hash, since each session has a fingerprint of
    it.
    `look_at`: a sentence about what the operator should check.
    """

    columns: tuple[str, ...]
    ends: tuple[str, ...] = ()
    look_at: str = ""


class UsualNames(msgspec.Struct, frozen=True):
    """Usual names, in the form of `plain_name`.

    `tables`: tables of accounts, the likeliest first.
    `bad_status`: values of a column `status` whose accounts may not sign in.

    The other lists are columns by their meaning. If a table has several of them, the first counts.
    """

    tables: list[str]
    email: list[str]
    password: list[str]
    id: list[str]
    name: list[str]
    username: list[str]
    active: list[str]
    inactive: list[str]
    status: list[str]
    bad_status: list[str]
    provider: list[str]
    kind: list[str]
    locale: list[str]
    frameworks: list[Framework]


def _read() -> UsualNames:
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), UsualNames)


USUAL = _read()


def plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def bare_name(name: str) -> str:
    """Return the plain name of a table without its schema."""
    return plain_name(name.rpartition(".")[2])


def columns_by_plain_name(table: Table) -> dict[str, str]:
    """Return the names of a table's columns. Of two with one plain name, the first counts."""
    columns: dict[str, str] = {}
    for name in table.columns:
        columns.setdefault(plain_name(name), name)
    return columns


def usual_column(table: Table, usual: list[str]) -> str:
    """Return the column with the first usual name that the table has, or ""."""
    columns = columns_by_plain_name(table)
    for name in usual:
        if name in columns:
            return columns[name]
    return ""


def key_column(table: Table) -> str:
    return table.key or usual_column(table, USUAL.id)


def frameworks_of(table: Table) -> list[Framework]:
    columns = columns_by_plain_name(table).keys()
    return [framework for framework in USUAL.frameworks if columns >= {*framework.columns}]
