"""Runs the soak on each engine, and ends with an error if a promise is broken."""

import sys

import click
import msgspec

from benchmarks.comparison.samples import figure
from benchmarks.load.percentiles import percentile
from benchmarks.plan import ENGINES
from benchmarks.progress import teller
from benchmarks.report import Report, Table
from benchmarks.soak.running import Soak, soak


@click.command()
@click.option(
    "--minutes", default=10.0, show_default=True, type=click.FloatRange(min=0.1), help="Minutes on each database."
)
@click.option("--engine", "engines", multiple=True, type=click.Choice(list(ENGINES)), help="Use only this database.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array at the end.")
def main(minutes: float, engines: tuple[str, ...], as_json: bool) -> None:
    """Request links, checks and resets at a fixed pace, and check that memory is flat and no mail is lost."""
    tell = teller()
    found = [soak(engine, minutes, tell) for engine in engines or ENGINES]
    report = report_of(found)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n")
    else:
        click.echo(report.tables["soak"].markdown())
    if faults := [f"{ENGINES[one.engine]}: {fault}" for one in found for fault in one.faults()]:
        raise SystemExit("\n".join(faults))
    click.echo("Every promise held.", err=True)


def report_of(found: list[Soak]) -> Report:
    headers = ["", *(ENGINES[one.engine] for one in found)]
    columns = [_column(one) for one in found]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    title = f"{found[0].minutes:g} minutes of mixed load on each database, API and worker on one core"
    return Report(
        tables={"soak": Table(title=title, headers=headers, rows=rows)},
        data=found,
    )


def _column(one: Soak) -> dict[str, str]:
    outcome, quarter = one.outcome, len(one.windows) // 4
    p99 = [window.p99 for window in one.windows]
    return {
        "requests": f"{one.requests:,}",
        "refused": f"{sum(outcome.refused.values()):,}",
        "mails owed": f"{outcome.owed:,}",
        "lost": str(outcome.lost),
        "doubled": str(outcome.doubled),
        "p50, ms": figure(percentile(sorted(window.p50 for window in one.windows), 0.5)),
        "p99 in the second quarter, ms": figure(_middle(p99[quarter : 2 * quarter])),
        "p99 in the last quarter, ms": figure(_middle(p99[-quarter:])),
        "API at its largest, MB": figure(max(each.api for each in one.memory)),
        "worker at its largest, MB": figure(max(each.worker for each in one.memory)),
        "queue empty after the last request": "no" if one.emptied is None else f"{one.emptied:.1f} s",
    }


def _middle(values: list[float]) -> float:
    return percentile(sorted(values), 0.5) if values else 0


if __name__ == "__main__":
    main()
