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
        if reserved:
            check = partial(_fits, _utf8(password), password_hash)
        else:
            check = partial(self._check_of_stranger, _utf8(password), password_hash)
        return await self._run(check, reserved=reserved)

    async def _run(self, work: Callable[[], Result], *, reserved: bool) -> Result:
        def timed() -> Result:
            with self._meters.password_hash.time():
                return work()

        try:
            return await self._pool.run(timed, reserved=reserved)
        except PoolFull:
            raise Busy from None

    def _check_of_stranger(self, secret: bytes, password_hash: str | None) -> bool:
        """Check a password, and do the remaining work if it is wrong: every failure takes as long.

        A check that takes longer than the settings' cost remains visible.
        """
        right = fits(secret, password_hash) if password_hash else None
        if right:
            return True
        # `fits` checks nothing, and returns None, for a hash of an unknown format.
        checked = "" if right is None else password_hash or ""
        if self._settings.format in BCRYPT_PREFIXES:
            self._fill_up_bcrypt(secret, checked)
        elif not checked.startswith(self._settings.hash_start):
            write_hash(secret[: self._settings.max_bytes], self._settings)
        return False

    def _fill_up_bcrypt(self, secret: bytes, checked: str) -> None:
        """Do what is left of the work of a check with bcrypt at the settings' cost.

        Each step of the cost doubles the work. So a check at cost 10, followed by checks at 10 and
        11, takes as long as one at 12.

        `checked`: the hash that was checked; "" if there was none.
        """
        settings = self._settings
        cost = bcrypt_cost(checked)
        missing = [settings.cost] if cost is None else range(cost, settings.cost)
        for each in missing:
            bcrypt.checkpw(secret[: settings.max_bytes], f"$2b${each:02}${_DECOY}".encode())


def _fits(secret: bytes, password_hash: str | None) -> bool:
    return bool(password_hash and fits(secret, password_hash))


def _utf8(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _yield_to_others() -> None:
    # On Linux each thread has its own nice value. Elsewhere this would slow down the whole process.
    if hasattr(os, "sched_setaffinity"):
        # A filter of system calls may refuse it, such as systemd's `SystemCallFilter=~@resources`.
        with contextlib.suppress(OSError):
            os.nice(_NICENESS)  # added to the process's own value, which only root may lower
