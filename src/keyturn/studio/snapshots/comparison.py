"""Every mail of a gallery, with each of its samples, compared with its snapshot, which is plain
files.

* `TEMPLATE/SAMPLE.html`: the HTML, one tag a line
* `TEMPLATE/SAMPLE.txt`: the text part
* `TEMPLATE/SAMPLE.subject.txt`: the subject, if it is a file of its own
* `TEMPLATE/SAMPLE.de.html`: the HTML in another language than that of the templates
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import product
from pathlib import Path, PurePath
from typing import Literal, NamedTuple
from urllib.parse import unquote

from keyturn.errors import SettingsInvalid, TemplateInvalid
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.folders import MailFiles
from keyturn.plain_files import leads_out, read_plain_text, replace_file
from keyturn.studio.gallery import Gallery, MailName, Sample
from keyturn.studio.snapshots.difference import Difference, difference


class Snapshot(NamedTuple):
    """The parts of a mail in its snapshot. An empty part has no file."""

    html: str
    text: str = ""
    subject: str = ""

    @classmethod
    def of(cls, mail: Rendered, files: MailFiles) -> "Snapshot":
        html = mail.html.replace("><", ">\n<")
        subject = mail.subject if files.subject else ""
        return cls(_as_file(html), _as_file(mail.text), _as_file(subject))


def _as_file(text: str) -> str:
    """Return a part as usual hooks of repositories leave a file, so that such a hook makes no
    difference.

    It has no byte order mark, no blanks at the ends of lines, and one line break at its end.
    """
    lines = [line.rstrip(" \t\r") for line in text.removeprefix("\ufeff").split("\n")]
    plain = "\n".join(lines).rstrip("\n")
    if not plain:
        return ""
    return f"{plain}\n"


_NOT_PLAIN = re.compile(r"[^\w -]")
_NO_PARTS = Snapshot("")
_ENDINGS = Snapshot(html=".html", text=".txt", subject=".subject.txt")


class SnapshotFolder:
    """The folder of the snapshots.

    Names cannot lead out of it: samples are quoted, templates are paths below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[MailName]:
        names = set()
        for path in self.folder.rglob("[!.]*"):
            name = _name_of(path.relative_to(self.folder))
            if name and path.is_file():
                names.add(name)
        return sorted(names)

    def read(self, name: MailName) -> Snapshot | None:
        """Return the snapshot, or None. Octets that are not UTF-8 become U+FFFD."""
        parts = [_text(file) for file in self.places(name)]
        if parts == [None, None, None]:
            return None
        html, text, subject = (_as_file(part or "") for part in parts)
        return Snapshot(html, text, subject)

    def write(self, name: MailName, snapshot: Snapshot) -> None:
        """Write each file as a whole, and delete the file of a part that the mail no longer has."""
        for path, text in zip(self.places(name), snapshot, strict=True):
            if text:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, text.encode())
            else:
                path.unlink(missing_ok=True)

    def files(self, name: MailName) -> list[Path]:
        return [path for path in self.places(name) if path.is_file()]

    def places(self, name: MailName) -> list[Path]:
        """Return the paths of the HTML, the text and the subject, which need not exist.

        Raises LookupError for a name that would lead out of the folder.
        """
        template = PurePath(name.template)
        is_plain = not template.is_absolute() and ".." not in template.parts
        if not (name.template and name.sample and is_plain):
            raise LookupError(f"{name} cannot have a snapshot: its name is not a plain path.")
        stem = _quote_name(name.sample)
        if name.language:
            stem += f".{_quote_name(name.language)}"
        folder = self.folder / name.template
        if leads_out(folder, self.folder.resolve()):
            raise LookupError(f"{name} cannot have a snapshot: a link leads out of the folder.")
        return [folder / f"{stem}{ending}" for ending in _ENDINGS]


def _quote_name(part: str) -> str:
    return _NOT_PLAIN.sub(_quote_sign, part)


def _quote_sign(sign: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in sign[0].encode())


def _name_of(file: Path) -> MailName | None:
    # The longest first: ".subject.txt" is no ".txt".
    for ending in sorted(_ENDINGS, key=len, reverse=True):
        if file.name.endswith(ending) and file.parent.name:
            sample, _, language = file.name.removesuffix(ending).partition(".")
            return MailName(file.parent.as_posix(), unquote(sample), unquote(language))
    return None


