"""The mails of a folder, whole documents that no other file extends or includes, and the files that
they share.
"""

import os
import re
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from keyturn.mail.rendering.folders import Folders, MailFiles
from keyturn.plain_files import (
    DEEPEST,
    has_printable_name,
    leads_out,
    printable_name,
    read_plain_text,
)
from keyturn.studio.gallery import naming

_MARKUP = (".mjml", ".html", ".htm")
_OTHERS = (".txt", ".text", ".subject", ".css")
_TEMPLATE_SUFFIXES = (".j2", ".jinja", ".jinja2", ".tpl")  # the ending before may name the format
_SUFFIXES = frozenset((*_MARKUP, *_OTHERS, *_TEMPLATE_SUFFIXES))

_HANDLEBARS = (".hbs", ".handlebars")

NOT_OURS = frozenset({"node_modules", "__pycache__", "site-packages", "samples"})
_MARKS_ENVIRONMENT = "pyvenv.cfg"
_A_TAG = re.compile(r"<(?:!doctype|[a-z])", re.IGNORECASE)
_ROOT = re.compile(r"<mjml\b", re.IGNORECASE)
_FRAGMENT = re.compile(r"(?>\s+|<!--.*?-->|\{[#%{].*?[#%}]\})*+<mj-", re.DOTALL)
_REFERENCE = re.compile(
    r"""\{%[-+]?\s*(extends|include|import|from)\s+(\[[^\]{]*\]|"[^"]*"|'[^']*')"""
    r"""|<mj-(include)\s[^<>]*?path=("[^"]*"|'[^']*')"""
)
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_SUBJECT = re.compile(r"(?:^|[./_-])subject$", re.IGNORECASE)

_NOT_UTF_8 = "has a name that is not UTF-8"

# The block of Django's packages for MJML, in files of any name.
_MJML_BLOCK = re.compile(r"\{%\s*mjml\s*%\}")

_FORM_TOKEN = re.compile(r"\{%-?\s*csrf_token\b|\bcsrf_token\s*\(|\.hidden_tag\s*\(|\.csrf_token\b")
_SCRIPT = re.compile(r"<script\b(?![^<>]*ld\+json)", re.IGNORECASE)
_OWN_ASSET = re.compile(
    r"<iframe\b|<(?:link|script)\b[^<>]*\s(?:href|src)\s*=\s*[\"']"
    r"(?:\{%-?\s*static\b|\{\{-?\s*(?:url_for|static)\b|/(?!/))",
    re.IGNORECASE,
)

FileState = tuple[str, int, int]
"""A file, or an empty name; its time of change in ns; and its size."""


class _Text(NamedTuple):
    """Facts on a file: its format, as an ending; whether it is MJML without its root; the files
    that it names.

    `compiles`: it has Django's block for MJML. `prints`: it has tags of a template. `is_page`:
    unlike a mail, it has a form's token against forgery, or a script beside a frame or the app's
    own files.
    """

    kind: str
    fragment: bool
    extends: tuple[str, ...]
    refers: tuple[str, ...]
    compiles: bool
    prints: bool
    is_page: bool


class FolderContents(Struct, frozen=True):
    """The files of a folder at one time, by relative paths.

    `left_out`: reasons why some were not read.
    """

    mails: Mapping[str, MailFiles]
    shared: list[str]
    references: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]

    def reached_from(self, files: Iterable[str]) -> list[str]:
        return _reached(files, self.references)


class Patterns(Struct, frozen=True):
    """Rules on files, by patterns of paths.

    `bounds`: links may not lead out of it. `is_mail`: tells mails from pages of an app.
    """

    ignore: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    bounds: Path | None = None
    is_mail: Callable[[MailFiles], bool] | None = None


def contents_of(folders: Folders, patterns: Patterns) -> FolderContents:
    """Return the files of the folders; those of the first one count before those beneath."""
    walk = _Walk(patterns)
    for top in reversed(folders.all):
        walk.enter(str(top), "", (os.path.realpath(top),))
    contents = _classified(tuple(sorted(walk.states.items())), patterns)
    return replace(contents, left_out={**walk.left_out, **contents.left_out})


