"""The sizes that a number of accounts needs, from measured figures and a few assumptions."""

import json
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.breach.measured import Measured
from benchmarks.breach.week import DAY, HOUR
from benchmarks.comparison.samples import figure
from benchmarks.report import Table

ACCOUNTS = (10_000, 1_000_000, 100_000_000)

REQUESTS_A_DAY = 0.01
"""Links that an account requests a day."""

BUSIEST_HOUR = 0.1
"""The share of a day's requests in its busiest hour."""

FOLLOWED = 0.5
"""The share of links that lead to a new password."""

FOLLOWED_AFTER_A_BREACH = 0.3
ANSWER, PLACES = 0.3, 8
"""Seconds until a provider answers, and `worker.concurrency`."""

_WEEK, _AUDIT_DAYS, _OUTBOX_DAYS = 7 * DAY, 365, 30


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Measured figures.

    `requests`: a second, of one process on PostgreSQL. `hashes`: a second, of one core.
    `mails`: a second, of a worker's core with the call of a provider.
    `audit`, `sent` and `reset`: bytes of an audit entry, of a message that was sent, and of a finished reset.
    """

    requests: float
    hashes: float
    mails: float
    audit: float
    sent: float
    reset: float


def read_figures(results: Path, breach: Measured) -> Figures:
    """Read them from the files of `endpoints` and `hashing`, and from a small breach."""
    kept = {name: json.loads((results / f"{name}.json").read_bytes()) for name in ("endpoints", "hashing")}
    wanted = {"engine": "postgresql", "peer": "keyturn", "operation": "known", "connections": 16}
    rates = [one["rate"] for one in kept["endpoints"]["data"] if wanted.items() <= one.items()]
    hasher = next(one["value"] for one in kept["hashing"]["data"] if one["name"] == "PasswordHasher")
    return Figures(
        requests=median(rates),
        hashes=hasher / kept["hashing"]["machine"]["cores"],
        mails=1 / breach.costs.mail,
        audit=breach.tables["keyturn_audit"],
        sent=breach.costs.sent,
        reset=breach.costs.reset,
    )


def sizes(figures: Figures) -> Table:
    """Return a row for each part, and a column for each number of accounts."""
    columns = [_column(accounts, figures) for accounts in ACCOUNTS]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return Table(title="Sizes", headers=["accounts", *(f"{one:,}" for one in ACCOUNTS)], rows=rows)


def _column(accounts: int, figures: Figures) -> dict[str, str]:
    a_day = accounts * REQUESTS_A_DAY
    busiest = a_day * BUSIEST_HOUR / HOUR
    mails = busiest * (1 + FOLLOWED)
    kept = figures.audit * _AUDIT_DAYS
    bytes_ = a_day * (kept + (figures.sent - figures.audit) * _OUTBOX_DAYS)
    bytes_ += a_day * FOLLOWED * (kept + (figures.reset - figures.audit) * _OUTBOX_DAYS)
    resets = accounts * FOLLOWED_AFTER_A_BREACH
    in_a_week = (accounts + resets) / _WEEK
    return {
        "requests for a link a second, busiest hour": figure(busiest),
        "  share of one process of the API": _share(busiest / figures.requests),
        "cores that hash its resets": figure(busiest * FOLLOWED * 2 / figures.hashes),
        "mails a second, with confirmations": figure(mails),
        "  share of one worker's core": _share(mails / figures.mails),
        "  workers that it takes": str(_workers(mails)),
        "database after a year": _bytes(bytes_),
        "breach: mails a second to ask all in a week": figure(in_a_week),
        "breach: workers that it takes": str(_workers(in_a_week)),
        "breach: cores that hash its resets": figure(resets * 2 / _WEEK / figures.hashes),
        "breach: growth of the database": _bytes(accounts * figures.sent + resets * figures.reset),
    }


def _workers(mails: float) -> int:
    return max(1, ceil(mails * ANSWER / PLACES))


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "under 0.1%"


def _bytes(count: float) -> str:
    units: Sequence[tuple[str, float]] = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6))
    unit, size = next((one for one in units if count >= one[1]), units[-1])
    return f"{figure(count / size)} {unit}"
