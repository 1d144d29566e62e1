"""The inbox: a folder of .eml files, which SMTP, Keyturn's CaptureSender and the user may write and
delete.
"""

import contextlib
import os
import secrets
import shutil
import tempfile
import threading
import time
import weakref
from itertools import count, islice
from pathlib import Path

from keyturn.errors import KeyturnError
from keyturn.plain_files import add_private_file, make_private_folder, read_plain_file
from keyturn.studio.inbox.captured_mail import CapturedMail, Envelope, Match, everything, row_of
from keyturn.studio.inbox.mail import MailContent

_EML = ".eml"
# The studio's own files begin so. The inbox deletes only these when it has too many.
OWN = "inbox-"

_LARGEST = 33 * 1024**2  # bytes of a mail: the limit of the SMTP server, with its envelope


class InboxUnready(KeyturnError):
    """Captured mails cannot be kept in a folder."""


class CapturedMails:
    """Lists the mails of a folder (None: one that lasts as long as this), from any thread.

    Raises InboxUnready.

    `most`, `size`: the largest number of mails, and of bytes. The oldest leave the list first; only
    files that the studio wrote are deleted then.
    """

    def __init__(
        self, folder: Path | None = None, *, most: int = 5_000, size: int = 1024**3
    ) -> None:
        self.is_temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="keyturn-inbox-"))
        self.close = weakref.finalize(self, _remove, self.folder if self.is_temporary else None)
        self._most = most
        self._size = size
        try:
            make_private_folder(self.folder)
        except OSError as error:
            reason = error.strerror or error
            raise InboxUnready(f"{folder}: mails cannot be stored there: {reason}") from error
        self._lock = threading.Lock()
        self._mails: dict[str, CapturedMail] = {}
        self._names: set[str] = set()
        self._numbers = count(1)

    def add(self, raw: bytes, envelope: Envelope | None = None) -> str:
        """Keep a mail that was received now; return its id."""
        name = f"{OWN}{time.time_ns():x}-{secrets.token_hex(4)}{_EML}"
        if envelope:
            raw = envelope.headers + raw
        add_private_file(self.folder / name, raw)
        self.count()  # so that the bounds hold
        return name

    def newest(
        self, match: Match = everything, *, limit: int | None = 100, skip: int = 0
    ) -> list[CapturedMail]:
        """Return the mails that match, the newest first, at most `limit` after `skip` of them."""
        with self._lock:
            self._look()
            mails = list(reversed(self._mails.values()))
        end = None if limit is None else skip + limit
        return list(islice(filter(match, mails), skip, end))

    @property
    def kept(self) -> int:
        """The number of mails at the last look into the folder, which costs nothing unless there
        were none.
        """
        return len(self._mails) or self.count()

    def count(self, match: Match = everything) -> int:
        return len(self.newest(match, limit=None))

    def find(self, mail_id: str) -> CapturedMail:
        """Return a mail. Raises LookupError for an unknown id, so no id leads out of the folder."""
        with self._lock:
            self._look()
            mail = self._mails.get(mail_id)
        if mail:
            return mail
        raise LookupError(f"There is no mail {mail_id} in the inbox.")

    def raw(self, mail: CapturedMail) -> bytes:
        """Return a mail as it was received, with its envelope.

        Raises LookupError if it has gone since.
        """
        try:
            return read_plain_file(self.folder / mail.id, _LARGEST)
        except OSError as error:
            raise LookupError(f"The mail {mail.id} is no longer in the inbox.") from error

    def content(self, mail_id: str) -> MailContent:
        """Return a mail by its id, to read its parts. Raises LookupError."""
        return MailContent(self.raw(self.find(mail_id)))

    def around(self, mail: CapturedMail, count: int) -> list[CapturedMail]:
        """Return a mail between those that arrived right after and before it, `count` each."""
        newer = []
        older = []
        for other in self.newest(limit=None):
            if other.number > mail.number:
                newer.append(other)
            elif other.number < mail.number:
                older.append(other)
        return [*newer[-count:], mail, *older[:count]]

    def mark_read(self, mail_id: str) -> bool:
        """Mark a mail as read; return whether it was unread."""
        with self._lock:
            mail = self._mails.get(mail_id)
            if mail is None or mail.read:
                return False
            mail.read = True
            return True

    def delete(self, match: Match = everything) -> int:
        """Delete mails with their files; return how many there were."""
        mails = self.newest(match, limit=None)
        for mail in mails:
            (self.folder / mail.id).unlink(missing_ok=True)
        return len(mails)

    def _look(self) -> None:
        """List new files, and forget deleted ones. A folder of 5,000 takes some milliseconds."""
        names: set[str] = set()
        # It may be deleted, or not be readable.
        with contextlib.suppress(OSError), os.scandir(self.folder) as files:
            names = {file.name for file in files if _is_mail(file.name)}
        for name in self._names - names:
            self._mails.pop(name, None)
        new = sorted((_written_at(self.folder / name), name) for name in names - self._names)
        for at, name in new[-self._most :]:
            with contextlib.suppress(OSError):  # deleted again, or not a plain file
                content = MailContent(read_plain_file(self.folder / name, _LARGEST))
                self._mails[name] = row_of(name, next(self._numbers), at, content)
        self._names = names
        self._keep_bounds()

    def _keep_bounds(self) -> None:
        size = sum(mail.size for mail in self._mails.values())
        while len(self._mails) > self._most or size > self._size:
            oldest = self._mails.pop(next(iter(self._mails)))
            size -= oldest.size
            if oldest.id.startswith(OWN):
                (self.folder / oldest.id).unlink(missing_ok=True)


def _remove(folder: Path | None) -> None:
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _is_mail(name: str) -> bool:
    """Tell whether a file is a mail that was written as a whole: others have a dot before."""
    return name.endswith(_EML) and not name.startswith(".")


def _written_at(file: Path) -> float:
    """Return when a file was written, in seconds since 1970; now for a deleted file."""
    try:
        return file.stat().st_mtime
    except OSError:
        return time.time()
