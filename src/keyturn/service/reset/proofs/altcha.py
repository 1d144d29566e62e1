"""ALTCHA puzzles, made and checked in this process: a browser finds a number whose PBKDF2 begins with a zero byte."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from keyturn.packaging import requires_extra
from keyturn.service import secrets
from keyturn.service.clock import now, unix
from keyturn.service.database import Database
from keyturn.service.keys import derive
from keyturn.service.problems.proofs import Challenge
from keyturn.service.reset.bounded_pool import BoundedPool, cores
from keyturn.service.reset.proofs.challenge import ACTION, ChallengeJudge, Fault
from keyturn.service.reset.records.client import Client
from keyturn.service.secrets import Purpose

_LIFE = timedelta(minutes=10)
_ALGORITHM = "PBKDF2/SHA-256"
_LONGEST_ANSWER = 4_096
"""Characters that are read; 550 to 790 are usual."""

_COST = 5_000
"""Rounds of PBKDF2 for one guess at a puzzle; a browser needs 256 guesses on average, which take it about a second."""

_WAITING = 64


class Altcha(ChallengeJudge):
    """Makes puzzles without storing them, and takes each solution once.

    The first of `keys` signs, all of them verify. The library signs each puzzle together with `host` and its purpose. A
    derivation takes 8 ms, so the signature and an earlier use are checked before it. An answer therefore costs no more
    than the settings allow, whatever it says, and only once. All processes share the database that remembers it.
    """

    asked = Challenge("altcha", "", ACTION)

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

    async def verify(self, answer: str, client: Client) -> Fault | None:
        del client
        try:
            written: Any = self._library.Payload.from_base64(answer[:_LONGEST_ANSWER])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return "malformed"
        for key in self._keys:
            verdict = self._library.verify_solution(written, key, lambda *_: b"")  # without a derivation
            if verdict.expired:
                return "expired"
            if not verdict.invalid_signature:
                break
        else:
            return "forged"
        signed = written.challenge.parameters  # of their types: this process, or one like it, has made them
        if signed.data != self._bound:
            return "elsewhere"
        if signed.expires_at <= unix():  # the library asks the machine's clock
            return "expired"
        # The digest is of the nonce, which is signed: every other part of an answer has several valid spellings.
        spent = Purpose.SPENT, secrets.key_of(f"altcha {signed.nonce}")
        # Without this check, a puzzle that was solved once would cost a derivation each time a client sends it.
        if await self._database.read(lambda connection: secrets.find(connection, spent[1], spent[0])):
            return "replayed"
        if not (await self._pool.run(partial(self._library.verify_solution, written, key))).verified:
            return "wrong"
        # Of any number of calls at once, the count of one is 1.
        until = datetime.fromtimestamp(signed.expires_at, UTC)
        taken = await self._database.transact(
            lambda connection: secrets.count_try(connection, *spent, now(), until=until)
        )
        return "replayed" if taken.tries > 1 else None

    async def close(self) -> None:
        self._pool.close()
