"""breaches: builds an offline file of leaked passwords."""

import re
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import click

from keyturn.errors import KeyturnError
from keyturn.reset.passwords.breach_filter import write_filter

_LINE = re.compile(rb"\s*([0-9A-Fa-f]{40})(?:\s*:\s*(\d[\d,]{,12}))?\s*")
_LONGEST_LINE = 4096


class ListUnreadable(KeyturnError):
    """A list of leaked passwords cannot be read."""


@click.group()
def breaches() -> None:
    """Build an offline file of leaked passwords, for `breaches.source = "file"`."""


@breaches.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--from",
    "listed",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A list of SHA-1 hashes, HASH or HASH:count a line, as Have I Been Pwned's downloader writes it.",
)
@click.option("--plain", is_flag=True, help="The list has plain passwords.")
@click.option("--min-count", default=1, type=click.IntRange(1), help="Skip passwords that leaked less often.")
@click.option(
    "--rate",
    default=0.001,
    show_default=True,
    type=click.FloatRange(1e-9, 0.1),
    help="Share of other passwords that the file takes for leaked.",
)
def build(file: Path, listed: Path, plain: bool, min_count: int, rate: float) -> None:
    """Build FILE, a Bloom filter, from a list.

    Reads the list twice, and needs little memory.

    \b
    Example:  keyturn breaches build leaked.bloom --from pwned.txt --min-count 100
    """
    if plain and min_count > 1:
        raise ListUnreadable("--min-count and --plain exclude each other: a list of plain passwords has no counts")
    try:
        entries = sum(1 for _ in _digests(listed, plain, min_count))
        if not entries:
            raise ListUnreadable(
                f"{listed} has no passwords{f' with a count of at least {min_count}' if min_count > 1 else ''}"
            )
        size = write_filter(file, _digests(listed, plain, min_count), entries, rate)
    except OSError as error:
        raise ListUnreadable(f"{error.filename or file}: {error.strerror}") from None
    click.echo(
        f"Wrote {file}: {entries:,} passwords, {size / 1e6:,.1f} MB; takes 1 in {1 / rate:,.0f} other ones for leaked."
    )


def _digests(listed: Path, plain: bool, min_count: int) -> Iterator[bytes]:
    """Yield the hash of each line that counts. Raises ListUnreadable with the number of an invalid line."""
    with listed.open("rb") as opened:
        for number, line in enumerate(iter(lambda: opened.readline(_LONGEST_LINE), b""), 1):
            text = line.rstrip(b"\r\n")
            if text and plain:
                yield sha1(text, usedforsecurity=False).digest()
            elif text:
                found = _LINE.fullmatch(text)
                if not found:
                    raise ListUnreadable(
                        f"{listed}, line {number}: must be a SHA-1 hash of 40 hex digits, as in HASH or HASH:count"
                    )
                if int((found[2] or b"1").replace(b",", b"")) >= min_count:
                    yield bytes.fromhex(found[1].decode())
