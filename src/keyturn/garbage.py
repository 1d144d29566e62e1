"""How seldom a process collects garbage (https://docs.python.org/3/library/gc.html)."""

import gc

_NEW_OBJECTS = 10_000
"""New objects since the last collection that trigger the next one.

Modules that load make hundreds of thousands, and no garbage. The interpreter's default, 700 in
Python 3.11, is also less than some dozens of open requests hold.
"""


def collect_seldom(*, loaded: bool = False) -> None:
    """Collect only after many new objects, and once all is `loaded`, never the current ones, which
    stay to the end.

    Collecting them would stop all requests for a tenth of a second now and then.
    """
    gc.set_threshold(_NEW_OBJECTS)
    if loaded:
        gc.freeze()
