"""bcrypt off the event loop, on a bounded pool that yields to everything else."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from keyturn.reset.passwords.hash_formats import bcrypt_cost, fits
from keyturn.reset.passwords.hash_queue import HashQueue
from keyturn.reset.passwords.policy import MAX_BYTES
from keyturn.settings import HashingSettings
from keyturn.telemetry.telemetry import Telemetry

Result = TypeVar("Result")

_WRITTEN = "$2b$"
_DECOY = "." * 53
"""The salt and the digest of a hash that nobody has: its check takes as long as that of any."""

_NICENESS = 10


class PasswordHasher:
    """Hashes with bcrypt; verifies what apps have stored, as `hash_formats` says, whoever wrote it.

    `prefix` ends in `$2a$`, `$2b$` or `$2y$`: other letters for the same algorithm, since some libraries read only
    their own (https://www.openwall.com/crypt/: `$2y$` marks what the corrected `$2a$` does, and OpenBSD's `$2b$`
    differs over 255 bytes alone, which never come here). Django's `bcrypt$$2b$` names its hasher in front.

    bcrypt releases the interpreter's lock, so threads use every core. They run at a lower priority, so that a flood
    of hashes leaves the event loop its share of the processor (OWASP ASVS 6.3.8, 13.2.6).
    """

    def __init__(self, settings: HashingSettings, telemetry: Telemetry | None = None) -> None:
        telemetry = telemetry or Telemetry()
        self._cost = settings.cost
        self._prefix = settings.prefix
        self._workers = settings.workers or os.cpu_count() or 1
        self._queue = HashQueue(self._workers, settings.queue)
        self._pool: ThreadPoolExecutor | None = None
        self._meters = telemetry.meters
        self._tracing = telemetry.tracing

    async def hash(self, password: str) -> str:
        """Return a bcrypt hash, in the line that is reserved: whoever sets a password was allowed to.

        Raises Busy where too many wait already, ValueError over 72 bytes.
        """
        secret = _utf8(password)
        if len(secret) > MAX_BYTES:
            raise ValueError(f"bcrypt takes {MAX_BYTES} bytes at most")
        written = (await self._run(lambda: bcrypt.hashpw(secret, bcrypt.gensalt(self._cost)), reserved=True)).decode()
        return self._prefix + written.removeprefix(_WRITTEN)

    async def verify(self, password: str, password_hash: str | None, *, reserved: bool = False) -> bool:
        """Tell whether the password fits. Raises Busy. `reserved` where whoever shows it is no stranger.

        A no takes as long without a hash as with one of bcrypt at the cost that is set or a lower one, and never less
        (ASVS 6.3.8).
        """
        secret = _utf8(password)
        return await self._run(lambda: self._check(secret, password_hash), reserved=reserved)

    def close(self) -> None:
        """End the threads; the next hash would start others."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _check(self, secret: bytes, password_hash: str | None) -> bool:
        right = fits(secret, password_hash) if password_hash else None
        if not right:
            for cost in self._costs_missing(password_hash if right is False else None):
                bcrypt.checkpw(secret[:MAX_BYTES], f"$2b${cost:02}${_DECOY}".encode())
        return right or False

    def _costs_missing(self, checked: str | None) -> Iterable[int]:
        """Return the costs of the checks that fill up to the cost that is set what a wrong password took.

        Each cost is twice the work of the one before, so that after a check at 10 those at 10 and 11 make it 12. What
        another format took is not known: it gets all of that on top, until its password is changed. What took more
        than the cost that is set cannot be taken back.
        """
        cost = bcrypt_cost(checked) if checked else None
        return (self._cost,) if cost is None else range(cost, self._cost)

    async def _run(self, work: Callable[[], Result], *, reserved: bool) -> Result:
        async with self._queue.turn(reserved=reserved):
            self._pool = self._pool or ThreadPoolExecutor(self._workers, "keyturn-hash", initializer=_yield_to_others)
            with self._tracing.span("password.hash"):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._time_hash, work)

    def _time_hash(self, work: Callable[[], Result]) -> Result:
        start = time.perf_counter()
        try:
            return work()
        finally:
            self._meters.password_hash(time.perf_counter() - start)


def _utf8(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _yield_to_others() -> None:
    # On Linux a thread has a nice value of its own; elsewhere this would slow the whole process down.
    if hasattr(os, "sched_setaffinity"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
