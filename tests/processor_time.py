"""The processor time of a call, independent of other work on the machine.

Synchronous code is measured with `timeit.repeat(timer=process_time)`.
"""

import gc
import time
from collections.abc import Awaitable, Callable


async def least_seconds(call: Callable[[], Awaitable[object]], *, tries: int = 5, enough: float = 0) -> float:
    """Return the least processor time of a call among several tries, over all threads of this process.

    It stops at the first try below `enough` seconds, so a test may allow many tries. The garbage collector is off, as
    with `timeit`. The least time hides the costs of a first call, so each call must differ if results are cached.
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
