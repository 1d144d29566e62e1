"""Counts the accounts that the settings take for active, and those with a password.

A wrong column would keep every user from a new password.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection

from keyturn.mail.port.check_result import CheckResult, fail, warn
from keyturn.service.accounts.table.columns import sample, text_of
from keyturn.service.accounts.table.statements import Statements

_MOST = 10_000  # rows that are counted, so that a large table does not delay the start
_FEW = 10  # fewer than one active account in so many is doubtful
_SHOWN = 3  # values of a column that a finding lists


class _Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of accounts.

    `contradicting`: the accounts that have a hash although their provider signs them in.
    """

    accounts: int
    active: int
    with_hash: int
    contradicting: int


def doubt_counts(connection: Connection, statements: Statements) -> Iterator[CheckResult]:
    """Yield findings about settings by which no account, or hardly any, gets a new password."""
    row = connection.execute(statements.counts(_MOST)).mappings().one()
    counts = _Counts(**{name: int(value) for name, value in row.items()})
    if not counts.accounts:
        return
    yield from _of_active(counts, statements)
    yield from _of_passwords(counts, statements)
    yield from _of_providers(counts, connection, statements)


def _of_active(counts: _Counts, statements: Statements) -> Iterator[CheckResult]:
    if not statements.mapping.active:
        return
    message = f"accounts.table.active: {counts.active} of {counts.accounts} accounts are active"
    fix = 'Correct it: a "not " may be missing, as in "not deleted_at". The others get no emails.'
    if not counts.active:
        yield fail(message, fix)
    elif counts.active * _FEW < counts.accounts:
        yield warn(message, fix)


def _of_passwords(counts: _Counts, statements: Statements) -> Iterator[CheckResult]:
    if "password" in statements.mapping.fields and not counts.with_hash:
        message = f"accounts.table.password: 0 of {counts.accounts} accounts have a password hash"
        yield warn(message, "If they have passwords, name the column with the hashes.")


def _of_providers(
    counts: _Counts, connection: Connection, statements: Statements
) -> Iterator[CheckResult]:
    if not counts.contradicting or counts.contradicting * 2 < counts.with_hash:
        return
    column = statements.mapping.fields["provider"]
    values = set(map(text_of, sample(connection, column))) - {""}
    shown = ", ".join(sorted(values)[:_SHOWN])
    message = (
        f"accounts.table.provider: by the column {column.name} ({shown}), "
        f"{counts.contradicting} of the {counts.with_hash} accounts with a password hash sign in "
        "elsewhere, so Keyturn sets no password for them"
    )
    fix = (
        "If they sign in with a password, remove the setting. The column must name providers, "
        "such as google."
    )
    if counts.contradicting == counts.with_hash:
        yield fail(message, fix)
    else:
        yield warn(message, fix)
