"""Reads an order from standard input, sends its load, and writes the measurement to standard output."""

import asyncio
import gc
import sys
from pathlib import Path

import msgspec
import uvloop

from benchmarks.load.client import Load
from benchmarks.load.messages import Measurement, Order, Request


async def _run(order: Order) -> Measurement:
    requests = msgspec.json.decode(Path(order.requests).read_bytes(), type=list[Request])
    encoded = [request.encode() for request in requests]
    gc.freeze()
    gc.disable()  # its pauses would count as the server's
    return await Load(order, encoded).run()


if __name__ == "__main__":
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(msgspec.json.encode(runner.run(_run(order))))
