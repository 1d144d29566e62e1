"""The run of all attacks, and what it needs to know."""

import asyncio
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from keyturn.probe.attack import ATTACKS, Outcome, Report, Verdict
from keyturn.studio.inbox.store import CapturedMails


class Patience(Struct, frozen=True, kw_only=True):
    """How long the probe waits, in seconds, and how often it asks.

    `mail`: until the first mail of a kind must have come.
    `silence`: until a mail that should not come counts as not sent. A slow app gets more.
    `call`: for one request and its answer.
    `samples`: pairs of requests that `times-differ` measures, twice if it suspects a difference; 0 leaves it out.
    `flood`: requests of `no-limit`.
    `per_second`: requests, or None for no limit.
    """

    mail: float = 10.0
    silence: float = 2.0
    call: float = 15.0
    samples: int = 12
    flood: int = 20
    per_second: int | None = None


class Target(Struct, kw_only=True):
    """The application under test: its URL, two accounts of the user, and calls. Empty calls are searched for.

    `request`, `reset`, `sign_in`, `change`: "POST /path BODY" with placeholders, or the path of a page with the form.
    `private`: "GET /path", which a signed-in user alone can read.
    `second_step`: the first account has a second factor.
    """

    url: str
    accounts: Sequence[str]
    request: str = ""
    reset: str = ""
    sign_in: str = ""
    change: str = ""
    private: str = ""
    second_step: bool = False


class Probe:
    """Plays attacks against a target whose mails come into the inbox. `passwords`: those of the accounts by now."""

    def __init__(self, target: Target, inbox: CapturedMails, patience: Patience | None = None) -> None:
        self.target = target
        self.passwords: dict[str, str] = {}
        self._inbox, self._patience = inbox, patience or Patience()

    async def run(self, only: Sequence[str] = (), progress: Callable[[str], None] = lambda _: None) -> Report:
        """Return the report; if the task is cancelled, that of the attacks so far. `progress` hears each name."""
        began = time.monotonic()
        outcomes: list[Outcome] = []
        for attack in ATTACKS.values():
            if not only or attack.name in only:
                progress(attack.name)
                await asyncio.sleep(0)
                outcomes.append(Outcome(attack, Verdict.NOT_TRIED, "It is not written yet."))
        return Report(self.target.url, tuple(outcomes), time.monotonic() - began)
