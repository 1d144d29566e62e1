"""Runs the benchmarks, and prints their tables."""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

import click
import msgspec

from benchmarks.plan import ENGINES, QUICK, Plan
from benchmarks.report import Table, Tell, teller

BENCHMARKS: Mapping[str, str] = {
    "endpoints": "comparison.endpoints",
    "delivery": "comparison.delivery",
    "start": "budgets.start",
    "studio": "budgets.studio",
}
"""Modules with a function `measure(plan, tell)`.

Each is imported when it runs, as some need programs of their own.
"""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Run each for a few seconds, as a check.")
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(list(ENGINES)),
    help="Use only this database.",
)
@click.option("--rounds", type=click.IntRange(min=1), help="The number of rounds.")
def main(names: tuple[str, ...], quick: bool, engines: tuple[str, ...], rounds: int | None) -> None:
    """Compare Keyturn with its peers, and its parts with their budgets: all benchmarks, or those
    NAMES.
    """
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # otherwise each start compiles every module again
    plan = QUICK if quick else Plan()
    plan = msgspec.structs.replace(
        plan, engines=engines or plan.engines, rounds=rounds or plan.rounds
    )
    tell, failed = teller(), list[str]()
    for name in names or BENCHMARKS:
        tell(f"{name} ...")
        measure: Callable[[Plan, Tell], Sequence[Table]] = import_module(
            f"benchmarks.{BENCHMARKS[name]}"
        ).measure
        try:
            tables = measure(plan, tell)
        except (
            SystemExit
        ) as error:  # the other benchmarks take an hour and do not depend on this one
            failed.append(f"{name}: {error}")
            tell(failed[-1])
            continue
        for table in tables:
            click.echo(f"\n{table.markdown()}")
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
