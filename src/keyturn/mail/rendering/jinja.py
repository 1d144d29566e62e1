"""Jinja templates, compiled once in a process, however often the app is built."""

import re
import traceback
from functools import cache
from math import inf
from threading import Lock
from types import CodeType

from cachetools import LRUCache
from jinja2 import BytecodeCache, Environment, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.bccache import Bucket

from keyturn.errors import TemplateInvalid


class SharedBytecodeCache(BytecodeCache):
    """Caches compiled files for each language: a filter of that language may have been applied to a constant.

    It is for environments that differ in nothing else. A changed file replaces its old entry. Beyond `most` files, the
    least recently used entry is dropped.
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
    """Return the cache that all of Keyturn's own environments share."""
    return SharedBytecodeCache()


_UNDEFINED = re.compile(r"'(\w+)' is undefined")


def template_invalid(error: Exception, file: str) -> TemplateInvalid:
    """Return the error in terms of the template. Names `file` if the traceback has no template line."""
    if isinstance(error, TemplateSyntaxError):
        # A plain int: an environment that traces its output counts lines in a number type of its own.
        return TemplateInvalid(error.filename or file, int(error.lineno), str(error.message))
    return TemplateInvalid(*_error_place(error, file), _reason(error))


def _error_place(error: Exception, file: str) -> tuple[str, int | None]:
    """Find the innermost template line in a traceback: Jinja rewrites it to point into the templates."""
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if not frame.filename.endswith((".py", ">"))]
    if missing := _UNDEFINED.match(str(error)):  # the macro that received it is not the place where it is missing
        frames = [frame for frame in frames if missing[1] in (frame.line or "")] or frames
    return (frames[-1].filename, frames[-1].lineno) if frames else (file, None)


def _reason(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name}"
    return str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
