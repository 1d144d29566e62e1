"""A captured mail in the list of them."""

from datetime import UTC, datetime

import msgspec

from keyturn.emails.inbox.summary import Summary


class CapturedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A captured mail as a row of the list.

    `number` counts arrivals. `at` is when it was received, or what its own Date says where it is a file of a folder
    (`in_folder`), in the zone of this machine, where its reader sits.
    """

    id: str
    number: int
    at: datetime
    in_folder: bool
    read: bool
    summary: Summary

    @property
    def subject(self) -> str:
        return self.summary.subject

    @property
    def to(self) -> str:
        """Whom it goes to, as the list shows them."""
        everybody = self.summary.to or self.summary.cc or self.summary.bcc
        shown = ", ".join(each.address for each in everybody[:3])
        return f"{shown} and {len(everybody) - 3} more" if len(everybody) > 3 else shown

    @property
    def clock(self) -> str:
        return f"{self.at:%H:%M:%S}"

    @property
    def day(self) -> str:
        return f"{self.at.day} {self.at:%B}" if self.at.date() != datetime.now(self.at.tzinfo).date() else "Today"


def local_time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone()
