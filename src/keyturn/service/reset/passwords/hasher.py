"""Hashes passwords off the event loop, on a bounded pool of low priority."""

import contextlib
import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import bcrypt

from keyturn.bounded_pool import BoundedPool, PoolFull, cores
from keyturn.service.accounts.hash_formats import bcrypt_cost, fits
from keyturn.service.accounts.hash_writers import write_hash
from keyturn.service.problems.requests import Busy
from keyturn.service.settings import BCRYPT_PREFIXES, HashingSettings
from keyturn.service.telemetry.meters import Meters

Result = TypeVar("Result")

_DECOY = "." * 53
"""The salt and digest of a hash that no account has. Its check takes as long as any other."""

_NICENESS = 1
"""What is added to the nice value of the threads.

At 1, neither requests nor sign-ins starve. At 10, a flood on one core left sign-ins a tenth of it.
"""


class PasswordHasher:
    """Hashes and checks passwords on threads of low priority.

    A flood of sign-ins leaves the event loop its share of the processor (OWASP ASVS 13.2.6).
    """

    def __init__(self, settings: HashingSettings, meters: Meters | None = None) -> None:
        self._settings = settings
        threads = settings.workers or cores()
        self._pool = BoundedPool(
            "keyturn-hash", threads, settings.queue, initializer=_yield_to_others
        )
        self._meters = meters or Meters()

    def close(self) -> None:
        self._pool.close()

    async def hash(self, password: str) -> str:
        """Return a hash in the settings' format. The call waits in the reserved line.

        Raises Busy, and ValueError for a password over `max_bytes`.
        """
        return await self._run(partial(write_hash, _utf8(password), self._settings), reserved=True)

    async def verify(
        self, password: str, password_hash: str | None, *, reserved: bool = False
    ) -> bool:
        """Tell whether the password fits the hash. False without a hash.

        A stranger's failed check takes as long without a hash as with one of the settings' format
        and cost, or with one of bcrypt at a lower cost. So the time does not tell which addresses
        have an account (ASVS 6.3.8).

        `reserved`: the client has a working link or an open session. Raises Busy.
        """
        check = partial(self._check, _utf8(password), password_hash, reserved=reserved)
        return await self._run(check, reserved=reserved)

    async def _run(self, work: Callable[[], Result], *, reserved: bool) -> Result:
        def timed() -> Result:
            with self._meters.password_hash.time():
                return work()

        try:
            return await self._pool.run(timed, reserved=reserved)
        except PoolFull:
            raise Busy from None

    def _check(self, secret: bytes, password_hash: str | None, *, reserved: bool) -> bool:
        right = fits(secret, password_hash) if password_hash else None
        if not right and not reserved:
            self._fill_up(secret, password_hash if right is False else None)
        return right or False

    def _fill_up(self, secret: bytes, checked: str | None) -> None:
        """Do the remaining work after a failed check, so that every failure takes as long.

        Each step of bcrypt's cost doubles the work. So a check at cost 10, followed by checks at 10
        and 11, takes as long as one at 12. After a check of another format, a whole hash follows. A
        check that takes longer than the settings' cost remains visible.

        `checked`: the hash that was checked; None if there was none, or none of a known format.
        """
        settings = self._settings
        if settings.format in BCRYPT_PREFIXES:
            cost = bcrypt_cost(checked) if checked else None
            for missing in (settings.cost,) if cost is None else range(cost, settings.cost):
                bcrypt.checkpw(secret[: settings.max_bytes], f"$2b${missing:02}${_DECOY}".encode())
        elif not (checked or "").startswith(settings.hash_start):
            write_hash(secret[: settings.max_bytes], settings)


def _utf8(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _yield_to_others() -> None:
    # On Linux each thread has its own nice value. Elsewhere this would slow down the whole process.
    if hasattr(os, "sched_setaffinity"):
        # A filter of system calls may refuse it, such as systemd's `SystemCallFilter=~@resources`.
        with contextlib.suppress(OSError):
            os.nice(_NICENESS)  # added to the process's own value, which only root may lower
