"""ALTCHA, made and checked here: a browser finds a number for which PBKDF2 begins with a zero byte."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Protocol

import msgspec
from sqlalchemy import LargeBinary, select
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Database, Model
from keyturn.database.statements import insert_if
from keyturn.packaging import requires_extra
from keyturn.problems.proofs import Challenge
from keyturn.reset.bounded_pool import BoundedPool, cores
from keyturn.reset.proofs.challenge import ACTION, AnswerRefused
from keyturn.reset.records.client import Client
from keyturn.settings.keys import derive

_LIFE = timedelta(minutes=10)
_ALGORITHM = "PBKDF2/SHA-256"
_LONGEST_ANSWER = 4_096
"""Characters; usual are 550 to 790."""

_WAITING = 64


class SpentAnswers(Protocol):
    """Remembers which answers were taken."""

    async def is_spent(self, digest: bytes) -> bool:
        """Tell whether it was taken; a no may be otherwise a moment later, so that `spend` decides."""
        ...

    async def spend(self, digest: bytes, until: datetime) -> bool:
        """Remember it until then; tell whether it was not yet: of any number at once exactly one is told True."""
        ...


class _Parameters(msgspec.Struct, forbid_unknown_fields=True):
    algorithm: str
    nonce: str
    salt: str
    cost: int
    keyLength: int  # noqa: N815 - the protocol's own names
    keyPrefix: str  # noqa: N815
    expiresAt: int  # noqa: N815
    data: dict[str, str]


class _Puzzle(msgspec.Struct):
    parameters: _Parameters
    signature: str


class _Solution(msgspec.Struct):
    counter: int
    derivedKey: str  # noqa: N815


class _Payload(msgspec.Struct):
    challenge: _Puzzle
    solution: _Solution


class Altcha:
    """Makes puzzles that it need not remember, and takes each solution once.

    The first of `secrets` signs, all of them verify. A puzzle is bound to `host` and to what it is for: the library
    signs both with it. Its signature is checked, and whether it was taken already, before anything is derived, which is
    8 ms: so that what an answer costs is what we have set, whatever it says, and once.
    """

    asked = Challenge("altcha", "", ACTION)

    def __init__(self, secrets: Sequence[str], host: str, *, cost: int, spent: SpentAnswers) -> None:
        with requires_extra("altcha", "altcha", "challenge.method"):
            import altcha
        self._library = altcha
        self._keys = [derive(secret, "challenges") for secret in secrets]
        self._bound = {"action": ACTION, "host": host}
        self._cost = cost
        self._spent = spent
        self._pool = BoundedPool("keyturn-altcha", cores(), _WAITING)

    def issue(self) -> Mapping[str, Any]:
        """Return a fresh puzzle: a signature, and no more work than that."""
        puzzle = self._library.create_challenge(
            _ALGORITHM,
            self._cost,
            expires_at=int(time.time() + _LIFE.total_seconds()),
            data=self._bound,
            hmac_secret=self._keys[0],
        )
        found: Mapping[str, Any] = puzzle.to_dict()
        return found

    async def verify(self, answer: str, client: Client) -> None:  # noqa: ARG002 - services are told who asks
        payload = _read(answer)
        written = self._library.Payload.from_dict(msgspec.to_builtins(payload))
        key = self._key_of(written)
        signed = payload.challenge.parameters
        if signed.data != self._bound:
            raise AnswerRefused("elsewhere")
        # By the nonce, which is signed: all else in an answer can be written differently and still be right.
        digest = sha256(f"altcha {signed.nonce}".encode()).digest()
        # One that was solved once would cost a derivation each time that it is sent, from wherever it comes.
        if await self._spent.is_spent(digest):
            raise AnswerRefused("replayed")
        verdict = await self._pool.run(partial(self._library.verify_solution, written, key))
        if not verdict.verified:
            raise AnswerRefused("expired" if verdict.expired else "wrong")
        if not await self._spent.spend(digest, datetime.fromtimestamp(signed.expiresAt, UTC)):
            raise AnswerRefused("replayed")

    def _key_of(self, written: Any) -> bytes:
        """Return the key that has signed the puzzle; nothing is derived. Raises AnswerRefused."""
        for key in self._keys:
            verdict = self._library.verify_solution(written, key, lambda *_: b"")
            if verdict.expired:
                raise AnswerRefused("expired")
            if not verdict.invalid_signature:
                return key
        raise AnswerRefused("forged")

    async def close(self) -> None:
        self._pool.close()


def _read(answer: str) -> _Payload:
    """Return what an answer holds. Raises AnswerRefused for what the widget would not write."""
    if len(answer) > _LONGEST_ANSWER:
        raise AnswerRefused("malformed")
    try:
        return msgspec.json.decode(msgspec.convert(answer, bytes), type=_Payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise AnswerRefused("malformed") from None


class SpentAnswerRow(Model):
    """An answer that was taken, by a digest. It is of no use to anybody after `expires_at`."""

    __tablename__ = "keyturn_spent_answers"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SpentAnswerStore:
    """Remembers them with one statement each, which decides."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_spent(self, digest: bytes) -> bool:
        """Tell whether it was taken; a no may be otherwise a moment later, so that `spend` decides."""
        found = select(SpentAnswerRow.digest).where(SpentAnswerRow.digest == digest)
        return bool(await self._database.fetch(found))

    async def spend(self, digest: bytes, until: datetime) -> bool:
        """Remember it until then; tell whether it was not yet: of any number at once exactly one is told True."""
        insert = insert_if(self._database, SpentAnswerRow, ("digest", "expires_at")).on_conflict_do_nothing()
        row = {"digest": digest, "expires_at": until, "wanted": True}
        return bool(await self._database.execute(insert.returning(SpentAnswerRow.digest), row))
