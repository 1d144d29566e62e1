"""How large a template, and what becomes of it, may be."""

from collections.abc import Iterable
from pathlib import Path

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.compiling import Filled
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.folders import Folders

LARGEST = 1_000_000
"""Characters of a text, octets of a file, entries of a list. Gmail shows a tenth of it (see the check of sizes)."""


class TooLarge(Exception):
    """A file, or what became of it, is larger than anybody reads."""


def require_readable(files: Iterable[Path]) -> None:
    """Raise TemplateInvalid, from TooLarge, where a file is too large to be read as a template."""
    for file in files:
        size = file.stat().st_size if file.is_file() else 0
        if size > LARGEST:
            raise TemplateInvalid(str(file), None, f"the file has {_megabytes(size)}") from TooLarge()


def require_sendable(filled: Filled, files: MailFiles, folders: Folders) -> None:
    """Raise TemplateInvalid, from TooLarge, where a mail has become too large for whoever may get it."""
    for file, text in zip(files, filled, strict=False):
        if len(text) > LARGEST:
            raise TemplateInvalid(str(folders / file), None, f"it makes {_megabytes(len(text))} of it") from TooLarge()


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB, and more than {LARGEST // 1_000_000} MB is not read"
