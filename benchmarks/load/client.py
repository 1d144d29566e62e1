"""The program that sends a load: it keeps its connections open and sends one request at a time on
each.

It reads an order from standard input, and writes the measurement to standard output.
"""

import asyncio
import contextlib
import gc
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, time
from typing import cast

import httptools
import msgspec
import uvloop

from benchmarks.load.messages import Measurement, Order, Request
from benchmarks.load.percentiles import is_flat, percentile
from benchmarks.processes import tree_seconds

_LONGEST = 60.0
"""Seconds that the client waits for outstanding answers after the end."""

_LONGEST_LOAD = 7200.0
"""The longest time in seconds for a load without a fixed duration."""

_TICK = 0.002

NO_ANSWER = 0


class Load:
    """Sends the requests of an order and measures the answers."""

    def __init__(self, order: Order, requests: Sequence[bytes]) -> None:
        self._order = order
        self._requests = requests
        self._most = order.most or (len(requests) if not order.seconds else 0)
        self._sent = 0
        self._under_way = 0
        self._stopped = asyncio.Event()
        self._stopping = False
        self._paced_from: float | None = None
        self._idle: list[_Connection] = []
        self._times: list[float] = []
        self._statuses = Counter[int]()
        self.answers: list[int] = [NO_ANSWER] * self._most

    async def run(self) -> Measurement:
        order = self._order
        connections = [_Connection(self, order.port) for _ in range(order.connections)]
        await asyncio.gather(*(one.open() for one in connections))
        self._paced_from = perf_counter() if order.pace else None
        pacing = asyncio.create_task(self._pace())
        for connection in connections:
            self.next_on(connection)
        try:
            await self._warm_up()
            return await self._measure()
        finally:
            pacing.cancel()
            for connection in connections:
                connection.close()

    async def _warm_up(self) -> None:
        begun, rates = perf_counter(), list[float]()
        while perf_counter() - begun < self._order.warm_up and not is_flat(rates):
            before, moment = len(self._times), perf_counter()
            await asyncio.sleep(self._order.window)
            rates.append((len(self._times) - before) / (perf_counter() - moment))

    async def _measure(self) -> Measurement:
        order = self._order
        first, begun, cpu = len(self._times), perf_counter(), self._processor_time()
        self._statuses.clear()
        windows: list[float] = []
        watching = asyncio.create_task(self._watch(windows))
        if order.seconds:
            await asyncio.sleep(order.seconds)
        else:
            async with asyncio.timeout(_LONGEST_LOAD):
                await self._stopped.wait()
        seconds, ended = perf_counter() - begun, time()
        cpu = {name: after - cpu[name] for name, after in self._processor_time().items()}
        times = sorted(self._times[first:])
        statuses = dict(self._statuses)
        watching.cancel()
        await self._stop()
        return Measurement(
            requests=len(times),
            seconds=seconds,
            statuses=statuses,
            cpu=cpu,
            sent=self._sent,
            ended=ended,
            windows=windows,
            answers=self.answers,
            p50=percentile(times, 0.5) * 1e3 if times else 0,
            p99=percentile(times, 0.99) * 1e3 if times else 0,
        )

    async def _stop(self) -> None:
        self._stopping = True
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST):
                    await self._stopped.wait()

    def _processor_time(self) -> dict[str, float]:
        return {name: tree_seconds(pid) for name, pid in self._order.processes.items()}

    async def _watch(self, windows: list[float]) -> None:
        while True:
            first = len(self._times)
            await asyncio.sleep(self._order.window)
            if times := sorted(self._times[first:]):
                windows.append(percentile(times, 0.99) * 1e3)

    async def _pace(self) -> None:
        while self._order.pace:
            await asyncio.sleep(_TICK)
            idle, self._idle = self._idle, []
            for connection in idle:
                self.next_on(connection)

    def next_on(self, connection: "_Connection") -> None:
        """Send the next request if one is due; otherwise leave the connection idle."""
        if self._stopping or (self._most and self._sent >= self._most):
            if not self._under_way:
                self._stopped.set()
            return
        now = perf_counter()
        due = now if self._paced_from is None else self._paced_from + self._sent / self._order.pace
        if due > now:
            self._idle.append(connection)
            return
        number = self._sent
        self._sent += 1
        self._under_way += 1
        connection.send(
            number, self._requests[(self._order.first + number) % len(self._requests)], due
        )

    def answered(self, number: int, due: float, status: int) -> None:
        self._times.append(perf_counter() - due)
        self._statuses[status] += 1
        if number < len(self.answers):
            self.answers[number] = status
        self._under_way -= 1


class _Connection(asyncio.Protocol):
    """Keeps a connection open, and reopens it if the server closes it."""

    def __init__(self, load: Load, port: int) -> None:
        self._load = load
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._under_way: tuple[int, float] | None = None
        self._waiting: tuple[int, bytes, float] | None = None
        self._closed = False
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)

    def close(self) -> None:
        self._closed = True
        if self._transport:
            self._transport.close()

    def send(self, number: int, request: bytes, due: float) -> None:
        if self._transport is None:
            self._waiting = (number, request, due)
            self._opening = asyncio.create_task(self.open())
            return
        self._under_way = (number, due)
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's class has its methods but does not inherit from it
        if waiting := self._waiting:
            self._waiting = None
            self.send(*waiting)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        keep = self._parser.should_keep_alive()
        if not keep and self._transport:
            self._transport.close()
            self._transport = None
        self._answer(self._parser.get_status_code())

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        if not self._closed and self._under_way:
            self._answer(NO_ANSWER)

    def _answer(self, status: int) -> None:
        assert self._under_way
        (number, due), self._under_way = self._under_way, None
        self._load.answered(number, due, status)
        self._load.next_on(self)


async def _run(order: Order) -> Measurement:
    requests = msgspec.json.decode(Path(order.requests).read_bytes(), type=list[Request])
    encoded = [request.encode() for request in requests]
    gc.freeze()
    gc.disable()  # its pauses would count as the server's
    return await Load(order, encoded).run()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
        sys.stdout.buffer.write(msgspec.json.encode(runner.run(_run(order))))
