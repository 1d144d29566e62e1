"""What the model knows: accounts, what their owners hold, mailboxes, and what waits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

SUPPRESSED_FOR, KEPT_FOR, RECENT = 14 * DAY, 7 * DAY, 30 * DAY
SHORTEST_PASSWORD = 12
MOST_MAILS, MOST_TRIES, MOST_STEPS = 5, 5, 5
"""Mails of a mailbox in a day, tries of a code, and second steps of a link: few, since a run has
few steps.
"""

State = Literal["active", "locked", "disabled"]
Reason = Literal["", "used", "invalid", "expired"]
ALWAYS: set[State] = {"active", "locked", "disabled"}


ANSWERS = {
    "": "200",
    "link is dead": "400 link-dead",
    "link works": "400 invalid-input",
    "password is rejected": "422 password-rejected",
    "code is missing": "401 second-step-required",
    "code is wrong": "401 second-step-rejected",
    "signed out": "401 not-signed-in",
    "current password is wrong": "401 credentials-rejected",
}
"""What the service answers for each reason of the model's."""


@dataclass(frozen=True)
class Kind:
    """The properties that all keys of a kind share.

    `life`: how long it works. `opens`: the states of an account in which it works. `follows`:
    whether it works after the account has moved, too. `ended_by`: what ends it before its time. A
    press ends only what its own mailbox got, and sessions, which no mailbox got.
    """

    life: timedelta
    opens: set[State] = field(default_factory=lambda: {"active"})
    follows: bool = False
    ended_by: set[str] = field(default_factory=set)


KINDS = {
    "link": Kind(30 * MINUTE, ended_by={"reset", "change", "press", "print"}),
    "operator's link": Kind(3 * DAY, ended_by={"reset", "change", "press", "print"}),
    "recovery link": Kind(DAY, ended_by={"reset", "press", "print"}, opens={"active", "locked"}),
    "printed link": Kind(30 * MINUTE, ended_by={"reset", "change", "press", "print"}),
    "printed recovery link": Kind(
        30 * MINUTE, ended_by={"reset", "press", "print"}, opens={"active", "locked"}
    ),
    "code": Kind(10 * MINUTE, ended_by={"reset", "change", "press", "print"}),
    "session": Kind(DAY / 2, ended_by={"reset", "change", "press"}, follows=True),
    "button": Kind(DAY, opens=ALWAYS, follows=True),
}
LINKS = "link", "operator's link", "recovery link", "printed link", "printed recovery link"


@dataclass(eq=False)
class Account:
    """An account of the app.

    `secured`: a press has locked it. `last_step`: the newest code of an authenticator app that was
    used.
    `unnoticed_until`: when the wrong codes since the last notice no longer count towards the next.
    """

    email: str
    password: str | None
    provider: str = ""
    enabled: bool = True
    secured: bool = False
    enrolled_at: datetime | None = None
    last_step: int = -1
    unnoticed_until: datetime = LONG_AGO

    def is_recent(self, now: datetime) -> bool:
        """Tell whether the second step was set up so recently that the owner's mailbox undoes
        it.
        """
        return self.enrolled_at is not None and self.enrolled_at > now - RECENT

    def count_wrong_step(self, now: datetime) -> bool:
        """Count a wrong code; tell whether the owner is told of it.

        Each one counts towards a notice for half a day.
        """
        gap = DAY / MOST_STEPS
        self.unnoticed_until = max(self.unnoticed_until, now) + gap
        is_noticed = self.unnoticed_until > now + DAY - gap
        if is_noticed:
            self.unnoticed_until = LONG_AGO
        return is_noticed

    @property
    def state(self) -> State:
        return "disabled" if not self.enabled else "locked" if self.secured else "active"

    @property
    def awaits_password(self) -> bool:
        return self.password is None and not self.provider


@dataclass(eq=False)
class Key:
    """What a user holds: something from a mail that went to `mailbox`, or a session.

    It works once; a session, often. `over`: why it ended before its time. `token`: what the service
    calls it.
    `tries`: of a code, or of second steps.
    """

    kind: str
    account: Account
    mailbox: str
    ends: datetime
    over: Reason = ""
    tries: int = 0
    is_replaced: bool = False
    token: str = ""

    def fault(self, now: datetime) -> Reason:
        """Return why it does not work now.

        If the app undoes a move or enables the account in time, it works again.
        """
        kind, account = KINDS[self.kind], self.account
        opens = account.state in kind.opens and (kind.follows or account.email == self.mailbox)
        return self.over or ("expired" if self.ends <= now else "" if opens else "invalid")

    def hint(self, now: datetime) -> str:
        """Return the address that the holder of an expired link learns, masked, until the link is
        replaced.
        """
        masked = f"{self.mailbox[:1]}***@{self.mailbox.partition('@')[2]}"
        return masked if self.fault(now) == "expired" and not self.is_replaced else ""

    def end(self, now: datetime) -> None:
        if not self.over and self.ends > now:
            self.over = "invalid"


@dataclass
class Mailbox:
    """Until when mails and a report hold back the next.

    `refilled_at`: when all mails of a day are left again.
    """

    rests_until: datetime = LONG_AGO
    refilled_at: datetime = LONG_AGO
    suppressed_until: datetime | None = None

    def refusal(self, now: datetime) -> str:
        """Return why it gets no link now: a day has so many, and pauses between them."""
        if self.is_suppressed(now):
            return "suppressed"
        is_full = self.refilled_at > now + DAY - DAY / MOST_MAILS
        return "rests" if is_full or self.rests_until > now else ""

    def is_suppressed(self, now: datetime) -> bool:
        return self.suppressed_until is not None and self.suppressed_until > now

    def count(self, now: datetime) -> None:
        self.refilled_at = max(self.refilled_at, now) + DAY / MOST_MAILS
        self.rests_until = now + MINUTE


@dataclass
class Message:
    """Something that waits for the worker: a request for a link, or news for the owner of the
    account.

    `is_outlived`: whether the button of such news has ended before there is one.
    """

    event: Literal[
        "reset_request", "invitation", "operator_reset", "change", "press", "warning", "help"
    ]
    mailbox: str
    account: Account | None = None
    is_outlived: bool = False


@dataclass
class Mail:
    """A mail that must leave, and all keys in it."""

    template: str
    to: str
    keys: list[Key] = field(default_factory=list)
