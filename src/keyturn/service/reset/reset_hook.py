"""Lets a function of the app refuse a reset, with a sentence, before the link is used up."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from keyturn.service.accounts.port import Account
from keyturn.service.problems.passwords import ResetRefused
from keyturn.service.problems.requests import HookFailed
from keyturn.service.reset.events import event_fields
from keyturn.service.reset.records.client import Client
from keyturn.service.telemetry.logs import LogEvent, reset_log

_LONGEST_SENTENCE = 300


class PendingReset(msgspec.Struct, frozen=True, kw_only=True):
    """A reset that waits for the app's consent: the account and the client. It holds neither password nor token.

    `languages`: the client's Accept-Language, for the sentence.
    """

    account_id: str
    email: str
    kind: str
    locale: str
    ip_address: str
    user_agent: str
    languages: str
    request_id: str


BeforeReset = Callable[[PendingReset], Awaitable[str | None]]
"""Returns None to let a reset pass, or the sentence that refuses it."""


_PATIENCE = 5
"""Seconds for an answer of the app's function, because a user waits for it."""


class ResetHook:
    """Asks the app's function. No answer within five seconds, an error or an invalid answer never means consent."""

    def __init__(self, function: BeforeReset) -> None:
        self._function = function

    async def require_consent(self, account: Account, client: Client) -> None:
        """Raise ResetRefused with the app's sentence, or HookFailed (OWASP ASVS 16.5.3: no fail-open)."""
        pending = PendingReset(**event_fields(account, client), locale=account.locale, languages=client.languages)
        try:
            async with asyncio.timeout(_PATIENCE):
                said: object = await self._function(pending)
        except Exception as error:
            reset_log.exception(LogEvent("hook.failed", hook="before_reset", error=type(error).__name__))
            raise HookFailed("before_reset gave no answer") from None
        if said is None:
            return
        sentence = " ".join(said.split())[:_LONGEST_SENTENCE] if isinstance(said, str) else ""
        if not sentence:
            reset_log.error(LogEvent("hook.failed", hook="before_reset", error=f"answered {type(said).__name__}"))
            raise HookFailed("before_reset must return None or a sentence")
        raise ResetRefused(sentence)
