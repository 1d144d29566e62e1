"""Measures how close `PasswordHasher` comes to a bare bcrypt loop on all cores. Hashes bound sign-ins and resets."""

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import bcrypt

from benchmarks.budgets import report_of
from benchmarks.budgets.figure import Figure
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report
from keyturn.reset.passwords.hasher import PasswordHasher
from keyturn.settings import HashingSettings

HASHES, ROUNDS, COST = 24, 3, 12


def measure(_: Plan, tell: Tell) -> Report:
    return report_of("hashing", "Hashes on all cores", _figures(), tell)


def _figures() -> Iterator[Figure]:
    bare, ours, longest = [], [], []
    for _ in range(ROUNDS):
        bare.append(HASHES / _bare())
        seconds, stall = asyncio.run(_pooled())
        ours.append(HASHES / seconds)
        longest.append(stall * 1000)
    yield Figure(name="bare bcrypt loop, all cores", value=median(bare), unit="/s")
    yield Figure(name="PasswordHasher", value=median(ours), unit="/s")
    share = median(one / other for one, other in zip(ours, bare, strict=True))
    yield Figure(name="PasswordHasher, share of the bare loop", value=share, unit="", budget=0.95, at_least=True)
    yield Figure(name="longest stall of the event loop meanwhile", value=median(longest), unit="ms")


def _bare() -> float:
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        start = time.perf_counter()
        list(pool.map(lambda _: bcrypt.hashpw(b"correct horse battery", bcrypt.gensalt(COST)), range(HASHES)))
        return time.perf_counter() - start


async def _pooled() -> tuple[float, float]:
    hasher = PasswordHasher(HashingSettings(cost=COST))
    await asyncio.gather(*(hasher.hash("warm") for _ in range(os.cpu_count() or 1)))
    stalls: list[float] = []
    watch = asyncio.create_task(_watch(stalls))
    start = time.perf_counter()
    await asyncio.gather(*(hasher.hash("correct horse battery") for _ in range(HASHES)))
    seconds = time.perf_counter() - start
    watch.cancel()
    hasher.close()
    return seconds, max(stalls)


async def _watch(stalls: list[float]) -> None:
    pause = 0.005
    while True:
        start = time.perf_counter()
        await asyncio.sleep(pause)
        stalls.append(time.perf_counter() - start - pause)
