"""Faster imports for a command."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_UNUSED = ("pygments", "watchfiles")


@contextmanager
def quick_imports(*unused: str) -> Iterator[None]:
    """Hide unneeded optional packages, and those named, from the imports in this block; pause garbage collection.

    Uvicorn looks for watchfiles, which it would use to reload code: a megabyte. Mako, which
    Alembic loads, looks for pygments. A later import of one of them finds it.

    Modules throw little away and stay for as long as the process. After the block, later collections skip all objects
    alive at its end (https://docs.python.org/3/library/gc.html#gc.freeze), including objects that these imports did not
    make. To examine them all, during the block and right after, would take a tenth of a start. So the block is for
    imports and the little that triggers them, as migrating triggers Alembic's.
    """
    # None, as the import system reads it (Python reference, 5.3.1)
    hidden: dict[str, Any] = {name: None for name in (*_UNUSED, *unused) if name not in sys.modules}
    sys.modules.update(hidden)
    loaded, was_collecting = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > loaded:
            gc.freeze()
        if was_collecting:
            gc.enable()
        for name in hidden:
            del sys.modules[name]
