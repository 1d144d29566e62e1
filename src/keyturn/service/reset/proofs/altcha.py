"""ALTCHA puzzles, made and checked in this process: a browser finds a number whose PBKDF2 begins with a zero byte."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from keyturn.packaging import requires_extra
from keyturn.service import secrets
from keyturn.service.clock import now, unix
from keyturn.service.database import Database
from keyturn.service.keys import derive
from keyturn.service.problems.proofs import Challenge
from keyturn.service.reset.bounded_pool import BoundedPool, cores
from keyturn.service.reset.proofs.challenge import ACTION, AnswerRefused, ChallengeJudge
from keyturn.service.reset.records.client import Client
from keyturn.service.secrets import Purpose

_LIFE = timedelta(minutes=10)
_ALGORITHM = "PBKDF2/SHA-256"
_LONGEST_ANSWER = 4_096
"""Characters; 550 to 790 are usual."""

_WAITING = 64


class Altcha(ChallengeJudge):
    """Makes puzzles without storing them, and takes each solution once.

    The first of `keys` signs, all of them verify. The library signs each puzzle together with `host` and its purpose. A
    derivation takes 8 ms, so the signature and an earlier use are checked before it. An answer therefore costs no more
    than the settings allow, whatever it says, and only once. All processes share the database that remembers it.
    """

    asked = Challenge("altcha", "", ACTION)

    def __init__(self, keys: Sequence[str], host: str, cost: int, database: Database) -> None:
        with requires_extra("altcha", "altcha", "challenge.method"):
            import altcha
        self._library = altcha
        self._keys = [derive(key, "challenges") for key in keys]
        self._bound = {"action": ACTION, "host": host}
        self._cost = cost
        self._database = database
        self._pool = BoundedPool("keyturn-altcha", cores(), _WAITING)

    def issue(self) -> Mapping[str, Any]:
        """Return a fresh puzzle. Its only cost is a signature."""
        puzzle = self._library.create_challenge(
            _ALGORITHM,
            self._cost,
            expires_at=int(unix() + _LIFE.total_seconds()),
            data=self._bound,
            hmac_secret=self._keys[0],
        )
        document: Mapping[str, Any] = puzzle.to_dict()
        return document

    async def verify(self, answer: str, _client: Client) -> None:
        written = self._read(answer)
        key = self._key_of(written)
        signed = written.challenge.parameters  # of their types: this process, or one like it, has made them
        if signed.data != self._bound:
            raise AnswerRefused("elsewhere")
        if signed.expires_at <= unix():  # the library asks the machine's clock
            raise AnswerRefused("expired")
        # The digest is of the nonce, which is signed: every other part of an answer has several valid spellings.
        digest = sha256(f"altcha {signed.nonce}".encode()).digest()
        # Without this check, a puzzle that was solved once would cost a derivation each time a client sends it.
        if await self._database.read(lambda connection: secrets.find(connection, digest, Purpose.SPENT)):
            raise AnswerRefused("replayed")
        verdict = await self._pool.run(partial(self._library.verify_solution, written, key))
        if not verdict.verified:
            raise AnswerRefused("expired" if verdict.expired else "wrong")
        await self._spend(digest, datetime.fromtimestamp(signed.expires_at, UTC))

    def _read(self, answer: str) -> Any:
        """Return the content of an answer. Raises AnswerRefused unless it has the form that the widget writes."""
        if len(answer) > _LONGEST_ANSWER:
            raise AnswerRefused("malformed")
        try:
            return self._library.Payload.from_base64(answer)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise AnswerRefused("malformed") from None

    async def _spend(self, digest: bytes, until: datetime) -> None:
        """Note that the answer was taken; of any number of calls at once, all but one raise AnswerRefused."""

        def count(connection: Connection) -> int:
            return secrets.count_try(connection, Purpose.SPENT, digest, now(), until=until).tries

        if await self._database.transact(count) > 1:
            raise AnswerRefused("replayed")

    def _key_of(self, written: Any) -> bytes:
        """Return the key that signed the puzzle, without a derivation. Raises AnswerRefused."""
        for key in self._keys:
            verdict = self._library.verify_solution(written, key, lambda *_: b"")
            if verdict.expired:
                raise AnswerRefused("expired")
            if not verdict.invalid_signature:
                return key
        raise AnswerRefused("forged")

    async def close(self) -> None:
        self._pool.close()
