"""What a request asks for: which mails, how many of them, and how long it waits for them."""

import re
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException
from msgspec import Meta

from keyturn.emails.inbox.query import EVERYTHING, Condition, condition_for

_SECONDS = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}

LONGEST_WAIT = 60.0

_Body = TypeVar("_Body")
_Text = Annotated[str, Meta(max_length=500)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a request.

    `to` is a whole address, of anybody who got the mail; `subject` a part of it; `tag` a whole tag; `query` a search as
    the outbox has it. `since`: only mails that arrived after that moment, UTC where it names no zone. `wait` is for how
    long the request waits until there is such a mail: "10s", "500ms", a minute at most. `tz` and `embed` are Mailpit's,
    and count for nothing: days are UTC's, and links open a tab of their own anyway.
    """

    query: _Text = ""
    to: _Text = ""
    subject: _Text = ""
    tag: _Text = ""
    since: datetime | None = None
    wait: str = "0s"
    start: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 50
    tz: str = ""
    embed: str = ""

    def __post_init__(self) -> None:
        if self.seconds > LONGEST_WAIT:
            raise ValueError(f"wait is {LONGEST_WAIT:g}s at most")
        _ = self.condition  # which raises a ValueError, too

    @property
    def seconds(self) -> float:
        read = _SECONDS.fullmatch(self.wait)
        if not read:
            raise ValueError('wait takes a time as "10s" or "500ms"')
        return float(read[1]) * _UNITS[read[2]]

    @property
    def condition(self) -> Condition:
        """What all of it asks for together; `EVERYTHING` itself where it asks for nothing."""
        return condition_for(self.query, self.to, self.subject, self.tag, self.since)

    @property
    def asks_for_all(self) -> bool:
        return self.condition is EVERYTHING


def read_asked(request: Request[Any, Any, Any]) -> Asked:
    """Return what the query asks for. Raises ValidationException."""
    try:
        return msgspec.convert(dict(request.query_params), Asked, strict=False)
    except msgspec.ValidationError as error:
        raise ValidationException(detail=f"The query cannot be read: {error}") from error


async def read_body(request: Request[Any, Any, Any], kind: type[_Body]) -> _Body:
    """Return the body, in JSON. Raises ValidationException."""
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValidationException(detail=f"The body cannot be read: {error}") from error