class _Walk:
    """A walk through folders of templates. It stays within the bounds of the patterns.

    `states`: of every file that may be part of a mail, by relative paths.
    `left_out`: reasons why others were not read.
    """

    def __init__(self, patterns: Patterns) -> None:
        self.states: dict[str, FileState] = {}
        self.left_out: dict[str, str] = {}
        self._ignored = patterns.ignore
        self._suffixes = _SUFFIXES.union(map(str.lower, patterns.suffixes))
        self._bounds = patterns.bounds

    def enter(self, folder: str, above: str, real: tuple[str, ...]) -> None:
        """Walk through a folder and those in it.

        `above`: its relative path and a slash, or "". `real`: its resolved path, after those of the
        folders around it.
        """
        try:
            with os.scandir(folder) as inside:
                entries = list(inside)
        except FileNotFoundError:  # deleted meanwhile
            return
        except OSError as error:
            self.left_out[above.rstrip("/")] = f"cannot be read: {error.strerror}"
            return
        for entry in entries:
            file = above + entry.name
            is_ignored = any(fnmatch(file, pattern) for pattern in self._ignored)
            if not is_ignored and not entry.name.startswith("."):
                self._visit(entry, file, real)

    def _visit(self, entry: os.DirEntry[str], file: str, real: tuple[str, ...]) -> None:
        is_folder = _is_folder(entry)
        ending = os.path.splitext(file)[1].lower()  # noqa: PTH122 - many
        is_part = not is_folder and ending in self._suffixes
        if is_folder:
            reason = self._refuse_folder(entry, real)
        elif is_part:
            reason = self._refuse_part(entry)
        else:
            reason = self._refuse_other(entry)
        if reason:
            self.left_out[printable_name(file)] = reason
        elif is_folder:
            self._enter_below(entry, file, real)
        elif is_part:
            with suppress(OSError):  # deleted meanwhile, as temporary files of editors are
                status = entry.stat()
                # A copy leaves the time of modification as it was.
                changed = max(status.st_mtime_ns, status.st_ctime_ns)
                self.states[file] = (entry.path, changed, status.st_size)

    def _enter_below(self, entry: os.DirEntry[str], file: str, real: tuple[str, ...]) -> None:
        if entry.name in NOT_OURS:
            return
        if os.path.isfile(f"{entry.path}/{_MARKS_ENVIRONMENT}"):  # noqa: PTH113 - many
            return
        place = f"{real[-1]}/{entry.name}"
        if entry.is_symlink():
            place = os.path.realpath(entry.path)
        self.enter(entry.path, f"{file}/", (*real, place))

    def _refuse_folder(self, entry: os.DirEntry[str], real: tuple[str, ...]) -> str:
        """Return why a folder is not entered; "" if it is."""
        if not has_printable_name(entry.name):
            return _NOT_UTF_8
        if len(real) > DEEPEST:
            return f"is nested more than {DEEPEST} folders deep"
        # A circle of links has no end.
        if entry.is_symlink() and os.path.realpath(entry.path) in real:
            return "is a link to a folder above it"
        return self._refuse_link(entry)

    def _refuse_part(self, entry: os.DirEntry[str]) -> str:
        """Return why a file with an ending of templates is not read; "" if it is."""
        if not has_printable_name(entry.name):
            return _NOT_UTF_8
        reason = self._refuse_link(entry)
        if reason:
            return reason
        if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - many
            return "is a link to a missing file"
        with suppress(OSError):  # deleted meanwhile
            if not stat.S_ISREG(entry.stat().st_mode):
                return "is not a regular file, but a pipe, a socket or a device"
        return ""

    def _refuse_other(self, entry: os.DirEntry[str]) -> str:
        """Return what an author may want to know of a file that is no template; else ""."""
        if entry.name.lower().endswith(_HANDLEBARS):
            return "is a template of Handlebars, which Keyturn cannot render: compile it to HTML"
        return self._refuse_link(entry)

    def _refuse_link(self, entry: os.DirEntry[str]) -> str:
        if entry.is_symlink() and leads_out(entry.path, self._bounds):
            return "is a link that leads out of the folder"
        return ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    if entry.is_symlink():
        return os.path.isdir(entry.path)  # noqa: PTH112 - for a link to itself, `is_dir` raises
    return entry.is_dir()


