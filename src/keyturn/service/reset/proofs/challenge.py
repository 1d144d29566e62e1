"""Challenges, which show that a person, or at least a browser at some cost, requests a link.

ALTCHA is judged here, Cloudflare Turnstile and hCaptcha by their `siteverify`. A judge's `widget`
is what a form needs, with what `issue` returns afresh. `verify` returns what is wrong with an
answer, or raises ChallengeUnready or Busy.
"""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal
from uuid import uuid4

import msgspec

from keyturn.bounded_pool import BoundedPool, PoolFull, Turns, cores
from keyturn.extras import requires_extra
from keyturn.hosts import host_in
from keyturn.http_client import CallFailed, HttpClient
from keyturn.mail.port.finding import Finding
from keyturn.service import one_time_secrets
from keyturn.service.client import Client
from keyturn.service.clock import now, unix
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import Purpose, derive
from keyturn.service.problems.proofs import Challenge, ChallengeMethod, ChallengeRequired
from keyturn.service.problems.requests import Busy, ChallengeUnready
from keyturn.service.reset.stores import Stores
from keyturn.service.settings import ChallengeSettings, Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log

ACTION = "request_reset"
"""The purpose of an answer; an answer for another form is refused."""

Fault = Literal["malformed", "forged", "wrong", "expired", "replayed", "elsewhere"]
"""What is wrong with an answer, for the metrics."""


# Puzzles: a browser finds a number whose PBKDF2 begins with a zero byte


_LIFE = timedelta(minutes=10)
_ALGORITHM = "PBKDF2/SHA-256"
_LONGEST_ANSWER = 4_096
"""Characters that are read; 550 to 790 are usual."""

_COST = 5_000
"""Rounds of PBKDF2 for one guess at a puzzle; a browser needs 256 guesses on average, which take it
about a second.
"""

_WAITING = 64


