"""Security events: which event of an account is which, and how they name the account (CAEP 1.0, RISC 1.0, RFC 9493)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from keyturn.addresses import is_same_mailbox
from keyturn.settings import SignalReceiver, SignalType
from keyturn.webhooks.events import Event

TYPES: Mapping[SignalType, str] = {
    "session-revoked": "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    "credential-change": "https://schemas.openid.net/secevent/caep/event-type/credential-change",
    "account-credential-change-required": (
        "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required"
    ),
}

VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of an event that each try repeats (RFC 8417, 2.2).

    `txn`: the same in all events of one cause.
    `events`: one event by its type (CAEP Interoperability Profile, 2.8.1).
    """

    iat: int
    txn: str
    sub_id: Mapping[str, str]
    events: Mapping[str, Mapping[str, Any]]


def signals_of(event: Event[Any]) -> Sequence[tuple[SignalType, Mapping[str, Any]]]:
    """Return the security events that an event for the app amounts to."""
    return list(_signals_of(event))


def _signals_of(event: Event[Any]) -> Iterator[tuple[SignalType, Mapping[str, Any]]]:
    data = event.data
    match event.type:
        case "password.changed":
            reason = "A new password was set through a link" if data.how == "reset" else "The user changed the password"
            change = {"credential_type": "password", "change_type": "update"}
            yield "credential-change", {**change, **_because(event.timestamp, reason)}
            yield "session-revoked", _because(event.timestamp, f"{reason}, which ends all sessions")
        case "account.secured":
            reason = "A mailbox of the account reported a change of the password as not its owner's"
            yield "session-revoked", _because(event.timestamp, reason)
            if is_same_mailbox(data.email, data.current_email):  # else the account has moved, and an operator decides
                yield "account-credential-change-required", {}
        case "password.reset_requested":
            yield "account-credential-change-required", {}


def _because(moment: datetime, reason: str) -> Mapping[str, Any]:
    """Return the claims of every CAEP event (CAEP 1.0, 2). The profile requires `reason_admin`."""
    return {
        "event_timestamp": int(moment.timestamp()),
        "initiating_entity": "user",
        "reason_admin": {"en": reason},
    }


def subject_of(data: Any, receiver: SignalReceiver, issuer: str) -> Mapping[str, str]:
    """Return the account's subject identifier in the receiver's format (RFC 9493, 3.2)."""
    match receiver.subject:
        case "email":
            return {"format": "email", "email": getattr(data, "current_email", data.email)}
        case "iss_sub":
            return {"format": "iss_sub", "iss": receiver.subject_issuer or issuer, "sub": data.account_id}
        case "opaque":
            return opaque(data.account_id)


def opaque(name: str) -> Mapping[str, str]:
    return {"format": "opaque", "id": name}
