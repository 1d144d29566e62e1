"""What the Supabase Auth of this machine says, in the shapes of older and newer servers."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """A document, or a page where it is text."""

    status: int
    document: Any
    headers: Mapping[str, str] = {}


class Outage(Enum):
    """What a network, a proxy or a server in distress does to a request. With LOST and BAD_GATEWAY it is heeded."""

    SLOW = auto()
    CUT = auto()
    LOST = auto()
    BAD_GATEWAY = auto()
    REDIRECT = auto()
    PAGE = auto()


def refusal(status: int, code: str, message: str, *, old: bool) -> Answer:
    return Answer(status, _shape(status, code, message, old=old), {"x-sb-error-code": code})


def weak_password(broken: Mapping[str, str], *, old: bool) -> Answer:
    """Return the refusal of a password for the reasons that are the keys, in sentences."""
    document = _shape(422, "weak_password", " ".join(broken.values()), old=old)
    return Answer(422, {**document, "weak_password": {"reasons": list(broken)}})


def _shape(status: int, code: str, message: str, *, old: bool) -> dict[str, Any]:
    if old:
        return {"code": status, "error_code": code, "msg": message}
    return {"code": code, "message": message}
