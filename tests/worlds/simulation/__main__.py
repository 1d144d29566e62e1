"""Simulates worlds: `python -m tests.worlds.simulation --seeds 10000`; `--seed 17` tells the story
of one.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click
from tests.worlds.simulation.ablations import ABLATIONS
from tests.worlds.simulation.runner import Outcome, Runner

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"
_HEAD = "| safeguard | without it | found in seed |"
_AT_A_TIME = 16


def main() -> int:
    """Return 1 if a world broke a promise, or with `--ablate`, if a safeguard is not missed in so
    many worlds.
    """
    if sys.flags.hash_randomization:
        click.echo(
            "Set PYTHONHASHSEED=0, so that a seed always tells the same story: `just simulate` "
            "does.",
            err=True,
        )
        return 2
    given = _arguments()
    seeds = range(given.seeds) if given.seed is None else [given.seed]
    with closing(Runner(given.jobs)) as runner:
        return (
            _write_table(runner, given.seeds) if given.ablate else _simulate(runner, seeds, given)
        )


def _simulate(runner: Runner, seeds: Sequence[int], given: argparse.Namespace) -> int:
    """Tell the story of a world that was asked for, and of the first that breaks a promise."""
    began, counted = time.perf_counter(), Counter[str]()
    for outcome in runner.run(seeds, given.without):
        if given.seed is not None or (outcome.broken and not counted["broken promises"]):
            click.echo("\n".join([f"Seed {outcome.seed}", *outcome.story]))
        elif outcome.broken:
            again = f"  python -m tests.worlds.simulation --seed {outcome.seed} tells how."
            click.echo("\n".join([*outcome.broken, again]))
        counted.update(outcome.counts)
    figures = ", ".join(f"{count:,} {name}" for name, count in counted.items())
    click.echo(f"{figures}, in {time.perf_counter() - began:.0f} s.")
    return int(counted["broken promises"] > 0)


def _write_table(runner: Runner, seeds: int) -> int:
    found = {name: _search(runner, name, seeds) for name in ABLATIONS}
    rows = [_row(name, outcome, seeds) for name, outcome in found.items()]
    before, _, after = PAGE.read_text().partition(_HEAD)
    PAGE.write_text(
        "\n".join([f"{before}{_HEAD}", "|---|---|---|", *rows, "", after.partition("\n\n")[2]])
    )
    return int(not all(found.values()))


def _search(runner: Runner, without: str, seeds: int) -> Outcome | None:
    """Return the first world, of so many, that breaks a promise without that safeguard; None if
    none does.

    A world that crashes breaks none: it has no story, and the log tells of it.
    """
    found = None
    for first in range(0, seeds, _AT_A_TIME):
        some = range(first, min(first + _AT_A_TIME, seeds))
        broken = [
            outcome for outcome in runner.run(some, without) if outcome.broken and outcome.story
        ]
        if broken:
            found = min(broken, key=lambda outcome: outcome.seed)
            break
    click.echo(_row(without, found, seeds), err=True)
    return found


def _row(without: str, outcome: Outcome | None, seeds: int) -> str:
    what = ABLATIONS[without].what
    if outcome is None:
        return f"| {what} | not missed | none of {seeds:,} |"
    promise, _, fault = outcome.broken[0].partition(": ")
    return f"| {what} | **{promise}**: {fault[:120]} | {outcome.seed} |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="just simulate", description="Simulate worlds of Keyturn's processes."
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds (default: 200)")
    parser.add_argument("--seed", type=int, help="tell the story of this one")
    parser.add_argument("--jobs", type=int, default=2, help="worlds at a time (default: 2)")
    parser.add_argument(
        "--without", choices=ABLATIONS, metavar="SAFEGUARD", help="take a safeguard away"
    )
    parser.add_argument(
        "--ablate",
        action="store_true",
        help="search for what each safeguard prevents, for the docs",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
