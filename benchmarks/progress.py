"""What is told on the terminal while something is measured: on standard error, so that `--json` stays clean."""

import time
from collections.abc import Callable

import click

Tell = Callable[[str], None]


def teller() -> Tell:
    """Return what tells a line, with the minutes and seconds since now before it."""
    begun = time.monotonic()

    def tell(line: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - begun), 60)
        click.echo(f"{minutes:3d}:{seconds:02d}  {line}", err=True)

    return tell
