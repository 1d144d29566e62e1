"""A Bloom filter of leaked passwords in a file: for those who may call nobody.

A header of 32 bytes (the name of the format, bits, hash functions, entries, little-endian), and then the bits. Entries
are SHA-1 hashes, which are evenly spread already: the positions are made of two halves of one (Kirsch and Mitzenmacher,
"Less Hashing, Same Performance"). Every process maps the same pages, so that a gigabyte is in memory once.
"""

import asyncio
import math
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from keyturn.errors import Fault, SettingsInvalid
from keyturn.reset.passwords.breaches import BreachSourceFailed

_HEADER = struct.Struct("<8sQQQ")
_FORMAT = b"KEYTURN1"
_HALVES = struct.Struct("<QQ")
_MOST_FUNCTIONS = 64


class BreachFilter:
    """Reads a filter that `write_filter` made. Raises SettingsInvalid where the file is none, or is cut off."""

    def __init__(self, file: Path) -> None:
        try:
            with file.open("rb") as opened:
                self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            known, self._bits, self._functions, self.entries = _HEADER.unpack_from(self._map)
        except OSError as error:
            raise SettingsInvalid([Fault("breaches.file", f"{error.strerror}: {file}")]) from None
        except (ValueError, struct.error):  # it is empty, or shorter than a header
            known = b""
        if known != _FORMAT or not self._is_whole():
            told = f"no filter, or one that was cut off: {file}; `keyturn breaches build` makes one"
            raise SettingsInvalid([Fault("breaches.file", told)])

    async def holds(self, digest: bytes) -> bool:
        # Where the pages are not in memory yet, each bit waits for the disk.
        return await asyncio.to_thread(self._holds, digest)

    async def close(self) -> None:
        """Keep it: it is a map of a file, and an app that is started again asks again."""

    def _is_whole(self) -> bool:
        size = _HEADER.size + (self._bits + 7) // 8
        return bool(self._bits > 0 and 0 < self._functions <= _MOST_FUNCTIONS and len(self._map) == size)

    def _holds(self, digest: bytes) -> bool:
        try:
            return all(
                self._map[_HEADER.size + (place >> 3)] & (1 << (place & 7))
                for place in _places(digest, self._bits, self._functions)
            )
        except OSError as error:
            raise BreachSourceFailed(error.strerror) from None


def write_filter(file: Path, digests: Iterable[bytes], entries: int, rate: float) -> int:
    """Write a filter for `entries` hashes that takes a share `rate` of all others for one; return its size in bytes.

    It takes the place of `file` once it is whole: who has mapped the old one keeps it. Raises OSError.
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
    return ((first + number * (step | 1)) % bits for number in range(functions))
