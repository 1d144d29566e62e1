"""Jinja templates that are compiled once in a process, however often the app is built."""

from functools import cache
from types import CodeType

from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket


class SharedBytecodeCache(BytecodeCache):
    """Keeps what was compiled of a file in a language: a filter of that language may have been applied to a constant.

    It is for environments that differ in nothing else. A file that was changed takes the place of the one before.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, CodeType | None]] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        language = environment.globals.get("lang", "")
        bucket = Bucket(environment, f"{language} {filename or name}", self.get_source_checksum(source))
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._known.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.checksum, bucket.code


@cache
def shared_bytecode_cache() -> SharedBytecodeCache:
    """Return what all of Keyturn's own environments share."""
    return SharedBytecodeCache()
