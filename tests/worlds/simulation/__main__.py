"""Simulates worlds: `python -m tests.worlds.simulation --seeds 10000`; `--seed 17` tells the story of one."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from tests.worlds.simulation.ablations import ABLATIONS, NONE, Ablation
from tests.worlds.simulation.runner import Outcome, Runner

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"
_HEAD = "| safeguard | without it | found in seed |"
_AT_A_TIME = 16


def main() -> int:
    """Return 1 if a world broke a promise."""
    if sys.flags.hash_randomization:
        click.echo("Set PYTHONHASHSEED=0, so that a seed always tells the same story: `just simulate` does.", err=True)
        return 2
    given = _arguments()
    if given.ablate:
        return _write_table(given.seeds, given.jobs)
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.seeds)
    return _simulate(seeds, given)


def _simulate(seeds: Sequence[int], given: argparse.Namespace) -> int:
    """Tell the story of a world that was asked for, and of the first that breaks a promise."""
    without = ABLATIONS[given.without] if given.without else NONE
    runner, began, counted = Runner(), time.perf_counter(), Counter[str]()
    try:
        with click.progressbar(
            runner.run(seeds, given.jobs, without),
            length=len(seeds),
            file=sys.stderr,
            hidden=given.seed is not None or not sys.stderr.isatty(),
        ) as outcomes:
            for outcome in outcomes:
                is_first = bool(outcome.broken) and not counted["broken promises"]
                counted.update(outcome.counts)
                if given.seed is not None or outcome.broken:
                    click.echo("\n".join(_lines(outcome, tells=given.seed is not None or is_first)))
    finally:
        runner.close()
    figures = ", ".join(f"{count:,} {name}" for name, count in counted.items())
    click.echo(f"{figures}, in {time.perf_counter() - began:.0f} s.")
    return int(counted["broken promises"] > 0)


def _lines(outcome: Outcome, *, tells: bool) -> list[str]:
    if tells:
        return [f"Seed {outcome.seed}", *outcome.story]
    return [*outcome.broken, f"  python -m tests.worlds.simulation --seed {outcome.seed} tells how."]


# What each safeguard prevents


def _write_table(seeds: int, jobs: int) -> int:
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="just simulate", description="Simulate worlds of Keyturn's processes.")
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds (default: 200)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--seed", type=int, help="tell the story of this one")
    parser.add_argument("--jobs", type=int, default=2, help="worlds at a time (default: 2)")
    parser.add_argument("--without", choices=ABLATIONS, metavar="SAFEGUARD", help="take a safeguard away")
    parser.add_argument("--ablate", action="store_true", help="search for what each safeguard prevents, for the docs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
