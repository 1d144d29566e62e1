"""The outbox payloads of the reset: accepted facts, from which mails are made later.

`keyturn outbox list`, log lines and metrics name a message by its kind, and docs/operating.md lists
the kinds.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from keyturn.errors import Fault
from keyturn.service import addresses
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.outbox.message import Message
from keyturn.service.problems.requests import InputInvalid

RESET_REQUESTED = "reset_requested"
INVITATION_REQUESTED = "invitation_requested"
LINK_ISSUED = "link_issued"
PASSWORD_CHANGED = "password_changed"
SECOND_STEP_FAILED = "second_step_failed"
SECOND_STEP_CHANGED = "second_step_changed"

CHANGE_BEGUN = "change_begun"
"""A password is being set in another system.

Withdrawn once that has ended; otherwise its process has died.
"""

ACCOUNT_SECURED = "account_secured"
"""A press of "Secure your account": the store still has its part to do, and a recovery link must be
sent.
"""

ADDRESS_DISPUTED = "address_disputed"
"""An account has moved since the change that was reported: each of the two mailboxes must get a
mail that says so.
"""

How = Literal["reset", "change"]
"""Allowed by a link, or by the current password."""

LONGEST_REASON = 300
"""Characters of an operator's reason."""


def parse_reason(text: str) -> str:
    """Return an operator's reason as one line.

    Raises InputInvalid if it is too long or has unprintable characters.
    """
    line = " ".join(text.split())
    if len(line) > LONGEST_REASON or not line.isprintable():
        raise InputInvalid(
            Fault("reason", f"must have at most {LONGEST_REASON} characters, all printable")
        )
    return line


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """The reason for a reset of all accounts, and its operator.

    `name`: unique; each account is asked once per name.
    """

    name: str
    operator: Client
    reason: str = ""


class ResetRequested(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a link, for every well-formed address, so it does not reveal which have an
    account.

    `email`: as `addresses.identify` returns it. `reason`: of the operator whom `client` names, if
    one asked for it.
    `return_to`: where to go after the reset.
    """

    invites: ClassVar[bool] = False

    email: str
    at: datetime
    client: Client
    reason: str = ""
    return_to: str = ""

    def audited(self, account: Account | None) -> str:
        """Return the address for the audit trail: of a user name, that of its account, or "".

        Users type passwords into the wrong field (OWASP Logging Cheat Sheet, "Data to exclude").
        """
        if "@" in self.email:
            return self.email
        return addresses.normalize(account.email) if account else ""

    @property
    def by_operator(self) -> bool:
        """Whether an operator asked for the mail, so that no user waits for it."""
        return self.invites or bool(self.client.operator)


class InvitationRequested(ResetRequested, frozen=True, kw_only=True):
    """An operator or an app invites an account without a password to choose the first one, for a
    `reason`.
    """

    invites: ClassVar[bool] = True


REQUESTS: Mapping[str, type[ResetRequested]] = {
    RESET_REQUESTED: ResetRequested,
    INVITATION_REQUESTED: InvitationRequested,
}
"""Requests for a mail with a link, by their kinds."""


class _OfAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a client did to an account at a moment. `email`: its address then."""

    account_id: str
    email: str
    at: datetime
    client: Client


class AccountWasSecured(_OfAccount, frozen=True, kw_only=True):
    """A mailbox reported a change of the password by a press of `client`; `email`: the account's at
    the change.
    """


class Notice(_OfAccount, frozen=True, kw_only=True):
    """A mail to `email` is due, the account's address then.

    `secures`: it may have the link that secures accounts.
    """

    secures: bool = False


class AddressDisputed(Notice, frozen=True, kw_only=True):
    """An earlier mailbox reported a change.

    `is_current`: `email` was the account's then; else it is that mailbox.
    """

    is_current: bool


class PasswordWasChanged(Notice, frozen=True, kw_only=True):
    """A new password was set. `ended`: credentials, by kind."""

    secures: bool = True
    ended: Mapping[str, int] = {}


class LinkWasIssued(Notice, frozen=True, kw_only=True):
    """An operator gave out a link or a code, to choose the first password if it `invites`."""

    secures: bool = True
    invites: bool = False


class SecondStepHasFailed(Notice, frozen=True, kw_only=True):
    """Too many wrong codes, for a link to `email`, which has ended, or `signing_in`.

    `client` tried the last.
    """

    signing_in: bool = False


FactorChange = Literal["totp_set", "phone_set", "recovery_codes_set", "factors_removed"]
"""The outcomes of the audit trail."""


class SecondStepWasChanged(Notice, frozen=True, kw_only=True):
    """The account's second factors were changed. `client` made the change."""

    change: FactorChange
    secures: bool = True


NOTICES: Mapping[str, type[Notice]] = {
    PASSWORD_CHANGED: PasswordWasChanged,
    LINK_ISSUED: LinkWasIssued,
    SECOND_STEP_CHANGED: SecondStepWasChanged,
    ADDRESS_DISPUTED: AddressDisputed,
    SECOND_STEP_FAILED: SecondStepHasFailed,
}


UNSUPPRESSED = (LINK_ISSUED,)
"""Notices that a blocked mailbox gets, too.

Nothing else tells the owner before a link that was given out is used (NIST SP 800-63B-4 4.6), and
operators give out so few that these mails harm no domain's reputation.
"""


class ChangeBegun(_OfAccount, frozen=True, kw_only=True):
    """A change began; elsewhere, its effects are due unless this is withdrawn.

    `is_proven`: by more than a mailbox.
    """

    how: How
    is_proven: bool = False


class AppEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event for the app: the body as it is sent, the same bytes in each try, even after a
    deploy.
    """

    event: msgspec.Raw
    client: Client


class _AnyPayload(msgspec.Struct, frozen=True):
    """The part that all payloads have in common."""

    client: Client = Client()


def event_of(request: ResetRequested) -> str:
    """Return the request's event name in the audit trail."""
    if request.invites:
        return "invitation"
    return "operator_reset" if request.client.operator else "reset_request"


def request_of(message: Message) -> str:
    """Return the id of the request behind a message; "" if the payload is unreadable, which its
    handler reports.
    """
    try:
        return msgspec.json.decode(message.payload, type=_AnyPayload).client.request_id
    except msgspec.MsgspecError:
        return ""
