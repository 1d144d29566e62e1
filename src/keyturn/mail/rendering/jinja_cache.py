"""Jinja templates that are compiled once in a process, however often the app is built."""

from functools import cache
from math import inf
from threading import Lock
from types import CodeType

from cachetools import LRUCache
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket


class SharedBytecodeCache(BytecodeCache):
    """Keeps what was compiled of a file in a language: a filter of that language may have been applied to a constant.

    It is for environments that differ in nothing else. A file that was changed takes the place of the one before, and
    of more than `most` files the one that was asked for longest ago is forgotten.
    """

    def __init__(self, most: float = inf) -> None:
        self._known: LRUCache[str, tuple[str, CodeType | None]] = LRUCache(most)
        self._lock = Lock()

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        language = environment.globals.get("lang", "")
        bucket = Bucket(environment, f"{language} {name} {filename}", self.get_source_checksum(source))
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        with self._lock:
            checksum, code = self._known.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        with self._lock:
            self._known[bucket.key] = bucket.checksum, bucket.code


@cache
def shared_bytecode_cache() -> SharedBytecodeCache:
    """Return what all of Keyturn's own environments share."""
    return SharedBytecodeCache()