def _text(path: Path) -> str | None:
    try:
        if path.is_symlink():  # it may lead to any file
            return None
        return read_plain_text(path, errors="replace")
    except OSError:
        return None


Differ = Callable[[str, str], Difference]  # a text before and after
# Renders a template in the language of a tag. Raises TemplateInvalid.
Renders = Callable[[str, MailFiles, Sample, str], Rendered]
State = Literal["same", "changed", "new", "gone", "broken"]


@dataclass(frozen=True)
class Comparison:
    """A mail beside its snapshot: `before`, and `after` as it is rendered now.

    `fault`: why it cannot be rendered. `differ`: finds the differences of a part.
    """

    name: MailName
    before: Snapshot | None = None
    after: Snapshot | None = None
    fault: TemplateInvalid | None = None
    differ: Differ = difference

    @property
    def state(self) -> State:
        if self.fault:
            return "broken"
        if self.after is None:
            return "gone"
        if self.before is None:
            return "new"
        if self.before != self.after:
            return "changed"
        return "same"

    @property
    def acceptable(self) -> bool:
        return self.state in ("changed", "new", "gone")

    @cached_property
    def id(self) -> str:
        """What a reader accepts: the id changes with the mail and with its snapshot."""
        seen = "\0".join((*self.name, *(self.before or ()), "\1", *(self.after or ())))
        return sha256(seen.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @cached_property
    def differences(self) -> tuple[Difference, Difference, Difference]:
        """The differences of the HTML, the text and the subject.

        A mail that cannot be rendered has none.
        """
        after = self.before if self.fault else self.after
        html, text, subject = map(self.differ, self.before or _NO_PARTS, after or _NO_PARTS)
        return html, text, subject


class Snapshots:
    """Compares mails with their snapshots.

    `languages`: tags, by default all. Raises SettingsInvalid.
    """

    def __init__(
        self,
        gallery: Gallery,
        stored: SnapshotFolder,
        languages: Sequence[str] = (),
        render: Renders | None = None,
        differ: Differ = difference,
    ) -> None:
        if stored.folder.resolve().is_relative_to(gallery.folder.resolve()):
            wrong = f"{stored.folder} is inside the folder of the templates: move it outside"
            raise SettingsInvalid.of("snapshots", wrong)
        self.stored = stored
        self.gallery = gallery
        known = gallery.languages.known
        own = gallery.languages.choose("").tag
        self._languages: dict[str, str] = {}  # by their part of a name
        for tag in languages or known:
            if tag not in known:
                wrong = f"there is no language {tag}; there are {', '.join(known)}"
                raise SettingsInvalid.of("snapshot_languages", wrong)
            self._languages["" if tag == own else tag] = tag
        self._render = render or gallery.render
        self._differ = differ

    def names(self) -> list[MailName]:
        """Return all mails, without a sample where none can be read, and the names of snapshots
        without a mail.
        """
        names: list[MailName] = []
        unreadable: set[str] = set()
        for entry in self.gallery.entries():
            if entry.unreadable:
                names.append(MailName(entry.name))
                unreadable.add(entry.name)
            for sample, tag in product(entry.samples, self._languages):
                names.append(MailName(entry.name, sample, tag))
        for name in self.stored.names():
            if name.template not in unreadable:
                names.append(name)
        return list(dict.fromkeys(names))

    def compare(self, name: MailName) -> Comparison:
        """Return the comparison of a mail.

        Raises LookupError if neither the mail nor a snapshot exists.
        """
        before = self.stored.read(name) if name.sample else None
        try:
            after = self._render_mail(name)
        except TemplateInvalid as fault:
            return Comparison(name, before, fault=fault, differ=self._differ)
        if before is None and after is None:
            raise LookupError(f"There is no mail {name}, and no snapshot of it.")
        return Comparison(name, before, after, differ=self._differ)

    def _render_mail(self, name: MailName) -> Snapshot | None:
        """Render a mail as its snapshot would be; None if there is no such mail.

        Raises TemplateInvalid.
        """
        if name.template not in self.gallery.names():
            return None
        sample = self.gallery.samples(name.template).get(name.sample)
        language = self._languages.get(name.language)
        if sample is None or language is None:
            return None
        files = self.gallery.files(name.template)
        return Snapshot.of(self._render(name.template, files, sample, language), files)

    def accept(self, comparison: Comparison) -> None:
        if comparison.acceptable:
            self.stored.write(comparison.name, comparison.after or _NO_PARTS)
