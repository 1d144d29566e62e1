"""ALTCHA: a browser finds a number whose PBKDF2 begins with a zero byte."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from keyturn.bounded_pool import BoundedPool, PoolFull, cores
from keyturn.extras import requires_extra
from keyturn.service import one_time_secrets
from keyturn.service.client import Client
from keyturn.service.clock import now, unix
from keyturn.service.database import Database
from keyturn.service.keys import derive
from keyturn.service.one_time_secrets import Purpose
from keyturn.service.problems.proofs import Challenge
from keyturn.service.problems.requests import Busy
from keyturn.service.reset.proofs.judge import ACTION, AnswerFault

_LIFE = timedelta(minutes=10)
_ALGORITHM = "PBKDF2/SHA-256"
_LONGEST_ANSWER = 4_096
"""Characters of an answer that are read; 550 to 790 are usual."""

_COST = 5_000
"""Rounds of PBKDF2 for one guess at a puzzle. A browser needs 256 guesses on average, which take
about a second.
"""

_WAITING = 64


class Altcha:
    """Makes puzzles without storing them, and accepts each solution once.

    The first of `keys` signs each puzzle with `host` and its purpose; all of them verify. Deriving
    a key takes 8 ms, so the signature and an earlier use are checked first: only a puzzle of
    Keyturn's own costs that time, and only until it is solved.
    """

    widget = Challenge("altcha", "", ACTION)

    def __init__(self, keys: Sequence[str], host: str, database: Database) -> None:
        with requires_extra("altcha", "altcha", "challenge.method"):
            import altcha
        self._library = altcha
        self._keys = [derive(key, "challenges") for key in keys]
        self._bound = {"action": ACTION, "host": host}
        self._database = database
        self._pool = BoundedPool("keyturn-altcha", cores(), _WAITING)

    def issue(self) -> Mapping[str, Any]:
        """Return a fresh puzzle. Its only cost is a signature."""
        end = int(unix() + _LIFE.total_seconds())
        puzzle = self._library.create_challenge(
            _ALGORITHM, _COST, expires_at=end, data=self._bound, hmac_secret=self._keys[0]
        )
        return puzzle.to_dict()

    async def verify(self, answer: str, client: Client) -> AnswerFault | None:
        del client
        try:
            written: Any = self._library.Payload.from_base64(answer[:_LONGEST_ANSWER])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return "malformed"
        key = None
        for one in self._keys:
            # The function in place of the derivation makes this cheap: it shows whether a key fits.
            verdict = self._library.verify_solution(written, one, lambda *_: b"")
            if verdict.expired:
                return "expired"
            if not verdict.invalid_signature:
                key = key or one
        if key is None:
            return "forged"
        # They have the right types: a process of this service has signed them.
        signed = written.challenge.parameters
        if signed.data != self._bound:
            return "elsewhere"
        if signed.expires_at <= unix():  # the library reads the machine's clock, not the service's
            return "expired"
        # The digest is that of the nonce, which is signed: an answer's other parts may be spelled
        # in several ways.
        nonce = one_time_secrets.key_of(f"altcha {signed.nonce}")
        # Without this check, a puzzle that was solved once would cost a derivation each time that a
        # client sends it.
        if await self._is_spent(nonce):
            return "replayed"
        if not await self._is_solved(written, key):
            return "wrong"
        if not await self._spend(nonce, datetime.fromtimestamp(signed.expires_at, UTC)):
            return "replayed"
        return None

    async def _is_spent(self, nonce: bytes) -> bool:
        spent = await one_time_secrets.look_up(self._database, nonce, Purpose.SPENT)
        return spent is not None

    async def _is_solved(self, written: Any, key: bytes) -> bool:
        verify = partial(self._library.verify_solution, written, key)
        try:
            verdict = await self._pool.run(verify)
        except PoolFull:
            raise Busy from None
        return bool(verdict.verified)

    async def _spend(self, nonce: bytes, until: datetime) -> bool:
        """Use an answer up; of concurrent requests exactly one gets True."""
        key = Purpose.SPENT, nonce
        return await self._database.transact(
            lambda connection: one_time_secrets.take(connection, key, "", now(), until)
        )

    async def close(self) -> None:
        self._pool.close()