@lru_cache(4)
def _classified(states: tuple[tuple[str, FileState], ...], patterns: Patterns) -> FolderContents:
    texts: dict[str, _Text] = {}
    left_out: dict[str, str] = {}
    for file, state in states:
        try:
            texts[file] = _text(*state)
        except OSError as error:
            left_out[file] = f"cannot be read: {error.strerror}"
    references: dict[str, tuple[str, ...]] = {}
    for file, text in texts.items():
        references[file] = tuple(_files_named(text.refers, file, texts))
    sorting = _Sorting(texts, references, patterns.layouts)
    mails: dict[str, MailFiles] = {}
    pages: list[str] = []
    for name, files in sorting.mails().items():
        used = _reached([files.markup], references)
        if any(texts[file].is_page for file in used):
            pages.append(files.markup)
            reason = "is a page of an app, with its scripts or a form, and no mail"
            left_out[files.markup] = reason
        else:
            mails[name] = files
    of_pages = {*_reached(pages, references)} - _used_by(mails, references)
    shared = sorting.shared - of_pages
    if patterns.is_mail:  # leave out the other pages of an app, and files that only they use
        mails = {name: files for name, files in mails.items() if patterns.is_mail(files)}
        shared &= _used_by(mails, references)
    return FolderContents(dict(sorted(mails.items())), sorted(shared), references, left_out)


def _used_by(mails: Mapping[str, MailFiles], references: Mapping[str, Iterable[str]]) -> set[str]:
    return {*_reached(chain.from_iterable(mails.values()), references)}


class _Sorting:
    """The files of a folder, sorted into those of mails and those that mails share.

    `shared`: the latter.
    """

    def __init__(
        self,
        texts: Mapping[str, _Text],
        references: Mapping[str, tuple[str, ...]],
        layouts: Iterable[str],
    ) -> None:
        self._texts = texts
        self._references = references
        self._layouts = layouts
        self._named = {naming.plain_name(file): file for file in texts}
        self._used = _used(references)
        # No mail includes the files of a circle: they are shown, so that they are reported.
        of_circles = set(chain.from_iterable(references.values())) - self._used
        of_layouts: dict[str, tuple[str, ...]] = {}
        self._kinds: dict[str, str] = {}
        for file, text in texts.items():
            of_layouts[file] = tuple(_files_named(text.extends, file, texts))
            self._kinds[file] = text.kind or (".html" if file in of_circles else "")
        self._used |= _used(of_layouts)
        self.shared = set(filter(self._is_shared, texts))

    def _is_shared(self, file: str) -> bool:
        if naming.is_shared(file) or file in self._used:
            return True
        text = self._texts[file]
        kind = self._kinds[file]
        if kind == ".mjml" and text.fragment and not text.extends:
            return True
        return kind in _MARKUP and any(fnmatch(file, pattern) for pattern in self._layouts)

    def mails(self) -> dict[str, MailFiles]:
        """Return the files of each mail by its name."""
        mails = self._mails_of_markup()
        taken = set(chain.from_iterable(mails.values())) | self.shared
        for file, text in self._texts.items():
            if file not in taken and text.prints and _is_text(file):
                own = MailFiles(file, file, naming.subject(file, self._named))
                mails.setdefault(naming.name_of(file), own)
        parts = set(chain.from_iterable(map(_parts_of, mails.values())))
        whole: dict[str, MailFiles] = {}
        for name, files in mails.items():
            if files.markup not in parts:
                whole[name] = naming.MjmlFiles(*files) if self._compiles(files) else files
        return whole

    def _mails_of_markup(self) -> dict[str, MailFiles]:
        with_mjml = {naming.stem_of(file) for file, kind in self._kinds.items() if kind == ".mjml"}
        mails: dict[str, MailFiles] = {}
        for file, kind in self._kinds.items():
            is_mjml = kind == ".mjml"
            # Beside a file of MJML, HTML of the same name is what it was compiled to.
            is_markup = is_mjml or (kind in _MARKUP and naming.stem_of(file) not in with_mjml)
            if is_markup and file not in self.shared:
                form = naming.MjmlFiles if is_mjml else MailFiles
                text = naming.text_part(file, self._named)
                subject = naming.subject(file, self._named)
                mails[naming.name_of(file)] = form(file, text, subject)
        return mails

    def _compiles(self, files: MailFiles) -> bool:
        used = _reached([files.markup], self._references)
        return any(self._texts[file].compiles for file in used)


