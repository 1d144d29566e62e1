"""The things that the model knows: accounts, links, buttons, codes, sessions, mailboxes, requests and mails."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

LINK_LIFE, OPERATORS_LINK_LIFE, RECOVERY_LIFE = 30 * MINUTE, 3 * DAY, DAY
CODE_LIFE, BUTTON_LIFE, MUTING_LIFE, SESSION_LIFE = 10 * MINUTE, DAY, 7 * DAY, DAY / 2
MUTED_FOR, SUPPRESSED_FOR, FORGOTTEN_AFTER = 7 * DAY, 14 * DAY, 7 * DAY
MOST_LINKS, MOST_MAILS, MOST_TRIES, MOST_STEPS = 2, 5, 5, 2
"""Links of an account, mails of a mailbox in a day, tries of a code, and second steps of a link: fewer than by default,
since a run has few steps."""

Reason = Literal["", "used", "invalid", "expired"]


@dataclass(eq=False)
class Account:
    """An account of the app.

    `secured`: a press has locked it. `last_step`: the newest code of an authenticator app that was used.
    """

    email: str
    password: str | None
    provider: str = ""
    enabled: bool = True
    secured: bool = False
    has_second_step: bool = False
    last_step: int = -1

    @property
    def active(self) -> bool:
        return self.enabled and not self.secured

    @property
    def locked(self) -> bool:
        return self.enabled and self.secured

    @property
    def awaits_password(self) -> bool:
        return self.password is None and not self.provider


@dataclass(eq=False)
class Link:
    """A link in a mail, or the token for a code. `over`: why it ended before its time."""

    account: Account
    mailbox: str
    ends: datetime
    recovers: bool = False
    over: Reason = ""
    is_replaced: bool = False
    is_forgotten: bool = False
    tries: int = 0
    token: str = ""

    def fault(self, now: datetime) -> Reason:
        """Return why the link does not work. It works only for the account, and at the address, that it was sent to."""
        account = self.account
        if self.is_forgotten:
            return "invalid"
        if self.over or self.ends <= now:
            return self.over or "expired"
        opens = account.active or (self.recovers and account.locked)
        return "" if opens and account.email == self.mailbox else "invalid"

    def is_alive(self, now: datetime) -> bool:
        return not self.over and self.ends > now


@dataclass(eq=False)
class Button:
    """The button "Secure your account" in the confirmation of a change."""

    account: Account
    mailbox: str
    changed_at: datetime
    ends: datetime
    is_pressed: bool = False
    token: str = ""

    def works(self, now: datetime) -> bool:
        return not self.is_pressed and self.ends > now


@dataclass(eq=False)
class Muting:
    """The small link of a mail with a link: it mutes the mailbox."""

    account: Account
    mailbox: str
    ends: datetime
    is_used: bool = False
    token: str = ""

    def works(self, now: datetime) -> bool:
        return not self.is_used and self.ends > now and self.account.email == self.mailbox


@dataclass(eq=False)
class Code:
    """The code beside a link. A mailbox has at most one, the newest."""

    account: Account
    ends: datetime
    tries: int = 0
    digits: str = ""


@dataclass(eq=False)
class Session:
    account: Account
    ends: datetime
    is_over: bool = False

    def is_open(self, now: datetime) -> bool:
        return not self.is_over and self.ends > now and self.account.active


@dataclass
class Mailbox:
    """Mails with a link that an address got since `since`, and why it gets no more."""

    mailed_at: datetime | None = None
    mails: int = 0
    since: datetime | None = None
    muted_until: datetime | None = None
    suppressed_until: datetime | None = None

    def refusal(self, now: datetime) -> str:
        """Return why the mailbox gets no link now: so many mails a day, and after the third ever longer pauses."""
        if self.suppressed_until and self.suppressed_until > now:
            return "suppressed"
        if self.muted_until and self.muted_until > now:
            return "muted"
        today = self.mails if self.since and self.since > now - DAY else 0
        if today >= MOST_MAILS:
            return "daily_limit"
        pause = MINUTE * 2 ** max(today - 3, 0)
        return "cooldown" if self.mailed_at and self.mailed_at + pause > now else ""

    def count(self, now: datetime) -> None:
        if self.since is None or self.since <= now - DAY:
            self.mails, self.since = 0, now
        self.mailed_at, self.mails = now, self.mails + 1


@dataclass(frozen=True)
class Request:
    """An accepted request that a worker has not answered. `event`: its name in the audit trail."""

    event: str
    email: str

    @property
    def is_operators(self) -> bool:
        return self.event != "reset_request"


@dataclass
class Mail:
    """A mail that must leave, and what it carries."""

    template: str
    to: str
    link: Link | None = None
    muting: Muting | None = None
    code: Code | None = None
    button: Button | None = None
