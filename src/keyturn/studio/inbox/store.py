"""The mails that apps sent in development: over SMTP, and as files of Keyturn's CaptureSender."""

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from keyturn.plain_files import make_private_file, make_private_folder, paths_below
from keyturn.studio.inbox.mail import MailContent
from keyturn.studio.inbox.query import EVERYTHING, IN_FOLDER, Condition, newer_than, older_than, with_id
from keyturn.studio.inbox.summary import CapturedMail, Envelope, searched_text, sent_at, summarize
from keyturn.studio.inbox.table import MailStoreUnready, MailTable, NewMail

_ID_BYTES = 11
_BATCH = 200
"""Mails of one deletion. Other work runs in between."""


class MailRetention(msgspec.Struct, frozen=True, kw_only=True):
    """How many mails and bytes are kept: the oldest mails go first."""

    mails: int = 100_000
    size: int = 1024**3


class CapturedMails:
    """Keeps captured mails, newest first: lists, searches and waits for them. Any thread may call.

    `file`: the database. None: one that lasts as long as this object.
    `folder`: .eml files that are listed as long as they exist.

    Raises MailStoreUnready.
    """

    def __init__(
        self, file: Path | None = None, folder: Path | None = None, retention: MailRetention | None = None
    ) -> None:
        self.arrivals = Arrivals()
        self.retention = retention or MailRetention()
        self.folder = folder
        self._folder = CaptureFolder(folder, self.retention.mails) if folder else None
        if file:
            _make_private(file)
        self._lock = threading.RLock()
        self._table = MailTable(str(file) if file else "")
        self._size, self._count = self._table.size(), self._table.count(EVERYTHING)
        self._delete_batches(IN_FOLDER)  # the files of the folder are read again

    def add(self, raw: bytes, envelope: Envelope | None = None, *, at: float | None = None) -> str:
        """Keep a mail that was received now or `at` another time, in seconds since 1970; return its id."""
        mail, now = MailContent(raw), time.time()
        summary = summarize(mail, envelope or Envelope())
        new = NewMail(secrets.token_hex(_ID_BYTES), now if at is None else at, now, summary, searched_text(mail), raw)
        with self._lock:
            self._insert(new)
        self.arrivals.tell()
        return new.id

    def newest(self, condition: Condition = EVERYTHING, *, limit: int = 100, skip: int = 0) -> list[CapturedMail]:
        with self._lock:
            self._look()
            return self._table.select(condition, limit, skip)

    @property
    def kept(self) -> int:
        """The number of mails at the last look into the folder. Reading it costs nothing."""
        return self._count

    def count(self, condition: Condition = EVERYTHING, most: int = -1) -> int:
        with self._lock:
            self._look()
            return self._table.count(condition, most)

    def find(self, mail_id: str) -> CapturedMail:
        """Return a mail. Raises LookupError for an unknown id, so no id leads out of the folder."""
        if mails := self.newest(with_id(mail_id), limit=1):
            return mails[0]
        raise LookupError(f"There is no mail {mail_id} in the inbox.")

    def raw(self, mail: CapturedMail) -> bytes:
        """Return a mail as it was received. Raises LookupError if it has gone since."""
        with self._lock:
            raw = self._folder.read(mail.id) if mail.in_folder and self._folder else self._table.raw(mail.number)
        if raw is None:
            raise LookupError(f"The mail {mail.id} is no longer in the inbox.")
        return raw

    def around(self, mail: CapturedMail, count: int) -> list[CapturedMail]:
        with self._lock:
            newer = self._table.select(newer_than(mail.number), count, order="ASC")
            return [*reversed(newer), mail, *self._table.select(older_than(mail.number), count)]

    def tags(self) -> dict[str, int]:
        with self._lock:
            self._look()
            return self._table.tags()

    def mark_read(self, condition: Condition, *, read: bool) -> None:
        with self._lock:
            self._table.mark_read(condition, read=read)

    def delete(self, condition: Condition = EVERYTHING) -> int:
        with self._lock:
            self._look()
            if self._folder:
                for mail in self._table.select(condition & IN_FOLDER):
                    self._folder.delete(mail.id)
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
        if self._folder is None:
            return
        new, gone = self._folder.changes()
        for name in gone:
            self._delete(self._table.select(with_id(name), 1))
        for name in new:
            if (raw := self._folder.read(name)) is not None:
                mail = MailContent(raw)
                written = self._folder.written_at(name)
                summary = summarize(mail, Envelope())
                self._insert(NewMail(name, sent_at(mail, written), written, summary, searched_text(mail), None))

    def _insert(self, mail: NewMail) -> None:
        self._table.insert(mail)
        self._size += mail.summary.size
        self._count += 1
        while self._count > self.retention.mails or self._size > self.retention.size:
            self._delete(self._table.select(EVERYTHING, max(self._count - self.retention.mails, 1), order="ASC"))

    def _delete_batches(self, condition: Condition) -> None:
        mails = None
        while mails != []:
            with self._lock:
                mails = self._table.select(condition, _BATCH)
                self._delete(mails)

    def _delete(self, mails: Sequence[CapturedMail]) -> None:
        self._table.delete(mails)
        self._size -= sum(mail.summary.size for mail in mails)
        self._count -= len(mails)


