"""Stacks folders of templates so that they look like a single folder."""

from pathlib import Path
from typing import NamedTuple


class Folders:
    """A stack of template folders.

    A file in an earlier one replaces the same file in later ones.
    """

    def __init__(self, first: Path, *others: Path) -> None:
        self.all = (first, *others)

    def __truediv__(self, file: str) -> Path:
        """Return the path of a file; a file that no earlier folder holds is assumed in the last."""
        earlier = (folder / file for folder in self.all[:-1])
        return next((path for path in earlier if path.is_file()), self.all[-1] / file)


class MailFiles(NamedTuple):
    """The files of a mail.

    Without `subject` the markup's title is it; without markup the text stands for it.
    """

    markup: str
    text: str = ""
    subject: str = ""

    @property
    def is_mjml(self) -> bool:
        """Whether the mail is compiled from MJML; it may be plain HTML, too."""
        return self.markup.lower().endswith(".mjml")

    @property
    def is_text(self) -> bool:
        return self.markup == self.text


def own_files(name: str) -> MailFiles:
    return MailFiles(f"{name}/{name}.mjml", f"{name}/{name}.txt")
