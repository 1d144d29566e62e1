"""Something happened that the app wants to hear of: the function of its own that is told."""

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec

from keyturn.errors import SendRetryable
from keyturn.outbox import Delivery, Dropped, Message, Sent
from keyturn.reset.records.messages import CALLBACKS, AppEvent
from keyturn.telemetry.logs import LogEvent
from keyturn.webhooks.events import (
    AccountSecured,
    Callback,
    Event,
    PasswordChanged,
    PasswordResetRequested,
    SecondStepFailed,
)

log = logging.getLogger("keyturn.reset")

_EVENTS: dict[str, Any] = {
    CALLBACKS["password.changed"]: Event[PasswordChanged],
    CALLBACKS["password.reset_requested"]: Event[PasswordResetRequested],
    CALLBACKS["account.secured"]: Event[AccountSecured],
    CALLBACKS["second_step.failed"]: Event[SecondStepFailed],
}


async def drop_callback(_: Message) -> Dropped:
    """Settle what was promised to a function that the plugin is not given any more."""
    return Dropped("the callback is not given any more")


class CallbackHandler:
    """Awaits the app's function, for `timeout` at most."""

    def __init__(self, callback: Callback[Any], timeout: timedelta) -> None:
        self._callback = callback
        self._timeout = timeout.total_seconds()

    async def __call__(self, message: Message) -> Delivery:
        """Return what tells the app, and raises SendRetryable."""
        event = msgspec.json.decode(message.payload, type=AppEvent).event
        return partial(self._tell, msgspec.json.decode(event, type=_EVENTS[message.kind]))

    async def _tell(self, event: Event[Any]) -> Sent:
        bound = asyncio.timeout(self._timeout)
        try:
            async with bound:
                await self._callback(event)
        except Exception as error:
            reason = f"no end within {self._timeout:g} s" if bound.expired() else type(error).__name__
            log.exception(LogEvent("event.callback_failed", type=event.type, reason=reason))
            raise SendRetryable(reason) from None
        return Sent("callback", "")
