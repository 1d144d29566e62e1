"""A local server of the calls by which Turnstile and hCaptcha verify answers, with their possible
faults.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from tests.servers.serving import send_answer, serving_here, until_gone


class Fault(Enum):
    """`SILENT` sends nothing until the client leaves. `LOST` accepts the answer, then is silent."""

    SILENT = auto()
    LOST = auto()
    UNAVAILABLE = auto()
    LIMITED = auto()
    GARBAGE = auto()


_WRONG = {
    Fault.UNAVAILABLE: (500, b"Internal Server Error"),
    Fault.LIMITED: (429, b'{"success": false, "error-codes": ["rate-limited"]}'),
    Fault.GARBAGE: (200, b"<html>Sign in to the hotel's network</html>"),
}


class Verifier:
    """Accepts each answer in `solved` once, for its host and action.

    Repeated idempotency keys get the same verdict.

    `spent`: the error code for an answer that was used before.
    `faults`: the faults of the next calls, in order.
    `codes`: error codes for the next calls, one each.
    `asked`: the form of each call.
    `open`: calls wait while it is cleared.
    """

    def __init__(self, *, spent: str, secret: str, site_key: str = "") -> None:
        self.url = ""
        self.solved: dict[str, tuple[str, str]] = {}
        self.faults: list[Fault] = []
        self.codes: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self._spent = spent
        self._secret = secret
        self._site_key = site_key
        self._seen: set[str] = set()
        self._verdicts: dict[str, dict[str, Any]] = {}

    async def __call__(self, _: Any, receive: Any, send: Any) -> None:
        form = dict(parse_qsl((await receive())["body"].decode()))
        self.asked.append(form)
        await self.open.wait()
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.LOST:
            self._verdict(form)
        if fault in {Fault.SILENT, Fault.LOST}:
            await until_gone(receive)
            return
        status, body = _WRONG[fault] if fault else (200, msgspec.json.encode(self._verdict(form)))
        await send_answer(send, status, body, {"content-type": "application/json"})

    def _verdict(self, form: dict[str, str]) -> dict[str, Any]:
        if self.codes:
            return {"success": False, "error-codes": [self.codes.pop(0)]}
        key = form.get("idempotency_key", "")
        if key not in self._verdicts or not key:
            self._verdicts[key] = self._judge(form)
        return self._verdicts[key]

    def _judge(self, form: dict[str, str]) -> dict[str, Any]:
        answer = form["response"]
        for is_wrong, code in (
            (form["secret"] != self._secret, "invalid-input-secret"),
            (form.get("sitekey", "") != self._site_key, "sitekey-secret-mismatch"),
            (answer not in self.solved, "invalid-input-response"),
            (answer in self._seen, self._spent),
        ):
            if is_wrong:
                return {"success": False, "error-codes": [code]}
        self._seen.add(answer)
        host, action = self.solved[answer]
        verdict = {
            "success": True,
            "challenge_ts": "2026-11-20T14:00:00Z",
            "hostname": host,
            "error-codes": [],
        }
        return verdict | ({"action": action} if action else {})


@asynccontextmanager
async def running_verifier(**options: str) -> AsyncIterator[Verifier]:
    verifier = Verifier(**options)
    async with serving_here(verifier) as verifier.url:
        yield verifier