def _is_text(file: str) -> bool:
    if naming.ending_of(file) not in (".txt", ".text"):
        return False
    return not _SUBJECT.search(naming.stem_of(file))


def _parts_of(files: MailFiles) -> Iterator[str]:
    """Yield the files of a mail that are no markup."""
    for file in (files.text, files.subject):
        if file != files.markup:
            yield file


def _files_named(names: Iterable[str], file: str, files: Collection[str]) -> Iterator[str]:
    """Yield the files that are meant by names in a file."""
    for name in names:
        for path in naming.files_meant_by(name, file):
            if path in files:
                yield path
                break


def _used(below: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the files that others refer to.

    A file that is only named within its own circle of references does not count.
    """
    above: dict[str, list[str]] = {}
    for file, named in below.items():
        for one in named:
            above.setdefault(one, []).append(file)
    used: set[str] = set()
    for file, users in above.items():
        own = {*_reached(below.get(file, ()), below)}
        is_in_circle = file in own and own.issuperset(_reached(users, above))
        if not is_in_circle:
            used.add(file)
    return used


def _reached(files: Iterable[str], references: Mapping[str, Iterable[str]]) -> list[str]:
    reached: dict[str, None] = {}
    waiting = deque(file for file in files if file)
    while waiting:
        file = waiting.popleft()
        if file not in reached:
            reached[file] = None
            waiting.extend(references.get(file, ()))
    return list(reached)


@lru_cache(65_536)
def _text(path: str, _: int, size: int) -> _Text:
    text = ""
    if size <= naming.LARGEST:  # rendering reports a larger one
        text = read_plain_text(path, encoding="utf-8-sig", errors="replace")
    extends: list[str] = []
    refers: list[str] = []
    for tag, named, _, included in _REFERENCE.findall(text):
        names = _QUOTED.findall(named or included)
        refers += names
        if tag == "extends":
            extends += names
    is_whole = _ROOT.search(text) is not None
    fragment = not is_whole and _FRAGMENT.match(text) is not None
    kind = naming.ending_of(path)
    if kind not in (*_MARKUP, *_OTHERS):  # without one, as in "welcome.tpl", the text decides
        kind = _kind_of(text, is_mjml=is_whole or fragment)
    return _Text(
        kind=kind,
        fragment=fragment,
        extends=tuple(extends),
        refers=tuple(refers),
        compiles=_MJML_BLOCK.search(text) is not None,
        prints="{{" in text or "{%" in text,
        is_page=_is_page(text),
    )


def _kind_of(text: str, *, is_mjml: bool) -> str:
    if is_mjml:
        return ".mjml"
    if _A_TAG.search(text):
        return ".html"
    return ""


def _is_page(text: str) -> bool:
    has_own_script = bool(_SCRIPT.search(text) and _OWN_ASSET.search(text))
    return has_own_script or bool(_FORM_TOKEN.search(text))


def state_of(file: str) -> FileState:
    try:
        status = Path(file).stat()
    except OSError:  # an mj-include looks in several places
        return file, 0, 0
    return file, status.st_mtime_ns, status.st_size


def is_unchanged(states: Iterable[FileState]) -> bool:
    """Tell whether files are unchanged. Sources without a file count as changed."""
    return all(file and state_of(file) == (file, *others) for file, *others in states)
