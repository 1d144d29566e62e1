"""A mail provider that accepts each key once, as a `Sender` in place of its HTTP client, with all
its faults.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import ClassVar

import msgspec
from tests.worlds.simulation.loop import PROCESS, Nature, Story

from keyturn import Email, QuotaExhausted, SendRefused, SendRetryable

FIRST, SECOND = "resend", "postmark"
"""The main provider and the fallback."""


class Accepted(msgspec.Struct, frozen=True):
    """A mail that a provider has accepted under that key."""

    provider: str
    key: str
    email: Email


class Try(msgspec.Struct, kw_only=True):
    """A call of a process under a key.

    `is_new`: the provider had never heard of the key. `ended`: 0.0 if it did not.

    `works`: whether the provider answered well; None if the fault was not the provider's.
    """

    process: str
    key: str
    is_new: bool
    began: float
    ended: float = 0.0
    works: bool | None = None


class Moods(msgspec.Struct, frozen=True, kw_only=True):
    """How often a call meets each fault, in [0, 1]: the rest of the calls get an answer at once.

    `late`: the mail is accepted at once, and the answer comes some seconds later.
    `lost`: the mail is accepted, and the answer never comes; the client gives up after a while.
    `never`: no mail is accepted, and no answer comes.
    `unreached`: no connection. `failing`: an error of the provider's own, before or after it
    accepted.
    `refused`: the provider refuses this mail for ever. `account`: it refuses our key for now.
    `limited`: too many requests. `quota`: no mail for some minutes.
    """

    late: float = 0.0
    lost: float = 0.0
    never: float = 0.0
    unreached: float = 0.0
    failing: float = 0.0
    refused: float = 0.0
    account: float = 0.0
    limited: float = 0.0
    quota: float = 0.0


CALM = Moods()
_PATIENCE = 15.0
"""Seconds after which a client of the provider gives up."""


class Provider:
    """A provider, all mailboxes behind it, and the client that all programs have of it.

    Each world begins it anew.

    `client`: a fault of the client. It "forgets keys" and gives every try one of its own, "is too
    sure" that a mail was not accepted whenever there is no answer, or "blames nobody" for any
    failure.
    """

    client: ClassVar[str] = ""
    _numbers: ClassVar = count()

    def __init__(self, name: str) -> None:
        self.name = name
        self._context = Context()
        self._context.run(PROCESS.set, name)

    def begin(
        self, random: Random, story: Story, nature: Nature, deliver: Callable[[Accepted], None]
    ) -> None:
        """`deliver`: is told of each accepted mail."""
        self.moods = CALM
        self.is_down = False
        self.mails: list[Accepted] = []
        self.tries: list[Try] = []
        self._accepted: dict[str, Accepted] = {}
        self._heard: set[str] = set()
        self._random, self._story, self._nature, self._deliver = random, story, nature, deliver

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Do what the seed wants with a call. Runs in the process that calls."""
        key = (
            f"{idempotency_key}-{next(self._numbers)}"
            if self.client == "forgets keys"
            else idempotency_key
        )
        clock = asyncio.get_running_loop().time
        one = Try(process=PROCESS.get(), key=key, is_new=key not in self._heard, began=clock())
        self._heard.add(key)
        self.tries.append(one)
        try:
            accepted = await self._answer(key, email)
        except SendRetryable as error:
            one.works = False if error.down else None
            is_certain = error.not_accepted or self.client == "is too sure"
            is_down = error.down and self.client != "blames nobody"
            raise SendRetryable(
                error.reason, error.retry_after, not_accepted=is_certain, down=is_down
            ) from error
        else:
            one.works = True
            return accepted
        finally:
            one.ended = clock()

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    async def _answer(self, key: str, email: Email) -> str:
        mood = self._mood()
        await asyncio.sleep(self._random.uniform(0.02, 0.4))
        if self.is_down:
            mood = "unreached" if self._random.random() < 0.5 else "failing"
        if mood:
            self._story.tell(f"{PROCESS.get()} hands {key[-6:]} to {self.name}: {mood}")
        if mood in {"refused", "account"} and key in self._accepted:
            mood = ""
        if mood in {"", "late", "lost"} or (
            mood == "failing" and not self.is_down and self._random.random() < 0.3
        ):
            self._accept(key, email)
        await self._fail(mood)
        return f"{self.name}-{key}"

    def _accept(self, key: str, email: Email) -> None:
        if known := self._accepted.get(key):
            if known.email != email:
                self._story.break_promise(
                    "every try sends the same mail", f"another mail came under the key {key}"
                )
            self._story.tell(f"{self.name} recognises the key {key[-6:]}")
            return
        mail = self._accepted[key] = Accepted(self.name, key, email)
        self.mails.append(mail)
        self._story.tell(
            f"{self.name} accepts {email.tags['template']} for {email.to} under {key[-6:]}"
        )
        asyncio.get_running_loop().call_later(0.1, self._deliver, mail, context=self._context)

    async def _fail(self, mood: str) -> None:
        """Wait, or raise what a client raises, after the provider has accepted a mail or not."""
        match mood:
            case "late":
                await asyncio.sleep(self._random.uniform(2, 14))
            case "lost":
                await asyncio.sleep(_PATIENCE)
                raise SendRetryable("the answer was lost")
            case "never":
                await asyncio.sleep(self._random.choice((_PATIENCE, 1000)))
                raise SendRetryable("no answer")
            case "unreached":
                raise SendRetryable("cannot be reached", not_accepted=True)
            case "failing":
                raise SendRetryable("500 internal_server_error")
            case "limited":
                raise SendRetryable(
                    "rate_limit_exceeded",
                    self._random.uniform(1, 20),
                    not_accepted=True,
                    down=False,
                )
            case "quota":
                until = datetime.fromtimestamp(
                    self._nature.unix() + self._random.uniform(20, 200), UTC
                )
                raise QuotaExhausted("daily_quota_exceeded", until)
            case "refused":
                raise SendRefused("422 validation_error")
            case "account":
                raise SendRefused("401 unauthorized", account=True)

    def _mood(self) -> str:
        drawn = self._random.random()
        for mood, share in zip(
            Moods.__struct_fields__, msgspec.structs.astuple(self.moods), strict=True
        ):
            drawn -= share
            if drawn < 0:
                return mood
        return ""
