"""What an operator says with a request: a reason, and which run of a command it belongs to."""

import msgspec

from keyturn.errors import Fault
from keyturn.service.client import Client
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.records.messages import LONGEST_OPERATOR_REASON


def parse_reason(text: str) -> str:
    """Return an operator's reason as one line.

    Raises InputInvalid if it is too long or has unprintable characters.
    """
    line = " ".join(text.split())
    if len(line) > LONGEST_OPERATOR_REASON or not line.isprintable():
        message = f"must have at most {LONGEST_OPERATOR_REASON} characters, all printable"
        raise InputInvalid(Fault("reason", message))
    return line


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A request for new passwords of many accounts.

    `name`: a unique name. Under one name, each account is asked once.
    """

    name: str
    operator: Client
    reason: str = ""
