"""Searches for a seed that shows what each safeguard prevents, and writes the table in docs/reliability.md."""

from collections.abc import Mapping
from pathlib import Path

import click
from tests.worlds.simulation.ablations import ABLATIONS, Ablation
from tests.worlds.simulation.runner import Outcome, Runner

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"
_HEAD = "| safeguard | without it | found in seed |"
_AT_A_TIME = 16


def write_table(seeds: int, jobs: int) -> int:
    """Write the table; return 1 if a safeguard is not missed in so many worlds."""
    runner = Runner()
    try:
        found = {name: _search(runner, without, seeds, jobs) for name, without in ABLATIONS.items()}
    finally:
        runner.close()
    _write(found, seeds)
    return int(not all(found.values()))


def _search(runner: Runner, without: Ablation, seeds: int, jobs: int) -> Outcome | None:
    """Return the first world, of so many, that breaks a promise without that safeguard; None if none does."""
    for first in range(0, seeds, _AT_A_TIME):
        some = range(first, min(first + _AT_A_TIME, seeds))
        broken = [outcome for outcome in runner.run(some, jobs, without) if outcome.broken]
        if broken:
            found = min(broken, key=lambda outcome: outcome.seed)
            click.echo(_row(without, found, seeds), err=True)
            return found
    click.echo(_row(without, None, seeds), err=True)
    return None


def _write(found: Mapping[str, Outcome | None], seeds: int) -> None:
    rows = [_row(ABLATIONS[name], outcome, seeds) for name, outcome in found.items()]
    before, _, after = PAGE.read_text().partition(_HEAD)
    rest = after.partition("\n\n")[2]
    PAGE.write_text("\n".join([f"{before}{_HEAD}", "|---|---|---|", *rows, "", rest]))


def _row(without: Ablation, outcome: Outcome | None, seeds: int) -> str:
    if outcome is None:
        return f"| {without.what} | not missed | none of {seeds:,} |"
    promise, _, fault = outcome.broken[0].partition(": ")
    return f"| {without.what} | **{promise}**: {fault[:120]} | {outcome.seed} |"