def _make_private(file: Path) -> None:
    """Make the file readable only for its owner, since it holds working links."""
    try:
        if not file.exists():
            make_private_folder(file.absolute().parent)
            make_private_file(file)
    except OSError as error:
        raise MailStoreUnready(f"{file}: mails cannot be stored there: {error.strerror or error}") from error


class Arrivals:
    """Counts the changes of the captured mails. `revision`: the count, for which other threads and event loops wait."""

    def __init__(self) -> None:
        self.revision = 0
        self._condition = threading.Condition()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def tell(self) -> None:
        with self._condition:
            self.revision += 1
            self._condition.notify_all()
            for event, loop in self._waiting.items():
                with contextlib.suppress(RuntimeError):  # the loop has ended, and its waiting tasks with it
                    loop.call_soon_threadsafe(event.set)

    def wait(self, seen: int, seconds: float) -> None:
        """Wait in this thread until the revision differs from `seen`, at most so many seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self.revision != seen, seconds)

    async def wait_in_loop(self, seen: int, seconds: float) -> None:
        event = asyncio.Event()
        with self._condition:
            if self.revision != seen:
                return
            self._waiting[event] = asyncio.get_running_loop()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            with self._condition:
                self._waiting.pop(event, None)


_SETTLED = 2.0
"""Seconds until a folder's modification time is reliable: two changes within a clock tick share one time."""


class CaptureFolder:
    """Lists new and deleted files of the folder that `mail.transport = "capture"` writes to (RFC 5322).

    `newest`: the number of files of the first look.
    """

    def __init__(self, folder: Path, newest: int) -> None:
        self.folder = folder
        self._newest = newest
        self._known: set[str] | None = None
        self._looked_at = -1

    def changes(self) -> tuple[list[str], list[str]]:
        """Return the new names, in the order in which they were written, and the deleted names."""
        with contextlib.suppress(OSError):
            modified = self.folder.stat().st_mtime_ns
            if modified == self._looked_at:
                return [], []
            self._looked_at = modified if time.time() - modified / 1e9 > _SETTLED else -1
        names = {file.name for file in self.folder.glob("[!.]*.eml") if file.is_file()}
        new = sorted(names - (self._known or set()), key=lambda name: (self.written_at(name), name))
        gone = sorted((self._known or set()) - names)
        new = new[-self._newest :] if self._known is None else new
        self._known = names
        return new, gone

    def read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def written_at(self, name: str) -> float:
        return _written_at(self.folder / name)

    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)


_LARGEST = 32 * 1024**2
"""Octets of a mail: the limit of the server."""

_MAILDIR = ("cur", "new")
_EML = ".eml"


def mail_files(place: Path) -> list[Path]:
    """Return the mails of a file, a folder or a Maildir (D. J. Bernstein's `maildir`), by their paths."""
    if place.is_file():
        return [place] if place.suffix.lower() == _EML else []
    if all((place / folder).is_dir() for folder in _MAILDIR):
        return sorted(file for folder in _MAILDIR for file in (place / folder).iterdir() if _is_mail(file))
    return sorted(file for file in paths_below(place) if file.suffix.lower() == _EML and _is_mail(file))


def add_mail_files(captured: CapturedMails, files: Sequence[Path]) -> list[Path]:
    """Add mails, the oldest first by their dates, but no more files than are kept. Return the unreadable files."""
    unreadable: list[Path] = []
    kept = sorted(files, key=_written_at)[-captured.retention.mails :]
    mails = sorted(_read(kept, unreadable), key=lambda mail: mail[0])
    for at, raw in mails:
        captured.add(raw, at=at)
    return unreadable


def _read(files: Sequence[Path], unreadable: list[Path]) -> Iterator[tuple[float, bytes]]:
    for file in files:
        try:
            raw = file.read_bytes() if file.stat().st_size <= _LARGEST else b""
        except OSError:
            raw = b""
        if not raw:
            unreadable.append(file)
            continue
        yield sent_at(MailContent(raw), _written_at(file)), raw


def _is_mail(file: Path) -> bool:
    return not file.name.startswith(".") and file.is_file()


def _written_at(file: Path) -> float:
    """Return when a file was written, in seconds since 1970; now for a deleted file."""
    try:
        return file.stat().st_mtime
    except OSError:
        return time.time()
