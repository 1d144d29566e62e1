"""Simulates the week after a breach, with costs that a small breach had on a real PostgreSQL.

Without `--measure`, the costs are those of `benchmarks/results/breach.json`, and the same options give the same output.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from math import ceil

import click
import msgspec

from benchmarks.breach.measured import ANSWER, QUICK, WORKERS, Measured, Sizes, measure
from benchmarks.breach.sizes import read_figures, sizes
from benchmarks.breach.week import DAY, HOUR, Breach, Costs, Hour, Result, simulate
from benchmarks.comparison.samples import figure
from benchmarks.peers.running import ROOT
from benchmarks.progress import teller
from benchmarks.report import Report, Table, machine
from benchmarks.report.charts import lines
from benchmarks.report.documents import write_results_into

_RESULTS = ROOT / "benchmarks" / "results"
_COSTS = _RESULTS / "breach.json"
_DOCUMENT = ROOT / "docs" / "scaling.md"
_PICTURES = ROOT / "docs" / "images"

_ALL_AT_ONCE = 200.0
"""Accounts a second: as fast as one run of the command should ask."""

_BUSY = 0.6
"""The share of the API's cores that hashes of the week may take, if the number of cores is not given."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement, and the machine that it was made on."""

    machine: Mapping[str, str | int | float]
    data: Measured


_ABOVE_0 = click.FloatRange(0, min_open=True)
_option = partial(click.option, show_default=True)


@click.command()
@_option("--accounts", default=10_000_000, type=click.IntRange(1), help="Accounts to ask.")
@_option("--asked", default=18.0, type=_ABOVE_0, help="Accounts that the command asks a second.")
@_option("--rate", default=30.0, type=_ABOVE_0, help="Mails a second that both workers may send.")
@_option("--answer", default=0.3, type=_ABOVE_0, help="Seconds until the provider answers.")
@_option("--requests", default=1.0, type=click.FloatRange(0), help="Links a second that other people request.")
@_option("--follow", default=0.3, type=click.FloatRange(0, 1), help="Share that sets a new password.")
@_option("--delay", default=4.0, type=_ABOVE_0, help="Mean hours from a mail to its reset.")
@_option("--sign-ins", default=4.0, type=click.FloatRange(0), help="Sign-ins a second through Keyturn.")
@_option("--seed", default=1, help="Decides all that is random.")
@click.option("--cores", type=click.IntRange(1), help=f"Cores that hash; by default, hashes take {_BUSY:.0%} of them.")
@click.option("--measure", "measures", is_flag=True, help="Measure the costs here first, and keep them.")
@click.option("--quick", is_flag=True, help="Take few accounts, as a check; keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--write-docs", is_flag=True, help="Keep tables and plots, also in docs/scaling.md.")
def main(*, cores: int | None, measures: bool, quick: bool, as_json: bool, write_docs: bool, **given: float) -> None:
    """Simulate a breach whose accounts are asked within a week, and compare a small simulation with a real run."""
    tell = teller()
    kept = msgspec.json.decode(_COSTS.read_bytes(), type=Kept)
    if measures:
        kept = Kept(data=measure(QUICK if quick else Sizes(), tell), machine=machine())
        if not quick:
            _COSTS.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    week = _breach(kept.data.costs, cores, given)
    if quick:
        week = msgspec.structs.replace(week, accounts=min(week.accounts, 5000), quiet=HOUR)
    tell("the week, with accounts asked in waves and as fast as possible ...")
    names = (f"{week.asked:g} a second", "as fast as possible")
    breaches = [week, msgspec.structs.replace(week, asked=_ALL_AT_ONCE), kept.data.slice]
    with ProcessPoolExecutor(len(breaches)) as pool:
        *weeks, small = pool.map(simulate, breaches, repeat(kept.data.costs))
    results = dict(zip(names, weeks, strict=True))
    report = report_of(kept, week, results, small)
    if write_docs and not quick:
        _keep(report)
    if as_json:
        data = {"breach": week, "measured": kept.data, "weeks": results, "slice": small}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(data), indent=1).decode() + "\n")
        return
    for table in report.tables.values():
        click.echo(f"\n{table.markdown()}")
    click.echo("\n".join(report.notes))


def _breach(costs: Costs, cores: int | None, given: Mapping[str, float]) -> Breach:
    asked, follow, sign_ins = given["asked"], given["follow"], given["sign_ins"]
    hashes = 3 * asked * follow + sign_ins  # a reset has two, and a sign-in follows
    return Breach(
        accounts=int(given["accounts"]),
        asked=asked,
        rate=given["rate"],
        answer=given["answer"],
        requests=given["requests"],
        follow=follow,
        delay=given["delay"] * HOUR,
        sign_ins=sign_ins,
        cores=cores or ceil(hashes * costs.hash / _BUSY),
        seed=int(given["seed"]),
    )


def report_of(kept: Kept, week: Breach, results: Mapping[str, Result], small: Result) -> Report:
    plots = {
        "scale-mails": _plot("Mails to asked accounts that have left", "millions", results, lambda one: one.left / 1e6),
        "scale-database": _plot("Growth of the database", "GB", results, lambda one: one.bytes / 1e9),
        "scale-sign-ins": _plot("99 of 100 sign-ins within, by hour", "ms", results, lambda one: one.p99 * 1000),
    }
    tables = {
        "scale-week": _week(week, results),
        "scale-slice": _slice(kept.data, small),
        "scale-costs": _costs(kept.data),
        "scale-sizes": sizes(read_figures(_RESULTS, kept.data)),
    }
    on = kept.machine
    note = (
        f"Costs and the real run were measured {on['measured']} at {on['commit']} on {on['cores']} cores of"
        f" {on['processor']}, Python {on['python']}; the machine's load was {on['load']} over the quarter of an hour"
        " before the end."
    )
    return Report(tables=tables, plots=plots, notes=[note])


