"""The payloads of the outbox's messages: facts, from which the worker makes mails later.

`keyturn outbox list`, log lines and metrics name a message by its kind. docs/operating.md lists the
kinds.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from keyturn.service import identifiers
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.one_time_secrets import How
from keyturn.service.outbox.message import Message

RESET_REQUESTED = "reset_requested"
INVITATION_REQUESTED = "invitation_requested"
LINK_ISSUED = "link_issued"
PASSWORD_CHANGED = "password_changed"
SECOND_STEP_FAILED = "second_step_failed"
SECOND_STEP_CHANGED = "second_step_changed"

CHANGE_BEGUN = "change_begun"
"""A password is being set in another system.

The message is withdrawn once that has ended. If it becomes due, its process has probably died.
"""

ACCOUNT_SECURED = "account_secured"
"""A press of the button in a confirmation. The store has yet to end sessions and lock the account,
and a recovery link must be sent.
"""

ADDRESS_DISPUTED = "address_disputed"
"""An account has moved to another address since the change that was reported. Both mailboxes must
get a mail that says so.
"""

LONGEST_OPERATOR_REASON = 300
"""Characters of an operator's reason."""


class ResetRequested(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a link. Every well-formed address gets one, with or without an account.

    `email`: the address or user name, as `identifiers.identify` returns it.
    `reason`: the reason of the operator whom `client` names, or "".
    `return_to`: the address to return to after the reset, or "".
    """

    invites: ClassVar[bool] = False

    email: str
    at: datetime
    client: Client
    reason: str = ""
    return_to: str = ""

    def audited(self, account: Account | None) -> str:
        """Return the address for the audit trail: for a user name, that of its account, or "".

        A text without an @ is not stored, since users type passwords into the wrong field (OWASP
        Logging Cheat Sheet, "Data to exclude").
        """
        if "@" in self.email:
            return self.email
        return identifiers.normalize_address(account.email) if account else ""

    @property
    def by_operator(self) -> bool:
        """Whether an operator asked for the mail, so that no user waits for it."""
        return self.invites or bool(self.client.operator)


class InvitationRequested(ResetRequested, frozen=True, kw_only=True):
    """An operator or an app invites the owner of an account to choose a first password."""

    invites: ClassVar[bool] = True


REQUESTS: Mapping[str, type[ResetRequested]] = {
    RESET_REQUESTED: ResetRequested,
    INVITATION_REQUESTED: InvitationRequested,
}
"""The classes of requests for a link, by the kinds of their messages."""


class _OfAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Something that `client` did to an account. `email`: the account's address at that time."""

    account_id: str
    email: str
    at: datetime
    client: Client


class AccountWasSecured(_OfAccount, frozen=True, kw_only=True):
    """A mailbox reported a change of the password. `email`: the account's address at the change."""


class Notice(_OfAccount, frozen=True, kw_only=True):
    """A mail to `email`, the account's address at the event, is due.

    `secures`: the mail may have the button that secures the account.
    """

    secures: bool = False


class AddressDisputed(Notice, frozen=True, kw_only=True):
    """An earlier mailbox of the account reported a change.

    `is_current`: `email` is the account's present address; otherwise it is the earlier mailbox.
    """

    is_current: bool


class PasswordWasChanged(Notice, frozen=True, kw_only=True):
    """A new password was set. `ended`: how many credentials of each kind ended with it."""

    secures: bool = True
    ended: Mapping[str, int] = {}


class LinkWasIssued(Notice, frozen=True, kw_only=True):
    """An operator gave out a link or a code. `invites`: it is for a first password."""

    secures: bool = True
    invites: bool = False


class SecondStepHasFailed(Notice, frozen=True, kw_only=True):
    """There were too many wrong codes. `client` sent the last one.

    `signing_in`: they were tried at a sign-in; otherwise for a link, which has ended.
    """

    signing_in: bool = False


FactorChange = Literal["totp_set", "phone_set", "recovery_codes_set", "factors_removed"]
"""What an operator changed. The audit trail has it as the outcome."""


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
"""The kinds of notices that a suppressed mailbox gets, too.

No other mail tells the owner before a link that was given out is used (NIST SP 800-63B-4 4.6).
Operators give out so few links that these mails do not harm the reputation of a domain.
"""


class ChangeBegun(_OfAccount, frozen=True, kw_only=True):
    """A change of the password has begun. For a store in another system, this is a message, and the
    effects of the change are due unless it is withdrawn.

    `is_proven`: the client proved more than control of a mailbox.
    """

    how: How
    is_proven: bool = False


class AppEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event for the app.

    `event`: the body as it is sent. Each try sends the same bytes, even after an upgrade.
    """

    event: msgspec.Raw
    client: Client


class _AnyPayload(msgspec.Struct, frozen=True):
    """The field that all payloads have."""

    client: Client = Client()


def event_of(request: ResetRequested) -> str:
    """Return the request's event name in the audit trail."""
    if request.invites:
        return "invitation"
    return "operator_reset" if request.client.operator else "reset_request"


def request_of(message: Message) -> str:
    """Return the id of the request behind a message.

    "" if the payload cannot be read: its handler reports that.
    """
    try:
        return msgspec.json.decode(message.payload, type=_AnyPayload).client.request_id
    except msgspec.MsgspecError:
        return ""
