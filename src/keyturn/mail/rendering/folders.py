"""Stacks template folders so that they look like a single folder, and names the files of a mail."""

from pathlib import Path
from typing import NamedTuple


class Folders:
    """A stack of template folders.

    A file in an earlier folder replaces the same file in later ones.
    """

    def __init__(self, first: Path, *others: Path) -> None:
        self.all = (first, *others)

    def __truediv__(self, file: str) -> Path:
        """Return the path of a file; a file that no earlier folder holds is assumed in the last."""
        *earlier, last = self.all
        for folder in earlier:
            path = folder / file
            if path.is_file():
                return path
        return last / file


class MailFiles(NamedTuple):
    """The files of a mail.

    `markup`: MJML or HTML; for a mail without either, the text file.
    `text`: "" for a mail without a text part.
    `subject`: "" for a mail whose subject is the title in its markup.
    """

    markup: str
    text: str = ""
    subject: str = ""

    @property
    def is_mjml(self) -> bool:
        """Whether the mail is compiled from MJML."""
        return self.markup.lower().endswith(".mjml")

    @property
    def is_text(self) -> bool:
        """Whether the mail has no HTML part."""
        return self.markup == self.text


def own_files(name: str) -> MailFiles:
    """Return the files of a mail in Keyturn's own layout."""
    return MailFiles(f"{name}/{name}.mjml", f"{name}/{name}.txt")
