"""Limits on the size of templates and mails."""

from collections.abc import Iterable
from pathlib import Path

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.compiling import Filled
from keyturn.mail.rendering.folders import Folders, MailFiles

LARGEST = 1_000_000
"""Characters of a text, bytes of a file, entries of a list. Gmail shows a tenth of it (see the check of sizes)."""


class TooLarge(Exception):
    """A file or a rendered mail exceeds the limit."""


def require_readable(files: Iterable[Path]) -> None:
    """Raise TemplateInvalid from TooLarge if a file is too large."""
    for file in files:
        size = file.stat().st_size if file.is_file() else 0
        if size > LARGEST:
            raise TemplateInvalid(str(file), None, f"the file has {_megabytes(size)}") from TooLarge()


def require_sendable(filled: Filled, files: MailFiles, folders: Folders) -> None:
    """Raise TemplateInvalid from TooLarge if a rendered mail is too large."""
    for file, text in zip(files, filled, strict=False):
        if len(text) > LARGEST:
            wrong = f"the rendered text has {_megabytes(len(text))}"
            raise TemplateInvalid(str(folders / file), None, wrong) from TooLarge()


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB; the limit is {LARGEST // 1_000_000} MB"
