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
    """A list of leaked passwords is not what it was said to be."""


@click.group()
def breaches() -> None:
    """Make a file of leaked passwords, in which `breaches.source = "file"` looks."""


@breaches.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--from",
    "listed",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Lines of HASH or HASH:count, SHA-1, as Have I Been Pwned's downloader writes them.",
)
@click.option("--plain", is_flag=True, help="Lines are passwords instead.")
@click.option("--min-count", default=1, type=click.IntRange(1), help="Only those that were seen so many times.")
@click.option(
    "--rate",
    default=0.001,
    show_default=True,
    type=click.FloatRange(1e-9, 0.1),
    help="The share of all other passwords that is taken for leaked.",
)
def build(file: Path, listed: Path, plain: bool, min_count: int, rate: float) -> None:
    """Make FILE, a Bloom filter, of a list. The list is read twice, and nothing of it kept in memory.

    \b
    Example:  keyturn breaches build leaked.bloom --from pwned.txt --min-count 100
    """
    if plain and min_count > 1:
        raise ListUnreadable("--min-count says nothing of --plain: a password has no count")
    try:
        entries = sum(1 for _ in _digests(listed, plain, min_count))
        if not entries:
            raise ListUnreadable(f"{listed} holds nothing that counts")
        size = write_filter(file, _digests(listed, plain, min_count), entries, rate)
    except OSError as error:
        raise ListUnreadable(f"{error.filename or file}: {error.strerror}") from None
    click.echo(
        f"Wrote {file}: {entries:,} passwords, {size / 1e6:,.1f} MB; takes 1 in {1 / rate:,.0f} others for leaked."
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
                    raise ListUnreadable(f"{listed}, line {number}: no SHA-1 of 40 hex digits, as in HASH:count")
                if int((found[2] or b"1").replace(b",", b"")) >= min_count:
                    yield bytes.fromhex(found[1].decode())
