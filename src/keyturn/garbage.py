"""Makes a process collect garbage seldom (https://docs.python.org/3/library/gc.html)."""

import gc

_NEW_OBJECTS = 10_000
"""New objects since the last collection that trigger the next one.

Modules that load make hundreds of thousands, and no garbage. The interpreter's default, 700 in
Python 3.11, is also less than some dozens of open requests hold.
"""


def collect_seldom(*, loaded: bool = False) -> None:
    """Collect garbage only after many new objects.

    `loaded`: all modules are loaded, so the objects of this moment stay to the end and are never
    looked at again. That would stop all requests for a tenth of a second now and then.
    """
    gc.set_threshold(_NEW_OBJECTS)
    if loaded:
        gc.freeze()
