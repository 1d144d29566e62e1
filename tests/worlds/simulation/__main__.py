"""Simulates worlds: `python -m tests.worlds.simulation --seeds 10000`; `--seed 17` tells the story of one."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

import click
from tests.worlds.simulation import ablating
from tests.worlds.simulation.ablations import ABLATIONS, NONE
from tests.worlds.simulation.runner import Outcome, Runner


def main() -> int:
    """Return 1 if a world broke a promise."""
    if sys.flags.hash_randomization:
        click.echo("Set PYTHONHASHSEED=0, so that a seed always tells the same story: `just simulate` does.", err=True)
        return 2
    given = _arguments()
    if given.ablate:
        return ablating.write_table(given.seeds, given.jobs)
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
