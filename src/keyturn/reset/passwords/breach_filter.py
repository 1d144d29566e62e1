"""A Bloom filter of leaked passwords in a file, for installations that may not call other services.

The header has 32 bytes, little-endian: the name of the format, bits, hash functions, entries. The bits follow. Entries
are SHA-1 hashes, which are evenly distributed: two halves of a hash give its positions (Kirsch and Mitzenmacher, "Less
Hashing, Same Performance"). The system's cache keeps the parts that were read, once for all processes.
"""

import asyncio
import math
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from keyturn.errors import Fault, SettingsInvalid
from keyturn.reset.passwords.breaches import BreachSourceFailed

_HEADER = struct.Struct("<8sQQQ")
_FORMAT = b"KEYTURN1"
_HALVES = struct.Struct("<QQ")
_MOST_FUNCTIONS = 64


class _NoFilter(Exception):
    """The file is no filter, or was truncated."""


class BreachFilter:
    """Reads a filter that `write_filter` made. Raises SettingsInvalid if the file is no filter or was truncated.

    The file is opened for each password and not mapped. A replaced file is thus in use from the next password on. If
    the file is truncated, the source fails; a mapping would end the process.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            with file.open("rb") as opened:
                self.entries = _read_header(opened).entries
        except OSError as error:
            raise SettingsInvalid([Fault("breaches.file", f"{error.strerror}: {file}")]) from None
        except _NoFilter:
            told = f"not a complete file of leaked passwords: {file}; build it with `keyturn breaches build`"
            raise SettingsInvalid([Fault("breaches.file", told)]) from None

    async def holds(self, digest: bytes) -> bool:
        return await asyncio.to_thread(self._holds, digest)  # each bit may wait for the disk

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _holds(self, digest: bytes) -> bool:
        try:
            with self._file.open("rb", buffering=0) as opened:
                header = _read_header(opened)
                return all(_has_bit(opened, place) for place in _places(digest, header.bits, header.functions))
        except OSError as error:
            raise BreachSourceFailed(f"the file cannot be read: {error.strerror}") from None
        except _NoFilter:
            raise BreachSourceFailed("the file is no longer a file of leaked passwords") from None


class _Header(NamedTuple):
    known_as: bytes
    bits: int
    functions: int
    entries: int


def _read_header(opened: BinaryIO) -> _Header:
    """Return the header of the file. Raises OSError, _NoFilter."""
    read = opened.read(_HEADER.size)
    if len(read) < _HEADER.size:
        raise _NoFilter
    header = _Header(*_HEADER.unpack(read))
    is_whole = os.fstat(opened.fileno()).st_size == _HEADER.size + (header.bits + 7) // 8
    if header.known_as != _FORMAT or not header.bits or not 0 < header.functions <= _MOST_FUNCTIONS or not is_whole:
        raise _NoFilter
    return header


def _has_bit(opened: BinaryIO, place: int) -> bool:
    opened.seek(_HEADER.size + (place >> 3))
    byte = opened.read(1)
    if not byte:
        raise _NoFilter
    return bool(byte[0] & (1 << (place & 7)))


def write_filter(file: Path, digests: Iterable[bytes], entries: int, rate: float) -> int:
    """Write a filter for `entries` hashes and return its size in bytes.

    `rate`: the share of all other hashes that the filter mistakes for entries. The finished filter replaces `file`.
    Raises OSError.
    """
    bits = max(64, math.ceil(-entries * math.log(rate) / math.log(2) ** 2))
    functions = min(_MOST_FUNCTIONS, max(1, round(bits / max(1, entries) * math.log(2))))
    size = _HEADER.size + (bits + 7) // 8
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("w+b") as opened:
            opened.truncate(size)
            with mmap.mmap(opened.fileno(), size) as written:
                written[: _HEADER.size] = _HEADER.pack(_FORMAT, bits, functions, entries)
                for digest in digests:
                    for place in _places(digest, bits, functions):
                        written[_HEADER.size + (place >> 3)] |= 1 << (place & 7)
                written.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return size


def _places(digest: bytes, bits: int, functions: int) -> Iterator[int]:
    first, step = _HALVES.unpack_from(digest)
    place, step = first % bits, (step | 1) % bits  # small numbers: sums over 64 bits take twice as long
    for _ in range(functions):
        yield place
        place = (place + step) % bits
