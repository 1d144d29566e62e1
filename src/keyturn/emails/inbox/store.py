"""The mails that apps sent in development: those that came over SMTP, and the files of Keyturn's CaptureSender."""

import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from keyturn.emails.inbox.arrivals import Arrivals
from keyturn.emails.inbox.captured_mail import CapturedMail
from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.outbox_folder import OutboxFolder
from keyturn.emails.inbox.query import EVERYTHING, IN_FOLDER, Condition, newer_than, older_than, with_id
from keyturn.emails.inbox.schema import MailStoreUnready
from keyturn.emails.inbox.summary import Envelope, searched_text, sent_at, summarize
from keyturn.emails.inbox.table import MailTable, NewMail
from keyturn.private_files import make_private_file, make_private_folder

_ID_BYTES = 11
_BATCH = 200
"""So many mails are deleted in one go, and others are let in between."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How many mails are kept, and how many bytes of them: the oldest go first."""

    mails: int = 100_000
    size: int = 1024**3


class CapturedMails:
    """Keeps captured mails, newest first, to be listed, searched and waited for. Any thread may call.

    They lie in `file`, or as long as this lasts where there is none. The .eml files in `folder` are among them as long
    as they are there. Raises MailStoreUnready.
    """

    def __init__(
        self, file: Path | None = None, folder: Path | None = None, retention: Retention | None = None
    ) -> None:
        self.arrivals = Arrivals()
        self.retention = retention or Retention()
        self.folder = folder
        self._outbox = OutboxFolder(folder, self.retention.mails) if folder else None
        if file:
            _make_private(file)
        self._lock = threading.RLock()
        self._table = MailTable(str(file) if file else "")
        self._size, self._count = self._table.size(), self._table.count(EVERYTHING)
        self._delete_batches(IN_FOLDER)  # what is in the folder now is read anew

    def add(self, raw: bytes, envelope: Envelope | None = None, *, at: float | None = None) -> str:
        """Keep a mail, which came now or `at` another time, in seconds since 1970; return its id."""
        mail, now = MailContent(raw), time.time() if at is None else at
        summary = summarize(mail, envelope or Envelope())
        new = NewMail(secrets.token_hex(_ID_BYTES), now, now, summary, searched_text(mail), raw)
        with self._lock:
            self._insert(new)
        self.arrivals.tell()
        return new.id

    def newest(self, condition: Condition = EVERYTHING, *, limit: int = 100, skip: int = 0) -> list[CapturedMail]:
        """Return the newest mails."""
        with self._lock:
            self._look()
            return self._table.select(condition, limit, skip)

    @property
    def kept(self) -> int:
        """How many mails there are, by the last look into the folder: it costs nothing."""
        return self._count

    def count(self, condition: Condition = EVERYTHING, most: int = -1) -> int:
        """Count mails, up to `most`; each of them where it is negative."""
        with self._lock:
            self._look()
            return self._table.count(condition, most)

    def find(self, mail_id: str) -> CapturedMail:
        """Return a mail. Raises LookupError where there is none of this id, so no id leads out of the folder."""
        if found := self.newest(with_id(mail_id), limit=1):
            return found[0]
        raise LookupError(f"The outbox holds no mail called {mail_id}.")

    def raw(self, mail: CapturedMail) -> bytes:
        """Return a mail as it was received. Raises LookupError where it is gone by now."""
        with self._lock:
            raw = self._outbox.read(mail.id) if mail.in_folder and self._outbox else self._table.raw(mail.number)
        if raw is None:
            raise LookupError(f"The outbox holds no mail called {mail.id} any more.")
        return raw

    def around(self, mail: CapturedMail, count: int) -> list[CapturedMail]:
        """Return a mail among its neighbours, `count` on each side, newest first."""
        with self._lock:
            newer = self._table.select(newer_than(mail.number), count, order="ASC")
            return [*reversed(newer), mail, *self._table.select(older_than(mail.number), count)]

    def tags(self) -> dict[str, int]:
        """Return the tags, and how many mails have each."""
        with self._lock:
            self._look()
            return self._table.tags()

    def mark_read(self, condition: Condition, *, read: bool) -> None:
        with self._lock:
            self._table.mark_read(condition, read=read)

    def delete(self, condition: Condition = EVERYTHING) -> int:
        """Delete mails, and the files of those in the folder; return how many there were."""
        with self._lock:
            self._look()
            if self._outbox:
                for mail in self._table.select(condition & IN_FOLDER):
                    self._outbox.delete(mail.id)
            count = self._table.count(condition)
            if condition is EVERYTHING:
                self._table.empty()
                self._size = self._count = 0
        if condition is not EVERYTHING:
            self._delete_batches(condition)
        if count:
            self.arrivals.tell()
        return count

    def close(self) -> None:
        with self._lock:
            self._table.close()

    def _look(self) -> None:
        """Take in what came into the folder, and leave out what is gone from it."""
        if self._outbox is None:
            return
        new, gone = self._outbox.changes()
        for name in gone:
            self._delete(self._table.select(with_id(name), 1))
        for name in new:
            if (raw := self._outbox.read(name)) is not None:
                mail = MailContent(raw)
                written = self._outbox.written_at(name)
                summary = summarize(mail, Envelope())
                self._insert(NewMail(name, sent_at(mail, written), written, summary, searched_text(mail), None))

    def _insert(self, mail: NewMail) -> None:
        self._table.insert(mail)
        self._size += mail.summary.size
        self._count += 1
        while self._count > self.retention.mails or self._size > self.retention.size:
            self._delete(self._table.select(EVERYTHING, max(self._count - self.retention.mails, 1), order="ASC"))

    def _delete_batches(self, condition: Condition) -> None:
        while True:
            with self._lock:
                mails = self._table.select(condition, _BATCH)
                self._delete(mails)
            if not mails:
                return

    def _delete(self, mails: Sequence[CapturedMail]) -> None:
        self._table.delete(mails)
        self._size -= sum(mail.summary.size for mail in mails)
        self._count -= len(mails)


def _make_private(file: Path) -> None:
    """Make the file for its owner alone, since links that work lie in it."""
    try:
        if not file.exists():
            make_private_folder(file.absolute().parent)
            make_private_file(file)
    except OSError as error:
        raise MailStoreUnready(f"{file}: the mails cannot be kept there: {error.strerror or error}") from error
