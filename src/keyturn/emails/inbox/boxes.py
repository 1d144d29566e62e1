"""The inboxes of a team: the usual one, and others that belong to one user of the SMTP server and one API key."""

import secrets
from collections.abc import Mapping

from msgspec import Struct, field

from keyturn.emails.inbox.store import CapturedMails


class NamedBox(Struct, frozen=True, kw_only=True):
    """An inbox of its own. Its name is the user name over SMTP. `key`: the API key; empty: none."""

    mails: CapturedMails
    password: str
    key: str = ""


class Boxes(Struct, frozen=True):
    """All inboxes. Mails without a login, or of a user without an inbox, belong to the `usual` one."""

    usual: CapturedMails
    named: Mapping[str, NamedBox] = field(default_factory=dict)

    @property
    def all(self) -> Mapping[str, CapturedMails]:
        """The inboxes by their names. The name of the usual one is empty."""
        return {"": self.usual, **{name: box.mails for name, box in self.named.items()}}

    @property
    def kept(self) -> int:
        return sum(mails.kept for mails in self.all.values())

    @property
    def revision(self) -> int:
        """Changes whenever an inbox changes."""
        return sum(mails.arrivals.revision for mails in self.all.values())

    def admits(self, user: str, password: str) -> bool:
        box = self.named.get(user)
        return box is None or secrets.compare_digest(box.password.encode(), password.encode())

    def of_user(self, name: str) -> CapturedMails:
        """Return the inbox of a user, who has logged in, or of a name."""
        box = self.named.get(name)
        return box.mails if box else self.usual

    def of_key(self, key: bytes) -> CapturedMails | None:
        boxes = [box for box in self.named.values() if box.key and secrets.compare_digest(box.key.encode(), key)]
        return boxes[0].mails if boxes else None

    def name_of(self, wanted: CapturedMails) -> str:
        return next(name for name, mails in self.all.items() if mails is wanted)

    def holding(self, mail_id: str) -> CapturedMails:
        """Return the inbox that holds a mail: ids are random, so no two inboxes share one. Else the usual one."""
        return next((mails for mails in self.all.values() if mails.holds(mail_id)), self.usual)

    def expire(self) -> None:
        for mails in self.all.values():
            mails.expire()

    def close(self) -> None:
        for mails in self.all.values():
            mails.close()
