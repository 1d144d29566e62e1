"""Read an order from standard input, send its load, write what was measured to standard output."""

import asyncio
import gc
import sys
from pathlib import Path

import msgspec
import uvloop

from benchmarks.load.client import Load
from benchmarks.load.messages import Measured, Order, Request


async def _run(order: Order) -> Measured:
    requests = msgspec.json.decode(Path(order.requests).read_bytes(), type=list[Request])
    encoded = [request.encode() for request in requests]
    gc.freeze()
    gc.disable()  # its pauses would be told as the server's
    return await Load(order, encoded).run()


if __name__ == "__main__":
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(msgspec.json.encode(runner.run(_run(told))))
