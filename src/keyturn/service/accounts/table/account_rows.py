"""From rows of an app's table to accounts, and the choice among several rows."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial

from sqlalchemy import RowMapping

from keyturn.service import identifiers
from keyturn.service.accounts.port import Account, provider_name
from keyturn.service.accounts.table.columns import text_of
from keyturn.service.accounts.table.conditions import PASSWORD_PROVIDERS
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.telemetry.logs import LogEvent, log


def rows_by_identifier(rows: Iterable[RowMapping]) -> Mapping[str, Sequence[RowMapping]]:
    """Return the rows by their addresses and by their user names.

    Addresses are in the form of `identifiers.parse_address`, user names in that of
    `identifiers.fold_name`. A row without a valid address is left out, and so is a user name with
    an @, which would pass for an address.
    """
    by_identifier: defaultdict[str, list[RowMapping]] = defaultdict(list)
    for row in rows:
        try:
            address = identifiers.parse_address(text_of(row["email"]))
        except InputInvalid:
            continue
        by_identifier[address].append(row)
        name = identifiers.fold_name(text_of(row.get("username")))
        if name and "@" not in name:
            by_identifier[name].append(row)
    return by_identifier


def choose_row(
    by_identifier: Mapping[str, Sequence[RowMapping]], identifier: str
) -> RowMapping | None:
    """Return the row that an address or a user name means, or None."""
    if "@" in identifier:
        rows = by_identifier.get(identifiers.normalize_address(identifier), ())
        return _choose_by_address(identifier, rows)
    rows = by_identifier.get(identifiers.fold_name(identifier), ())
    return _choose_by_name(identifier, rows)


def _choose_by_address(address: str, rows: Sequence[RowMapping]) -> RowMapping | None:
    """Return the row of an address. Only ASCII letters ignore case (CVE-2019-19844).

    If an app distinguishes `Ada@` from `ada@`, an attacker can add a second row for a mailbox. That
    must not lock its owner out. So one row is always chosen, and always the same; the mail goes to
    the mailbox of both rows.
    """
    preferred = sorted(rows, key=partial(_preference, address))
    if _several_active(preferred):
        _log_ambiguity(preferred)
    return preferred[0] if preferred else None


def _choose_by_name(name: str, rows: Sequence[RowMapping]) -> RowMapping | None:
    """Return the row of a user name. Of names that differ only in case, the one as written counts.

    An attacker may have taken a name that differs only in case from another user's. If several
    active accounts are left, none is chosen: the mail could go to the other user.
    """
    preferred = sorted(_as_written(name, rows), key=partial(_preference, name))
    if _several_active(preferred):
        _log_ambiguity(preferred)
        return None
    return preferred[0] if preferred else None


def _several_active(rows: Sequence[RowMapping]) -> bool:
    return sum(bool(row["active"]) for row in rows) > 1


def _log_ambiguity(rows: Sequence[RowMapping]) -> None:
    ids = ", ".join(text_of(row["id"]) for row in rows)
    log.warning(LogEvent("accounts.ambiguous", accounts=ids))


def _as_written(name: str, rows: Sequence[RowMapping]) -> Sequence[RowMapping]:
    """Return the rows whose user name is written like `name`, or all rows if none is.

    Spaces around a stored name count only if another row has the same name without them.
    """
    exact = []
    without_spaces = []
    for row in rows:
        stored = unicodedata.normalize("NFC", str(row["username"]))
        if stored == name:
            exact.append(row)
        if stored.strip(" ") == name:
            without_spaces.append(row)
    return exact or without_spaces or rows


def _preference(identifier: str, row: RowMapping) -> tuple[bool, int | Decimal, bool, str]:
    """Return a sort key. The row with the lowest key is used.

    Active accounts come first, then the lowest numeric id: the oldest account, so that a later one
    gains nothing by its spelling. Other ids do not tell an age, and an attacker could try for the
    lowest. So the address that is stored as it was looked up comes first among these.
    """
    number = row["id"] if isinstance(row["id"], int | Decimal) else 0
    return not row["active"], number, text_of(row["email"]) != identifier, text_of(row["id"])


def account_of(row: RowMapping) -> Account:
    """Return the account of a row that `Statements` has selected.

    The row has no column for a field that the settings leave out.
    """
    stored = dict(row)  # a dict: SQLAlchemy's own rows take long to report a missing column
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
