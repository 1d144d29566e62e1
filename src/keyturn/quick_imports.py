"""Imports of what a command needs, in less time."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_UNUSED = ("advanced_alchemy", "pygments", "watchfiles")


@contextmanager
def quick_imports() -> Iterator[None]:
    """Let whoever imports in this block find nothing that only others need, and collect no garbage meanwhile.

    Litestar looks for Advanced Alchemy while it is imported (`litestar.pagination`), and all of it comes, with the
    whole of SQLAlchemy's ORM: for a studio without a database 30 MB and a third of a second, for a service 7 MB and a
    fifth of its start. Uvicorn looks for watchfiles, with which it would reload code, a megabyte; Mako, which Alembic
    loads, for pygments. Who imports one of them afterwards finds it.

    Modules throw little away and stay for as long as the process. Where some were loaded, later collections leave out
    whatever is alive at the end of the block (https://docs.python.org/3/library/gc.html#gc.freeze), also what is not of
    these imports. To look at all of it, meanwhile and right after, would take a tenth of a start. So the block is for
    imports, and for the little that brings them, as migrating brings Alembic.
    """
    hidden = {name: None for name in _UNUSED if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # as the import system reads it (Python reference, 5.3.1)
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
