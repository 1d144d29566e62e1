"""Mails in files: one `.eml`, a folder of them, or a Maildir (RFC 5322; D. J. Bernstein's `maildir`).

They are copied into the inbox, so the inbox never changes the files.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.inbox.summary import sent_at
from keyturn.plain_files import paths_below

_LARGEST = 32 * 1024**2
"""Octets of a mail: the limit of the server."""

_MAILDIR = ("cur", "new")
_EML = ".eml"


def mail_files(place: Path) -> list[Path]:
    if place.is_file():
        return [place] if place.suffix.lower() == _EML else []
    if all((place / folder).is_dir() for folder in _MAILDIR):
        return sorted(file for folder in _MAILDIR for file in (place / folder).iterdir() if _is_mail(file))
    return sorted(file for file in paths_below(place) if file.suffix.lower() == _EML and _is_mail(file))


def add_mail_files(captured: CapturedMails, files: Sequence[Path]) -> list[Path]:
    """Add mails to the inbox, the oldest first by their own dates. Return the unreadable files.

    If there are more than the inbox keeps, only the latest files are read.
    """
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
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
