"""Runs the benchmarks, and writes tables to the terminal, benchmarks/results and benchmarks/README.md."""

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import click
import msgspec

from benchmarks.peers.running import PEERS, ROOT
from benchmarks.plan import ENGINES, QUICK, Plan
from benchmarks.progress import Tell, teller
from benchmarks.report import Report, machine, write
from benchmarks.report.documents import write_results_into

BENCHMARKS: Mapping[str, str] = {
    "endpoints": "comparison.endpoints",
    "one-at-a-time": "comparison.one_at_a_time",
    "resets": "comparison.resets",
    "delivery": "comparison.delivery",
    "flood": "comparison.flood",
    "standing": "comparison.standing",
    "processes": "comparison.many_processes",
    "hashes": "hashes",
    "profiles": "profiles",
    "mail": "budgets.mail",
    "start": "budgets.start",
    "hashing": "budgets.hashing",
    "studio": "budgets.studio",
    "inbox": "budgets.inbox",
}
"""Modules with a function `measure(plan, tell)`. Each is imported when it runs, as some need programs of their own."""

_DOCUMENT = ROOT / "benchmarks" / "README.md"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Run each for a few seconds, as a check; keep no results.")
@click.option("--engine", "engines", multiple=True, type=click.Choice(list(ENGINES)), help="Use only this database.")
@click.option(
    "--peer", "peers", multiple=True, type=click.Choice(list(PEERS)), help="Measure only these peers and hello."
)
@click.option("--rounds", type=click.IntRange(min=1), help="The number of rounds.")
@click.option("--rows", type=click.IntRange(min=1000), help="Links and messages of `standing`: a million by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "benchmarks" / "results",
    help="The folder of tables, plots and data.",
)
@click.option("--write-docs", is_flag=True, help="Also write the results into benchmarks/README.md.")
def main(
    names: tuple[str, ...],
    quick: bool,
    engines: tuple[str, ...],
    peers: tuple[str, ...],
    rounds: int | None,
    rows: int | None,
    as_json: bool,
    results: Path,
    write_docs: bool,
) -> None:
    """Compare Keyturn with its peers, and its parts with their budgets: all benchmarks, or those NAMES."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise each start compiles every module again
    plan = QUICK if quick else Plan()
    plan = msgspec.structs.replace(plan, engines=engines or plan.engines, peers=peers, rounds=rounds or plan.rounds)
    plan = msgspec.structs.replace(plan, rows=rows or plan.rows)
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
        if not quick:
            write(found[name], results, name)
    if as_json:
        data = {"machine": machine(), **{name: report.data for name, report in found.items()}}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")
    if write_docs:
        for missing in write_results_into(_DOCUMENT, results):
            tell(f"benchmarks/README.md keeps its figures of {missing}, which was not measured")
    if failed:
        raise SystemExit("\n".join(failed))


def _measure(name: str) -> Callable[[Plan, Tell], Report]:
    measure: Callable[[Plan, Tell], Report] = import_module(f"benchmarks.{BENCHMARKS[name]}").measure
    return measure


def _print(report: Report) -> None:
    for table in report.tables.values():
        click.echo(f"\n{table.markdown()}")
    for sentence in report.notes:
        click.echo(sentence)


if __name__ == "__main__":
    main()
