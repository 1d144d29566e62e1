"""Keeps the compiled pages of the studio between two starts, as Python keeps the bytecode of modules.

To compile them takes a third of the time from a start to the first preview.
"""

import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version

from jinja2 import BytecodeCache, FileSystemBytecodeCache
from jinja2.bccache import Bucket

from keyturn.mail.rendering.jinja import shared_bytecode_cache
from keyturn.studio.cache_folder import own_cache_folder


class _CompiledPages(FileSystemBytecodeCache):
    """One file for each page. A page of another version of Keyturn or Python is compiled again."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:  # noqa: ARG002 - wherever it is
        return super().get_cache_key(name)

    def get_source_checksum(self, source: str) -> str:
        return super().get_source_checksum(f"{version('keyturn')} {source}")

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # such as a full disk: the next start compiles the page again
            super().dump_bytecode(bucket)


@cache
def compiled_pages() -> BytecodeCache:
    """Return the cache of the pages: in the user's cache folder, or in memory if that is not the user's alone."""
    folder = own_cache_folder("pages")
    return _CompiledPages(os.fspath(folder), "%s.code") if folder else shared_bytecode_cache()