class Altcha:
    """Makes puzzles without storing them, and takes each solution once.

    The first of `keys` signs each puzzle with `host` and its purpose, all of them verify. A
    derivation takes 8 ms, so signature and earlier use are checked before: an answer costs no more
    than the settings allow, and only once.
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

    async def verify(self, answer: str, _client: Client) -> Fault | None:
        try:
            written: Any = self._library.Payload.from_base64(answer[:_LONGEST_ANSWER])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return "malformed"
        # Without a derivation.
        verdicts = {
            key: self._library.verify_solution(written, key, lambda *_: b"") for key in self._keys
        }
        if any(verdict.expired for verdict in verdicts.values()):
            return "expired"
        key = next(
            (key for key, verdict in verdicts.items() if not verdict.invalid_signature), None
        )
        if key is None:
            return "forged"
        signed = (
            written.challenge.parameters
        )  # of their types: this process, or one like it, has made them
        if signed.data != self._bound:
            return "elsewhere"
        if signed.expires_at <= unix():  # the library asks the machine's clock
            return "expired"
        # The digest is of the nonce, which is signed: every other part of an answer has several
        # valid spellings.
        spent = Purpose.SPENT, one_time_secrets.key_of(f"altcha {signed.nonce}")
        # Without this check, a puzzle that was solved once would cost a derivation each time a
        # client sends it.
        if await self._database.read(
            lambda connection: one_time_secrets.find(connection, spent[1], spent[0])
        ):
            return "replayed"
        try:
            verdict = await self._pool.run(partial(self._library.verify_solution, written, key))
        except PoolFull:
            raise Busy from None
        if not verdict.verified:
            return "wrong"
        until = datetime.fromtimestamp(signed.expires_at, UTC)
        is_first = await self._database.transact(
            lambda one: one_time_secrets.take(one, spent, "", now(), until)
        )
        return None if is_first else "replayed"

    async def close(self) -> None:
        self._pool.close()


_PATIENCE = timedelta(seconds=3)
"""For one call, because a user waits for it. Turnstile is asked once more."""

_MOST_AT_ONCE = 32
_MOST_WAITING = 256
_OK, _BAD_REQUEST, _LIMITED = 200, 400, 429

_SERVICES: Mapping[str, tuple[ChallengeMethod, str, int]] = {
    # https://developers.cloudflare.com/turnstile/get-started/server-side-validation
    "turnstile": ("turnstile", "https://challenges.cloudflare.com/turnstile/v0/siteverify", 2048),
    # https://docs.hcaptcha.com/#verify-the-user-response-server-side
    "hcaptcha": ("hcaptcha", "https://api.hcaptcha.com/siteverify", 8192),
}
"""Addresses, and characters of an answer; a longer answer is refused without a call."""

_SHAPE = re.compile(r"[\w.-]+", re.ASCII)

_MISCONFIGURED = {"missing-input-secret", "invalid-input-secret"}
"""Codes that the operator has to fix."""

_EXPIRED = re.compile("expired|duplicate|already-seen")
"""In codes such as "timeout-or-duplicate" and "invalid-or-already-seen-response"."""

_ELSEWHERE = {"sitekey-secret-mismatch", "not-using-dummy-secret"}
"""hCaptcha's for an answer from another site, or for the test keys: a client can cause these, so
the operator is at fault only if every answer gets one. Any other code, as "bad-request", counts as
wrong.
"""

_COMPLAINTS = _MISCONFIGURED | _ELSEWHERE
"""Codes that an invalid answer gets only if the settings are wrong."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A service's verdict.

    `hostname` and `action` tell the page and the form where the answer was given.
    """

    success: bool
    hostname: str | None = None
    action: str | None = None
    codes: tuple[str, ...] = msgspec.field(name="error-codes", default=())


class Captcha:
    """Judges answers through a service, and refuses answers from another site than `hosts`, or for
    another form.

    A call takes one of a limited number of places before its time-out starts. If no place is free
    within half of the time-out, or the service answers 429, Busy is raised. Clients can cause that,
    so it lets no request through.
    """

    def __init__(
        self, settings: ChallengeSettings, hosts: Collection[str], timeout: timedelta = _PATIENCE
    ) -> None:
        method, url, self._longest = _SERVICES[settings.method]
        self.widget = Challenge(method, settings.site_key, ACTION)
        self.url = settings.url or url
        self._is_turnstile = method == "turnstile"
        self._form = {"secret": str(settings.secret)}
        if (
            not self._is_turnstile
        ):  # hCaptcha is told the site: otherwise answers for any of the account would pass
            self._form["sitekey"] = settings.site_key
        self._hosts = hosts
        self._timeout = timeout.total_seconds()
        self._places = Turns(_MOST_AT_ONCE, _MOST_WAITING)
        self._http = HttpClient(self._timeout, most_at_once=_MOST_AT_ONCE)
        self.close = self._http.close

    def issue(self) -> Mapping[str, Any]:
        return {}

    async def verify(self, answer: str, client: Client) -> Fault | None:
        if len(answer) > self._longest or not _SHAPE.fullmatch(answer):
            return "malformed"
        more = {"remoteip": client.ip_address} if client.ip_address else {}
        if self._is_turnstile:
            more["idempotency_key"] = str(uuid4())
        try:
            verdict = await self.ask(answer, **more)
        except ChallengeUnready:
            if (
                not self._is_turnstile
            ):  # hCaptcha has no such key: the user solves another challenge
                raise
            verdict = await self.ask(answer, **more)  # a lost verdict is given again
        if refused := _MISCONFIGURED.intersection(verdict.codes):
            raise ChallengeUnready(f"challenge.secret is refused: {', '.join(sorted(refused))}")
        if _EXPIRED.search(" ".join(verdict.codes)):
            return "expired"
        if not verdict.success and _ELSEWHERE.isdisjoint(verdict.codes):
            return "wrong"
        is_for_us = verdict.hostname in self._hosts and (
            verdict.action == ACTION or not self._is_turnstile
        )
        return None if verdict.success and is_for_us else "elsewhere"

    async def ask(self, answer: str, **more: str) -> Verdict:
        """Return the verdict.

        Raises Busy, and ChallengeUnready if the reply is none: neither a yes nor a no.
        """
        try:
            async with asyncio.timeout(self._timeout / 2) as waiting, self._places.turn():
                waiting.reschedule(None)  # the client has a time-out of its own
                reply = await self._http.ask(
                    "POST", self.url, data={**self._form, "response": answer, **more}
                )
        except (TimeoutError, PoolFull):
            raise Busy from None
        except CallFailed as error:
            raise ChallengeUnready(str(error)) from None
        if reply.status == _LIMITED:
            raise Busy
        verdict = reply.read(Verdict) if reply.status in {_OK, _BAD_REQUEST} else None
        if verdict is None or "internal-error" in verdict.codes:
            raise ChallengeUnready(f"no verdict, with status {reply.status}")
        # Both services say why they refuse an answer: {"success": false} may be a gateway's.
        if not (reply.status == _OK if verdict.success else verdict.codes):
            raise ChallengeUnready(f"a doubtful verdict, with status {reply.status}")
        return verdict


class RequestChallenge:
    """Requires an answer (OWASP ASVS 2.4.1, 6.3.1).

    Without a verdict, a request is refused (ASVS 16.5.3).
    """

    def __init__(self, judge: Altcha | Captcha, stores: Stores) -> None:
        self._judge = judge
        self.widget, self.close = judge.widget, judge.close
        self._limits, self._meters = stores.limits, stores.meters

    async def issue(self, client: Client) -> Mapping[str, Any]:
        """Return the data that a form needs afresh each time. Raises TooManyRequests."""
        await self._limits.count("challenge", client)
        return self._judge.issue()

    async def require(self, client: Client, answer: str) -> None:
        """Return if the request may go on.

        Raises ChallengeRequired, ChallengeUnready, TooManyRequests, Busy.
        """
        if not answer:
            self._meters.challenge("missing")
            raise ChallengeRequired("missing", self.widget)
        await self._limits.count(
            "challenge", client
        )  # right or wrong, an answer costs work to check
        try:
            fault = await self._judge.verify(answer, client)
        except ChallengeUnready as error:
            self._meters.challenge("failed")
            reset_log.error(LogEvent("challenge.unanswered", reason=error))
            raise
        self._meters.challenge(fault or "passed")
        if fault:  # a form needs to know only whether a fresh answer would help
            raise ChallengeRequired(
                "expired" if fault in {"expired", "replayed"} else "refused", self.widget
            )


def build(settings: Settings, stores: Stores) -> RequestChallenge | None:
    """Return the check of requests; None if the settings name no challenge.

    Raises SettingsInvalid.
    """
    chosen, own = settings.challenge, settings.base_url
    if chosen.method == "none":
        return None
    if chosen.method == "altcha":
        return RequestChallenge(Altcha(stores.keys, host_in(own), stores.database), stores)
    # The pages that may request a link: ours, and those that the settings allow to call the API.
    pages = own, settings.forgot_url.format(base_url=own), *settings.server.allowed_origins
    return RequestChallenge(Captcha(chosen, set(map(host_in, pages))), stores)


async def check(settings: Settings) -> list[Finding]:
    """Send the service an invalid answer, for the doctor: its reply shows whether it knows the
    secret.
    """
    chosen = settings.challenge
    if chosen.method not in _SERVICES:  # Keyturn makes and checks ALTCHA's puzzles itself
        return []
    service = Captcha(chosen, hosts=())
    host = host_in(service.url)
    try:
        verdict = await service.ask("nobody")
    except ChallengeUnready as error:
        fix = "Let this machine connect to it. Until it answers, requests for links are refused."
        return [Finding("challenge", "fail", f"{host}: {error}", fix)]
    finally:
        await service.close()
    if refused := [code for code in verdict.codes if code in _COMPLAINTS]:
        fix = "Copy challenge.secret and challenge.site_key again, both from the same site."
        return [
            Finding("challenge", "fail", f"{host} refuses the secret: {', '.join(refused)}", fix)
        ]
    if verdict.success:
        fix = "These are test keys, which accept every answer. Use the keys of your own site."
        return [Finding("challenge", "warn", f"{host} accepts a made-up answer", fix)]
    return [Finding("challenge", "ok", f"{host} answers, and accepts the secret")]
