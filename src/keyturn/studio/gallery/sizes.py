"""Limits on the size of templates and mails."""

from collections.abc import Iterable
from pathlib import Path

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.compiling import Filled
from keyturn.mail.rendering.folders import Folders, MailFiles

LARGEST = 1_000_000  # characters of a text, bytes of a file, entries of a list; Gmail shows a tenth of it


class TooLarge(Exception):
    """A file or a rendered mail exceeds the limit."""


def require_readable(files: Iterable[Path]) -> None:
    """Raise TemplateInvalid from TooLarge if a file is too large."""
    for file in files:
        _require(file, "the file", file.stat().st_size if file.is_file() else 0)


def require_sendable(filled: Filled, files: MailFiles, folders: Folders) -> None:
    """Raise TemplateInvalid from TooLarge if a rendered mail is too large."""
    for file, text in zip(files, filled, strict=False):
        _require(folders / file, "the rendered text", len(text))


def _require(file: Path, what: str, size: int) -> None:
    if size > LARGEST:
        wrong = f"{what} has {size / 1_000_000:.1f} MB; the limit is {LARGEST // 1_000_000} MB"
        raise TemplateInvalid(str(file), None, wrong) from TooLarge()
