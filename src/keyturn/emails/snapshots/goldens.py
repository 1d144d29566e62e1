"""Snapshot files: plain files that people can open and version control can show.

* `TEMPLATE/SAMPLE.html`: the mail, one tag a line, so that differences are readable
* `TEMPLATE/SAMPLE.txt`: its text part, if it has one
* `TEMPLATE/SAMPLE.subject.txt`: its subject, if the HTML has no title with it
* `TEMPLATE/SAMPLE.de.html`: the mail in another language than that of the templates
"""

import re
from pathlib import Path, PurePath
from typing import NamedTuple
from urllib.parse import unquote

from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.folders import MailFiles
from keyturn.plain_files import leads_out, read_plain_text, replace_file


class MailName(NamedTuple):
    """The name of a mail. `language`: its tag, empty for the language of the templates."""

    template: str
    sample: str
    language: str = ""

    def __str__(self) -> str:
        return f"{self.template}/{self.sample}" + (f" {self.language}" if self.language else "")


class Snapshot(NamedTuple):
    """The parts of a mail in its snapshot. An empty part has no file."""

    html: str
    text: str = ""
    subject: str = ""

    @classmethod
    def of(cls, mail: Rendered, files: MailFiles) -> "Snapshot":
        html, text = (part.replace("\r\n", "\n") for part in (mail.html, mail.text))
        return cls(html.replace("><", ">\n<") + "\n", text, f"{mail.subject}\n" if files.subject else "")


def in_one_line(html: str) -> str:
    """Return the HTML of a snapshot as it is drawn: within text, a break between tags would show as a blank."""
    return html.removesuffix("\n").replace(">\n<", "><")


_NOT_PLAIN = re.compile(r"[^\w -]")
_ENDINGS = Snapshot(html=".html", text=".txt", subject=".subject.txt")


class Goldens:
    """The folder of the snapshots. Names cannot lead out of it: samples are quoted, templates are paths below it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[MailName]:
        files = (path.relative_to(self.folder) for path in self.folder.rglob("[!.]*") if path.is_file())
        return sorted({name for file in files if (name := _name_of(file))})

    def read(self, name: MailName) -> Snapshot | None:
        """Return the snapshot, or None. Octets that are not UTF-8 become U+FFFD."""
        parts = [_text(file) for file in self.places(name)]
        return None if parts == [None, None, None] else Snapshot(*(part or "" for part in parts))

    def write(self, name: MailName, snapshot: Snapshot) -> None:
        """Write each file as a whole, and delete the file of a part that the mail no longer has."""
        for path, text in zip(self.places(name), snapshot, strict=True):
            if text:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, text.encode())
            else:
                path.unlink(missing_ok=True)

    def remove(self, name: MailName) -> None:
        paths = self.places(name)
        for path in paths:
            path.unlink(missing_ok=True)
        for folder in paths[0].parents:
            if folder == self.folder or any(folder.iterdir()):
                return
            folder.rmdir()

    def files(self, name: MailName) -> list[Path]:
        return [path for path in self.places(name) if path.is_file()]

    def places(self, name: MailName) -> list[Path]:
        """Return the places of the parts, in their order. Raises LookupError for a name that leads elsewhere."""
        template = PurePath(name.template)
        if not name.template or not name.sample or template.is_absolute() or ".." in template.parts:
            raise LookupError(f"{name} cannot have a golden file: its name is not a plain path.")
        stem = _quote_name(name.sample) + (f".{_quote_name(name.language)}" if name.language else "")
        folder = self.folder / name.template
        if leads_out(folder, self.folder.resolve()):
            raise LookupError(f"{name} cannot have a golden file: a link leads out of the folder.")
        return [folder / f"{stem}{ending}" for ending in _ENDINGS]


def _quote_name(part: str) -> str:
    """Return a part of a file name, percent-encoded except for letters, digits, `_`, `-` and blanks.

    Dots are encoded too, so that the parts between dots stay distinct.
    """
    return _NOT_PLAIN.sub(lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode()), part)


def _name_of(file: Path) -> MailName | None:
    for ending in sorted(_ENDINGS, key=len, reverse=True):
        if file.name.endswith(ending) and file.parent.name:
            sample, _, language = file.name.removesuffix(ending).partition(".")
            return MailName(file.parent.as_posix(), unquote(sample), unquote(language))
    return None


def _text(path: Path) -> str | None:
    try:
        return None if path.is_symlink() else read_plain_text(path, errors="replace")
    except OSError:
        return None
