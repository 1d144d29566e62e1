"""Names of files: of a mail, of its parts, of what is shared; and bounds on symbolic links and
sizes.

A foreign branch may link to any file, and templates are shown, even in the log of a CI run (CWE-59,
CWE-61).
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from posixpath import splitext

from jinja2 import Environment, FileSystemLoader
from jinja2.exceptions import SecurityError
from jinja2.loaders import split_template_path

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.compiling import Filled
from keyturn.mail.rendering.folders import Folders, MailFiles
from keyturn.plain_files import leads_out


def bounds_of(folder: Path) -> Path:
    """Return the folder that links must stay in: the repository (but no home folder with its keys),
    or the folder.
    """
    here = folder.resolve()
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111 - works without a home folder
    for above in (here, *here.parents):
        if above != home and (above / ".git").exists():
            return above
    return here


class BoundedLoader(FileSystemLoader):
    """Loads templates from a folder, and none through a link that leads out of the bounds."""

    def __init__(self, folder: Path, bounds: Path | None) -> None:
        super().__init__(folder)
        self._folder = folder
        self._bounds = bounds

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return the source of a template.

        Raises SecurityError if a link leads out of the bounds.
        """
        file = self._folder.joinpath(*split_template_path(template))
        if leads_out(file, self._bounds):
            raise SecurityError(
                f"'{template}' is a link to a file outside the folder, which Keyturn does not read"
            )
        if file.exists() and not file.is_file():
            raise SecurityError(f"'{template}' is not a regular file, so it is not read")
        return super().get_source(environment, template)


# Characters of a text, bytes of a file, entries of a list. Gmail shows a tenth of it.
LARGEST = 1_000_000


class TooLarge(Exception):
    """A file or a rendered mail exceeds the limit."""


def require_readable(files: Iterable[Path]) -> None:
    """Raise TemplateInvalid from TooLarge if a file is too large."""
    for file in files:
        if file.is_file():
            _require_size(file, "the file", file.stat().st_size)


def require_sendable(filled: Filled, files: MailFiles, folders: Folders) -> None:
    for file, text in zip(files, filled, strict=False):
        _require_size(folders / file, "the rendered text", len(text))


def _require_size(file: Path, what: str, size: int) -> None:
    if size > LARGEST:
        wrong = f"{what} has {size / 1_000_000:.1f} MB; the limit is {LARGEST // 1_000_000} MB"
        raise TemplateInvalid(str(file), None, wrong) from TooLarge()


_SHARED = re.compile(
    r"_.*|(?:base|block|component|fragment|include|layout|macro|partial|snippet)s?|common|shared",
    re.IGNORECASE,
)
_BODY = re.compile(r"[_-](?:body|email|mail|message)$")  # beside `..._subject.txt` in Django's apps
# Stands beside "...-text.html" and "...-subject.html", as packages for Django want it.
_HTML_PART = re.compile(r"([_-])html$")
_OUTSIDE = ("/", "..")
# Generic names of files: the mail is named after its folder.
_ITS_FOLDERS_OWN = frozenset(
    {"index", "template", "email", "mail", "message", "html", "body", "content"}
)


def is_shared(file: str) -> bool:
    """Tell whether the name of a file, or of a folder around it, says that mails share it."""
    *folders, name = file.split("/")
    return name.startswith("_") or any(map(_SHARED.fullmatch, folders))


_SUFFIX = r"\.(?:mjml|html?|xhtml|xml|txt|text|subject|css)"
_TEMPLATE_OF = re.compile(rf"({_SUFFIX})\.[^./]+$|\.(?:j2|jinja2?)$", re.IGNORECASE)
_FORMAT = re.compile(rf"{_SUFFIX}$", re.IGNORECASE)


def plain_name(file: str) -> str:
    """Return the name without its template suffix, any that follows a format's own, as in
    "welcome.html.j2".
    """
    return file if _FORMAT.search(file) else _TEMPLATE_OF.sub(r"\1", file)


_HTML = (".html", ".htm")
_TEXT = (".txt", ".text")


class MjmlFiles(MailFiles):
    """The files of a mail with MJML markup, whatever its name: "welcome.mjml.j2", "welcome.tpl"."""

    __slots__ = ()

    @property
    def is_mjml(self) -> bool:
        return True


def ending_of(file: str) -> str:
    return splitext(plain_name(file))[1].lower()


def stem_of(file: str) -> str:
    return splitext(plain_name(file))[0]


def name_of(file: str) -> str:
    """Return the name of a mail by its markup: its folder's, if the file's own says no more."""
    stem = stem_of(file)
    folder, _, last = stem.rpartition("/")
    says_no_more = last in _ITS_FOLDERS_OWN or last == folder.rpartition("/")[2]
    if folder and says_no_more:
        return folder
    return stem


def files_meant_by(name: str, by: str) -> Iterator[str]:
    """Yield what a template may mean by a name, the likeliest first: the app's loader may start
    elsewhere.
    """
    if not name.startswith(_OUTSIDE):  # nearly always this one is there
        yield name
    for above in PurePosixPath(by).parents:
        file = os.path.normpath(above / name)
        if not file.startswith(_OUTSIDE):
            yield file
    parts = PurePosixPath(name).parts
    for start in range(1, len(parts)):
        file = "/".join(parts[start:])
        if not file.startswith(_OUTSIDE):
            yield file


def text_part(file: str, files: Mapping[str, str]) -> str:
    """Return the text part of a mail; "" if it has none.

    `files`: by their names without a template's ending.
    """
    stem = stem_of(file)
    name = name_of(file)
    wanted = [stem, f"{stem}.text", f"{stem}_text", f"{stem}_txt"]
    if stem != name:  # in a folder of its own
        last = name.rpartition("/")[2]
        wanted += [f"{name}/{own}" for own in (last, "text", "plain", "body", "txt")]
    wanted += _in_folders_of_texts(stem)
    found = _first_file(wanted, _TEXT, files)
    if not found and _HTML_PART.search(stem):
        found = _first_file([_HTML_PART.sub(r"\1text", stem)], _HTML, files)
    return found


def _in_folders_of_texts(stem: str) -> Iterator[str]:
    """Yield "text/welcome" and the like for "html/welcome"."""
    parts = stem.split("/")
    for at, part in enumerate(parts[:-1]):
        if part in ("html", "mjml"):
            for folder in ("text", "txt", "plain"):
                yield "/".join([*parts[:at], folder, *parts[at + 1 :]])


def subject(file: str, files: Mapping[str, str]) -> str:
    """Return the file with the subject of a mail; "" if it has none.

    `files`: by their names without a template's ending.
    """
    stem = stem_of(file)
    name = name_of(file)
    wanted = [f"{stem}.subject", f"{stem}_subject", f"{stem}-subject"]
    if stem != name:  # in a folder of its own
        wanted.append(f"{name}/subject")
    wanted.append(f"{_BODY.sub('', stem)}_subject")
    found = _first_file(wanted, _TEXT, files) or _first_file([stem], (".subject",), files)
    part = _HTML_PART.search(stem)
    if not found and part:
        without = _BODY.sub("", stem[: part.start()])
        found = _first_file([f"{without}{part[1]}subject"], (".txt", *_HTML), files)
    return found


def _first_file(stems: Iterable[str], endings: Sequence[str], files: Mapping[str, str]) -> str:
    for stem in stems:
        for ending in endings:
            if stem + ending in files:
                return files[stem + ending]
    return ""
