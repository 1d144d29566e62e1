"""How much of the processor a call takes, whatever else the machine does meanwhile.

What is no coroutine is measured by `timeit` with `process_time` for its timer.
"""

import gc
import time
from collections.abc import Awaitable, Callable


async def least_seconds(call: Callable[[], Awaitable[object]], *, tries: int = 5, enough: float = 0) -> float:
    """Return the least processor time, of all threads of this process, that a call took in so many tries.

    No other follows a try that took less than `enough` seconds: whoever only wants to know whether a call can be as
    cheap as that may allow for many. Like `timeit`, it keeps the garbage of other tests from being collected meanwhile.
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
