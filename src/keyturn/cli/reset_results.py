"""The file that `accounts reset` writes: the outcome of each address, by which a run continues."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from keyturn.cli.terminal import CommandRefused
from keyturn.service import identifiers
from keyturn.service.clock import now
from keyturn.service.invitations.campaign import Campaign

RETRIED = ("locked", "suppressed", "daily_limit", "cooldown")
"""Outcomes that may pass by the next run."""

_HEAD = ("email", "outcome", "at", "run")
_BEGUN = "begun"


class Results:
    """The file with the outcome of each address. An address's last row counts.

    The first row has the name of the run. No account gets two links under that name, even if the
    command was killed before it wrote the account's row.

    `campaign`: the campaign of the run that the file belongs to.
    `goes_on`: an earlier run wrote the file.
    """

    def __init__(self, file: Path, campaign: Campaign) -> None:
        """Open the file, or begin it. Raises CommandRefused if it is another kind of file."""
        self._file = file
        self.campaign = campaign
        self._done: set[str] = set()
        self.goes_on = file.exists() and file.stat().st_size > 0
        if self.goes_on:
            self._read()
        self.write([])

    def _read(self) -> None:
        with self._file.open(encoding="utf-8", newline="") as earlier:
            rows = list(csv.DictReader(earlier))
        if not rows or rows[0].get("outcome") != _BEGUN or not rows[0].get("run"):
            raise CommandRefused(f"{self._file} was not written by this command: name another file")
        self.campaign = msgspec.structs.replace(self.campaign, name=rows[0]["run"])
        last_outcomes = {_address_in(row["email"]): row.get("outcome") for row in rows}
        for email, outcome in last_outcomes.items():
            if outcome and outcome not in RETRIED:
                self._done.add(email)

    def is_done(self, email: str) -> bool:
        return email in self._done or identifiers.normalize_address(email) in self._done

    def write(self, forecasts: Sequence[tuple[str, str]]) -> None:
        """Write addresses with their outcomes, which survive a crash afterwards.

        If the file is new, the head and the first row come before them. Raises CommandRefused.
        """
        at = now().isoformat(timespec="seconds")
        run = self.campaign.name
        rows = [(_cell_of(email), outcome, at, run) for email, outcome in forecasts]
        try:
            with self._file.open("a", encoding="utf-8", newline="") as results:
                # The file may have been moved since the last write.
                if results.tell() == 0:
                    rows = [_HEAD, ("", _BEGUN, at, run), *rows]
                csv.writer(results).writerows(rows)
                results.flush()
                os.fsync(results.fileno())
        except OSError as error:
            raise CommandRefused(f"{self._file} cannot be written: {error.strerror}") from None
        self._done.update(email for email, _ in forecasts)


_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet reads a cell as a formula (OWASP, "CSV Injection"; ASVS
1.2.10).
"""


def _cell_of(email: str) -> str:
    return f"'{email}" if email.startswith(_BEGINS_A_FORMULA) else email


def _address_in(cell: str) -> str:
    """Return the address of which `_cell_of` made the cell."""
    is_quoted = cell.startswith("'") and cell[1:].startswith(_BEGINS_A_FORMULA)
    return cell[1:] if is_quoted else cell
