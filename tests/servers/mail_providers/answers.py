"""What Resend takes and what it says, as values (https://resend.com/docs/api-reference/errors)."""

import json
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

import msgspec

EMPTY = object()
"""The document of an answer that has none."""


class Answer(msgspec.Struct, frozen=True):
    """What goes back: a document, or a page where `html` is given."""

    status: int
    document: Any = {}
    headers: Mapping[str, str] = {}
    html: str = ""


def refusal(status: int, name: str, message: str = "", **headers: str) -> Answer:
    """Return an error as Resend words it; `retry_after="2"` becomes the header retry-after."""
    fields = {key.replace("_", "-"): value for key, value in headers.items()}
    return Answer(status, {"statusCode": status, "name": name, "message": message or name}, fields)


RATE_LIMITED = refusal(
    429,
    "rate_limit_exceeded",
    retry_after="2",
    ratelimit_limit="10",
    ratelimit_remaining="0",
    ratelimit_reset="2",
)
PROXY_PAGE = Answer(502, html="<html><h1>502 Bad Gateway</h1></html>")


class Trouble(Enum):
    """What the network, or a server in distress, does to a request.

    `STALL` says nothing until the client hangs up or the test lets it go. `ENDLESS` says 200, and
    goes on and on.
    """

    STALL = auto()
    STALL_AFTER_ACCEPTING = auto()
    DROP = auto()
    DROP_AFTER_ACCEPTING = auto()
    ENDLESS = auto()


class Request(msgspec.Struct, frozen=True):
    """`headers` are in lower case; `target` is the path with its query, as it was sent."""

    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    target: str = "/"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def fields(self) -> Mapping[str, Any]:
        fields: Mapping[str, Any] = json.loads(self.body)
        return fields


class Mail(msgspec.Struct, frozen=True):
    id: str
    key: str
    fields: Mapping[str, Any]
