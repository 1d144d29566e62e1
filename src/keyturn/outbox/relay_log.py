"""What becomes of messages, as the log and the figures tell it."""

import logging
from collections.abc import Callable, Sequence

from keyturn.outbox.message import Message, Origin
from keyturn.telemetry.logs import LogEvent, request_id
from keyturn.telemetry.meters import Meters

log = logging.getLogger("keyturn.outbox")


class RelayLog:
    """Counts and tells what became of a message, under the name of the request that it comes from."""

    def __init__(self, meters: Meters, origin: Callable[[Message], Origin]) -> None:
        self._meters = meters
        self._origin = origin

    def outcome(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self._meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        log.log(level, LogEvent(f"{_noun(message)}.{outcome}", **about, **fields))

    def dropped(self, messages: Sequence[Message], reason: str) -> None:
        """Tell of messages of one kind that came to nothing together, many of them in one line.

        Whoever asks for thousands of addresses that nobody has would fill a disk otherwise (CWE-779). Which requests
        they were is in the history of each.
        """
        first = messages[0]
        if len(messages) == 1:
            self._name_request_of(first)
            self.outcome(logging.INFO, first, "dropped", reason=reason)
            return
        request_id.set("")  # they are of many
        self._meters.message(first.kind, "dropped", len(messages))
        ids = ",".join(str(message.id) for message in messages)
        log.info(
            LogEvent(f"{_noun(first)}.dropped", kind=first.kind, count=len(messages), message_ids=ids, reason=reason)
        )

    def unsettled(self, message: Message, error: Exception) -> None:
        """Tell that nothing can be written down now: the lease ends by itself, and the message is claimed again."""
        self._name_request_of(message)
        log.warning(LogEvent("mail.unsettled", message_id=message.id, reason=error))

    def _name_request_of(self, message: Message) -> None:
        """Let what is logged from here on name the request that the message comes from."""
        request_id.set(self._origin(message).request_id)


def _noun(message: Message) -> str:
    """Return "event" for a message to the app, "mail" for every other."""
    return "event" if message.kind.startswith(("webhook_", "callback_")) else "mail"
