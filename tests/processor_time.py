"""How much of the processor a call takes, whatever else the machine does meanwhile.

Synchronous code is measured with `timeit.repeat(timer=process_time)`.
"""

import gc
import time
from collections.abc import Awaitable, Callable


async def least_seconds(call: Callable[[], Awaitable[object]], *, tries: int = 5, enough: float = 0) -> float:
    """Return the least processor time, of all threads of this process, that a call took in so many tries.

    It stops at the first try below `enough` seconds, so that a test may allow for many. No garbage is collected
    meanwhile, as with `timeit`: neither that of other tests nor the call's own. What only the first call pays is not
    seen: where something of it may be kept, each call must differ.
    """
    least, was_collecting = float("inf"), gc.isenabled()
    gc.disable()
    try:
        for _ in range(tries):
            began = time.process_time()
            await call()
            least = min(least, time.process_time() - began)
            if least < enough:
                break
    finally:
        if was_collecting:
            gc.enable()
    return least