def _plot(title: str, unit: str, results: Mapping[str, Result], shown: Callable[[Hour], float]) -> str:
    series = {
        f"asked {name}": [(number * HOUR, shown(hour)) for number, hour in enumerate(one.hours, 1)]
        for name, one in results.items()
    }
    return lines(title, unit, series, axis=("days", DAY))


def _week(week: Breach, results: Mapping[str, Result]) -> Table:
    spreads = {
        "an asked account's mail leaves after the start": ("leave", ("median", "p95", "last")),
        "it leaves after its account was asked": ("waited", ("median", "p95", "last")),
        "a link that another user requests leaves after": ("requested", ("median", "p95", "last")),
        "a sign-in on the day before": ("quiet", ("median", "p99", "last")),
        "a sign-in meanwhile": ("sign_ins", ("median", "p99", "last")),
        "a reset": ("resets", ("median", "p99", "last")),
    }
    found = results.values()
    rows = [["mails in all", *(f"{one.mails:,}" for one in found)]]
    for name, (field, places) in spreads.items():
        for place in places:
            times = [time(getattr(getattr(one, field), place)) for one in found]
            rows.append([f"{name}: {_PLACES[place]}", *times])
    rows += [
        ["resets that follow", *(f"{one.resets.count:,}" for one in found)],
        [f"of {week.cores} cores that hash, busy", *(f"{one.busy:.0%}" for one in found)],
        ["growth of the database", *(f"{one.bytes / 1e9:.1f} GB" for one in found)],
    ]
    title = f"Simulated: {week.accounts:,} accounts, at most {week.rate:g} mails a second"
    return Table(title=title, headers=["accounts are asked", *results], rows=rows)


_PLACES = {"median": "median", "p95": "95 of 100", "p99": "99 of 100", "last": "the last"}


def _slice(real: Measured, simulated: Result) -> Table:
    rows = list[list[str]]()
    pairs = {
        "mail leaves after the start": (real.leave, simulated.leave),
        "it leaves after its account was asked": (real.waited, simulated.waited),
        "a requested link leaves after": (real.requested, simulated.requested),
    }
    for name, (left, right) in pairs.items():
        for place in ("median", "p95", "last"):
            was, is_ = getattr(left, place), getattr(right, place)
            rows.append([f"{name}: {_PLACES[place]}", f"{was:.2f} s", f"{is_:.2f} s", f"{is_ - was:+.2f} s"])
    plan = real.slice
    title = (
        f"A small breach: {plan.accounts:,} accounts, {plan.asked:g} asked a second, {plan.rate:g} mails a second, both"
        f" workers restarted every {plan.between:g} s"
    )
    return Table(title=title, headers=["", "real", "simulated", "difference"], rows=rows)


def _costs(real: Measured) -> Table:
    costs = real.costs
    tables = sorted(real.tables.items(), key=lambda one: -one[1])
    rows = {
        "a hash, bcrypt at cost 12": f"{costs.hash * 1000:.0f} ms of a core",
        "to ask an account": f"{costs.ask * 1000:.2f} ms of a core",
        f"a worker: to make a mail and hand it over within {ANSWER:g} s": f"{costs.mail * 1000:.2f} ms of a core",
        f"{WORKERS} workers, mails without a rate": f"{figure(real.capacity)} a second",
        **{
            f"share of their rate that they reach if the provider takes {headroom:g} times of it": (
                f"{pace:.0%}, with {refused} answers 429"
            )
            for headroom, pace, refused in real.tight
        },
        "without a mail while both workers restart": f"{costs.restart:.1f} s",
        "a message that waits": f"{figure(costs.waiting)} bytes",
        "a message that was sent": f"{figure(costs.sent)} bytes",
        **{f"  of which {name}": f"{figure(size)} bytes" for name, size in tables if size >= 1},
        "  if no vacuum comes between": f"{figure(real.bloated)} bytes",
        "a reset that was finished": f"{figure(costs.reset)} bytes",
        "sign-ins before the small breach: median, longest": f"{real.quiet[0]:,.0f} ms, {real.quiet[1]:,.0f} ms",
        "sign-ins during it": f"{real.sign_ins[0]:,.0f} ms, {real.sign_ins[1]:,.0f} ms",
    }
    return Table(title="Measured", headers=["", ""], rows=[[name, shown] for name, shown in rows.items()])


def time(seconds: float) -> str:
    """Return a time in the largest unit that it has at least two of, with three places that count."""
    for unit, size in (("days", DAY), ("h", HOUR), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{figure(seconds / size)} {unit}"
    return f"{figure(seconds)} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _keep(report: Report) -> None:
    for name, table in report.tables.items():
        (_RESULTS / f"{name}.md").write_text("\n".join([table.markdown(), *report.notes]) + "\n", "utf-8")
    for name, plot in report.plots.items():
        (_RESULTS / f"{name}.svg").write_text(plot, "utf-8")
        shutil.copyfile(_RESULTS / f"{name}.svg", _PICTURES / f"{name}.svg")
    write_results_into(_DOCUMENT, _RESULTS, "images")


if __name__ == "__main__":
    main()
