"""Reads whose password leaked in a breach, from the export of Have I Been Pwned's domain search."""

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from keyturn.errors import KeyturnError
from keyturn.plain_files import read_plain_file

_PASSWORDS = frozenset({"Passwords", "Historical passwords"})
"""The data classes of a breach in which passwords leaked (https://haveibeenpwned.com/API/v3#BreachModel)."""


class ExportUnreadable(KeyturnError):
    """An export cannot be used; the text says why."""


class _Breach(msgspec.Struct, rename="pascal"):
    name: str
    data_classes: list[str]


class _Person(msgspec.Struct, rename="pascal"):
    alias: str
    domain_name: str
    breaches: list[_Breach]


class _Export(msgspec.Struct, rename="pascal"):
    breach_search_results: list[_Person] | None


def addresses_in(file: Path, breaches: Collection[str]) -> Sequence[str]:
    """Return each address of the export whose password leaked in one of these breaches; in any, if none is named.

    Raises ExportUnreadable for a file that is not such an export, or if it has no such breach or address.
    """
    try:
        export = msgspec.json.decode(read_plain_file(file), type=_Export)
    except OSError as error:
        raise ExportUnreadable(f"{file} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ExportUnreadable(f"{file} is not the JSON export of a domain search: {error}") from None
    people = export.breach_search_results or []
    known = {
        breach.name for person in people for breach in person.breaches if not _PASSWORDS.isdisjoint(breach.data_classes)
    }
    if unknown := sorted(set(breaches) - known):
        raise ExportUnreadable(
            f"{file} has no breach {', '.join(unknown)} with passwords: it has {', '.join(sorted(known)) or 'none'}"
        )
    wanted = set(breaches) or known
    leaked = (person for person in people if not wanted.isdisjoint(breach.name for breach in person.breaches))
    found = list(dict.fromkeys(f"{person.alias}@{person.domain_name}" for person in leaked))
    if not found:
        raise ExportUnreadable(f"{file} has no address whose password leaked")
    return found
