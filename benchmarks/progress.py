"""Progress of a measurement on the terminal. It goes to standard error, so `--json` prints only JSON."""

import time
from collections.abc import Callable

import click

Tell = Callable[[str], None]


def teller() -> Tell:
    """Return a function that prints a line behind the minutes and seconds since this call."""
    begun = time.monotonic()

    def tell(line: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - begun), 60)
        click.echo(f"{minutes:3d}:{seconds:02d}  {line}", err=True)

    return tell
