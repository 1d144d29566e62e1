"""Runs the benchmarks, and prints their tables."""

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module

import click
import msgspec

from benchmarks.peers.running import PEERS
from benchmarks.plan import ENGINES, QUICK, Plan
from benchmarks.progress import Tell, teller
from benchmarks.report import Report, machine

BENCHMARKS: Mapping[str, str] = {
    "endpoints": "comparison.endpoints",
    "one-at-a-time": "comparison.one_at_a_time",
    "delivery": "comparison.delivery",
    "start": "budgets.start",
    "studio": "budgets.studio",
}
"""Modules with a function `measure(plan, tell)`. Each is imported when it runs, as some need programs of their own."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Run each for a few seconds, as a check.")
@click.option("--engine", "engines", multiple=True, type=click.Choice(list(ENGINES)), help="Use only this database.")
@click.option(
    "--peer", "peers", multiple=True, type=click.Choice(list(PEERS)), help="Measure only these peers and hello."
)
@click.option("--rounds", type=click.IntRange(min=1), help="The number of rounds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def main(
    names: tuple[str, ...],
    quick: bool,
    engines: tuple[str, ...],
    peers: tuple[str, ...],
    rounds: int | None,
    as_json: bool,
) -> None:
    """Compare Keyturn with its peers, and its parts with their budgets: all benchmarks, or those NAMES."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise each start compiles every module again
    plan = QUICK if quick else Plan()
    plan = msgspec.structs.replace(plan, engines=engines or plan.engines, peers=peers, rounds=rounds or plan.rounds)
    tell, found, failed = teller(), dict[str, Report](), list[str]()
    for name in names or BENCHMARKS:
        tell(f"{name} ...")
        try:
            found[name] = _measure(name)(plan, tell)
        except SystemExit as error:  # the other benchmarks take an hour and do not depend on this one
            failed.append(f"{name}: {error}")
            tell(failed[-1])
            continue
        if not as_json:
            _print(found[name])
    if as_json:
        data = {"machine": machine(), **{name: report.data for name, report in found.items()}}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")
    if failed:
        raise SystemExit("\n".join(failed))


def _measure(name: str) -> Callable[[Plan, Tell], Report]:
    measure: Callable[[Plan, Tell], Report] = import_module(f"benchmarks.{BENCHMARKS[name]}").measure
    return measure


def _print(report: Report) -> None:
    for table in report.tables.values():
        click.echo(f"\n{table.markdown()}")


if __name__ == "__main__":
    main()
