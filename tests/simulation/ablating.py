"""Searches for a seed that shows what each safeguard prevents, and writes the table in docs/reliability.md."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import msgspec
from tests.simulation.ablations import ABLATIONS
from tests.simulation.runner import Outcome, Runner

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_HEAD = "| safeguard | without it | found in seed |"


def search(name: str, seeds: int) -> Outcome | None:
    """Return the first world, of so many, that breaks a promise without that safeguard; None if none does."""
    runner = Runner(ABLATIONS[name].remove)
    try:
        return next((outcome for outcome in runner.run(range(seeds), 1) if outcome.broken), None)
    finally:
        runner.close()


def write_table(seeds: int, jobs: int) -> int:
    """Write the table; return 1 if a safeguard is not missed in so many worlds."""
    with ThreadPoolExecutor(jobs) as threads:
        found = dict(zip(ABLATIONS, threads.map(lambda name: _search_apart(name, seeds), ABLATIONS), strict=True))
    rows = [_row(name, found[name], seeds) for name in ABLATIONS]
    before, _, after = PAGE.read_text().partition(_HEAD)
    rest = after.partition("\n\n")[2]
    PAGE.write_text("\n".join([f"{before}{_HEAD}", "|---|---|---|", *rows, "", rest]))
    return int(not all(found.values()))


def _search_apart(name: str, seeds: int) -> Outcome | None:
    """Search in a Python process of its own, since a safeguard cannot be put back."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.simulation.ablating", name, str(seeds)],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=True,
        stdout=subprocess.PIPE,
    )
    outcome = msgspec.json.decode(run.stdout, type=Outcome | None)
    click.echo(_row(name, outcome, seeds), err=True)
    return outcome


def _row(name: str, outcome: Outcome | None, seeds: int) -> str:
    what = ABLATIONS[name].what
    if outcome is None:
        return f"| {what} | not missed | none of {seeds:,} |"
    promise, _, fault = outcome.broken[0].partition(": ")
    return f"| {what} | **{promise}**: {fault[:120]} | {outcome.seed} |"


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(search(sys.argv[1], int(sys.argv[2]))))
