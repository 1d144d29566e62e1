"""Turns rows of an app's table into accounts, and chooses among several rows."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial

from sqlalchemy import RowMapping

from keyturn.service import addresses
from keyturn.service.accounts.port import Account, provider_name
from keyturn.service.accounts.table.columns import text_of
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.telemetry.logs import LogEvent, log

PASSWORD_PROVIDERS = ("", "credentials", "default", "email", "local", "password")
"""What apps write, in any case, into the provider's column of an account that signs in with a password."""


def spellings(identifier: str) -> set[str]:
    """Return how an address or a user name may be stored, apart from case, spaces behind it, and one before it."""
    local, at, domain = identifier.rpartition("@")
    ways = {identifier}
    if at and "xn--" in domain:
        import idna  # its tables take 3 MB that most processes never need

        ways.add(f"{local}@{idna.decode(domain)}")
    ways |= {unicodedata.normalize("NFD", way) for way in ways}
    return ways | {f" {way}" for way in ways}


def rows_by_identifier(rows: Iterable[RowMapping]) -> Mapping[str, Sequence[RowMapping]]:
    """Return the rows of each address, in the form of `addresses.parse`, and of each user name, without its case.

    A row without a valid address is left out, and so is a name with an @: it would be taken for an address.
    """
    by_identifier: dict[str, list[RowMapping]] = {}
    for row in rows:
        with suppress(InputInvalid):
            by_identifier.setdefault(addresses.parse(text_of(row["email"])), []).append(row)
            if (name := addresses.fold_name(text_of(row.get("username")))) and "@" not in name:
                by_identifier.setdefault(name, []).append(row)
    return by_identifier


def choose_row(by_identifier: Mapping[str, Sequence[RowMapping]], identifier: str) -> RowMapping | None:
    """Return the row that an address or a user name means, or None. Only ASCII letters ignore case (CVE-2019-19844).

    If an app distinguishes `Ada@` from `ada@`, an attacker can add a second row for a mailbox. That must not lock its
    owner out, so one row is always chosen, and always the same. A mail goes to the mailbox of both rows in any case,
    and a sign-in checks the password of the account that it opens.

    Of names that differ only in case, the one that is written as in the request is meant. Otherwise none of several
    active accounts is chosen: its mail would go to another user.
    """
    is_address = "@" in identifier
    rows = by_identifier.get(addresses.normalize(identifier) if is_address else addresses.fold_name(identifier), ())
    if not is_address:
        stored = [(unicodedata.normalize("NFC", str(row["username"])), row) for row in rows]
        as_written = [row for text, row in stored if text == identifier]
        rows = as_written or [row for text, row in stored if text.strip(" ") == identifier] or rows
    same = sorted(rows, key=partial(_preference, identifier))
    if sum(bool(row["active"]) for row in same) > 1:
        log.warning(LogEvent("accounts.ambiguous", accounts=", ".join(text_of(row["id"]) for row in same)))
        return same[0] if is_address else None
    return next(iter(same), None)


def _preference(email: str, row: RowMapping) -> tuple[bool, int | Decimal, bool, str]:
    """Return a sort key that is least for the row to use.

    Active accounts come before closed ones. Numeric ids count up, so the oldest account comes next: a later one gains
    nothing by any spelling. Other ids reveal no age, and an attacker could try for the lowest. Most addresses are
    stored as they are asked for, in small letters, so such a row comes first.
    """
    number = row["id"] if isinstance(row["id"], int | Decimal) else 0
    return not row["active"], number, text_of(row["email"]) != email, text_of(row["id"])


def account_of(row: RowMapping) -> Account:
    stored = dict(row)  # SQLAlchemy's own rows take long to report a missing column
    provider = text_of(stored.get("provider"))
    elsewhere = provider.lower() not in PASSWORD_PROVIDERS
    return Account(
        id=text_of(stored["id"]),
        email=text_of(stored["email"]),
        name=text_of(stored.get("name")),
        active=bool(stored["active"]),
        has_password=not elsewhere and bool(stored.get("has_hash", True)),
        awaits_password=not elsewhere and bool(stored.get("lacks_hash", False)),
        provider=provider_name(provider) if elsewhere else "",
        kind=text_of(stored.get("kind")),
        locale=text_of(stored.get("locale")),
        locked=bool(stored.get("locked", False)),
    )
