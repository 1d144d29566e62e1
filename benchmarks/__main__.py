"""Run the benchmarks and print a row for each figure, with the budget beside it."""

import sys
from collections.abc import Callable, Iterable

import click
import msgspec

from benchmarks import hashing, inbox, mail, start, studio, throughput
from benchmarks.figure import Figure

BENCHMARKS: dict[str, Callable[[], Iterable[Figure]]] = {
    "mail": mail.measure,
    "start": start.measure,
    "studio": studio.measure,
    "inbox": inbox.measure,
    "hashing": hashing.measure,
    "throughput": throughput.measure,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--json", "as_json", is_flag=True, help="One JSON array at the end, for machines.")
def main(names: tuple[str, ...], as_json: bool) -> None:
    """Measure all, or those NAMES."""
    figures: list[Figure] = []
    for name in names or BENCHMARKS:
        click.echo(f"{name} ...", err=True)
        for figure in BENCHMARKS[name]():
            figures.append(figure)
            if not as_json:
                click.echo(f"  {figure.name:<58} {figure.value:>10.3g} {figure.unit:<6} {figure.verdict()}")
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(figures), indent=2).decode() + "\n")


main()
