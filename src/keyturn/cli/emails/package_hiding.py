"""Starting without what a command does not use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hide_package(package: str) -> Iterator[None]:
    """Let whoever imports the package in this block find none; afterwards it is found as ever.

    Litestar looks for Advanced Alchemy while it is imported (`litestar.pagination`), and with it comes SQLAlchemy:
    30 MB and a third of a second, for a studio without a database.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # as the import system reads it (Python reference, 5.3.1)
    try:
        yield
    finally:
        del sys.modules[package]
