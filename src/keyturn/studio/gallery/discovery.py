"""Finds the mails of a folder, and the layouts and partials that they share.

A mail is a whole document in MJML or HTML that no other file extends or includes. Where that does not decide, names do:
files and folders that start with `_`, and folders such as `layouts`, `partials` and `components`, are shared.
"""

import contextlib
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatch
from functools import cached_property
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from keyturn.mail.rendering.folders import Folders, MailFiles, UnnamedMjml, plain_name
from keyturn.plain_files import DEEPEST, has_printable_name, leads_out, printable_name, read_plain_text
from keyturn.studio.gallery import naming
from keyturn.studio.gallery.sizes import LARGEST

_MARKUP = (".mjml", ".html", ".htm")
_OTHERS = (".txt", ".text", ".subject", ".css")
_TEMPLATE_SUFFIXES = (".j2", ".jinja", ".jinja2", ".tpl")
"""Endings of templates whose format, if any, is named by the ending before."""

_HANDLEBARS = (".hbs", ".handlebars")

NOT_OURS = frozenset({"node_modules", "__pycache__", "site-packages", "samples"})
_MARKS_ENVIRONMENT = "pyvenv.cfg"
_A_TAG = re.compile(r"<(?:!doctype|[a-z])", re.IGNORECASE)
_ROOT = re.compile(r"<mjml\b", re.IGNORECASE)
_FRAGMENT = re.compile(r"(?>\s+|<!--.*?-->|\{[#%{].*?[#%}]\})*+<mj-", re.DOTALL)
_REFERENCE = re.compile(
    r"""\{%[-+]?\s*(extends|include|import|from)\s+(\[[^\]{]*\]|"[^"]*"|'[^']*')|<mj-(include)\s[^<>]*?path=("[^"]*"|'[^']*')"""
)
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_SUBJECT = re.compile(r"(?:^|[./_-])subject$", re.IGNORECASE)
_BLOCK = re.compile(r"\{%[-+]?\s*block\s")
_MJML_BLOCK = re.compile(r"\{%\s*mjml\s*%\}")
"""The block of Django's packages for MJML, in files of any name."""


State = tuple[int, int, str]
"""Time of the last change of a file, in nanoseconds, its size, and its path."""


class _Text(NamedTuple):
    """Facts on a file's text: its format, whether it is MJML without its root, and the files that it names."""

    looks_like: str
    fragment: bool
    extends: tuple[str, ...]
    refers: tuple[str, ...]
    blocks: bool
    compiles: bool
    prints: bool


class FolderContents(Struct, frozen=True, dict=True):
    """The files of a folder at one time, by relative paths. `left_out`: reasons why some were not read."""

    mails: Mapping[str, MailFiles]
    layouts: tuple[str, ...]
    partials: tuple[str, ...]
    references: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str] = {}

    @cached_property
    def shared(self) -> list[str]:
        return sorted((*self.layouts, *self.partials))

    def reached_from(self, files: Iterable[str]) -> list[str]:
        return _reached(files, self.references)


class Patterns(Struct, frozen=True):
    """Rules on the files of a folder. `ignore` and `layouts` are patterns of paths, as "drafts/*".

    `suffixes`: more endings of templates. `bounds`: links may not lead out of it. `is_mail`: tells the mails of a
    project from the pages of its app.
    """

    ignore: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    bounds: Path | None = None
    is_mail: Callable[[MailFiles], bool] | None = None


class Discovery:
    """Lists the files of `folder` and of the ones beneath it, whose files it overrides."""

    def __init__(self, folder: Path, patterns: Patterns, *beneath: Path) -> None:
        self._folders = Folders(folder, *beneath)
        self._patterns = patterns
        self._known: dict[str, tuple[State, _Text]] = {}
        self._seen: tuple[Mapping[str, State], FolderContents] = ({}, FolderContents({}, (), (), {}))
        self._left_out: dict[str, str] = {}
        self._unreadable: dict[str, str] = {}
        self._looking = Lock()
        self._suffixes = (*_TEMPLATE_SUFFIXES, *(suffix.lower() for suffix in patterns.suffixes))

    def look(self) -> FolderContents:
        """List the folders now. Only changed files are read again. Threads take turns."""
        with self._looking:
            return self._look()

    def _look(self) -> FolderContents:
        self._left_out = {}
        pairs = chain.from_iterable(
            self._states(folder, "", (os.path.realpath(folder),)) for folder in reversed(self._folders.all)
        )
        states = dict(sorted(dict(pairs).items()))
        if states != self._seen[0]:
            self._unreadable = {}
            files = {file: text for file, state in states.items() if (text := self._text(file, state)) is not None}
            self._seen = states, self._classify(files)
        return replace(self._seen[1], left_out=self._left_out | self._unreadable)

    def _states(self, folder: str | Path, above: str, real: tuple[str, ...]) -> Iterator[tuple[str, State]]:
        """Yield the state of every file that may be part of a mail. `real`: the resolved folders above."""
        try:
            inside = os.scandir(folder)
        except FileNotFoundError:  # deleted meanwhile
            return
        except OSError as error:
            self._left_out[above.rstrip("/")] = f"cannot be read: {error.strerror}"
            return
        with contextlib.suppress(OSError), inside:
            for each in inside:
                file = above + each.name
                if each.name.startswith(".") or any(fnmatch(file, pattern) for pattern in self._patterns.ignore):
                    continue
                if self._leave_out(each, file, real):
                    continue
                if _is_folder(each):
                    if each.name not in NOT_OURS and not Path(each.path, _MARKS_ENVIRONMENT).is_file():
                        there = os.path.realpath(each.path) if each.is_symlink() else f"{real[-1]}/{each.name}"
                        yield from self._states(each.path, f"{file}/", (*real, there))
                elif self._can_be_part(file):
                    with contextlib.suppress(OSError):  # deleted meanwhile, as temporary files of editors are
                        status = each.stat()
                        if stat.S_ISREG(status.st_mode):
                            yield file, (status.st_mtime_ns, status.st_size, each.path)
                        else:
                            self._left_out[file] = "is not a regular file, but a pipe, a socket or a device"

    def _leave_out(self, each: os.DirEntry[str], file: str, real: tuple[str, ...]) -> bool:
        """Tell whether an entry is skipped. The reason is noted for possible parts of mails."""
        is_folder = _is_folder(each)
        file, matters = printable_name(file), is_folder or self._can_be_part(file)
        if not has_printable_name(each.name) and matters:
            self._left_out[file] = "has a name that is not UTF-8"
        elif len(real) > DEEPEST and is_folder:
            self._left_out[file] = f"is nested more than {DEEPEST} folders deep"
        elif not matters and file.lower().endswith(_HANDLEBARS):
            self._left_out[file] = "is a template of Handlebars, which Keyturn cannot render: compile it to HTML"
        elif not each.is_symlink():
            return False
        elif os.path.realpath(each.path) in real:
            self._left_out[file] = "is a link to a folder above it"
        elif leads_out(each.path, self._patterns.bounds):
            self._left_out[file] = "is a link that leads out of the folder"
        elif matters and not os.path.exists(each.path):  # noqa: PTH110 - many
            self._left_out[file] = "is a link to a missing file"
        return file in self._left_out

    def _can_be_part(self, file: str) -> bool:
        suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122 - many
        return suffix in _MARKUP or suffix in _OTHERS or suffix in self._suffixes

    def _text(self, file: str, state: State) -> _Text | None:
        if file not in self._known or self._known[file][0] != state:
            large = state[1] > LARGEST  # rendering reports it
            try:
                text = "" if large else read_plain_text(state[2], encoding="utf-8-sig", errors="replace")
            except OSError as error:
                self._unreadable[file] = f"cannot be read: {error.strerror}"
                return None
            self._known[file] = state, _read(text)
        return self._known[file][1]

    def _classify(self, files: Mapping[str, _Text]) -> FolderContents:
        references = {file: tuple(self._files_named(text.refers, file, files)) for file, text in files.items()}
        extended = _used({file: self._files_named(text.extends, file, files) for file, text in files.items()})
        used = _used(references)
        included = used - extended
        of_circles = {
            name for named in references.values() for name in named
        } - used  # no mail includes them: they are shown, so that they are reported
        kinds = {file: _kind(file, text) or (".html" if file in of_circles else "") for file, text in files.items()}
        compiled = {naming.stem_of(file) for file, kind in kinds.items() if kind == ".mjml"}
        mails, layouts, partials, named = {}, [], [], {plain_name(file): file for file in files}
        for file, text in files.items():
            if kinds[file] not in _MARKUP:
                if naming.is_shared(file) or file in included | extended:
                    partials.append(file)
            elif file in extended or (self._is_layout(file) and text.blocks):
                layouts.append(file)
            elif (
                file in included
                or naming.is_shared(file)
                or self._is_layout(file)
                or (kinds[file] == ".mjml" and text.fragment and not text.extends)
            ):
                partials.append(file)
            elif kinds[file] == ".mjml" or naming.stem_of(file) not in compiled:
                kind = UnnamedMjml if kinds[file] == ".mjml" and naming.ending_of(file) != ".mjml" else MailFiles
                mails[naming.name_of(file)] = kind(file, naming.text_part(file, named), naming.subject(file, named))
        taken = {file for own in mails.values() for file in own} | included | extended
        for file, text in files.items():
            if file not in taken and _may_be_alone(file, text):
                mails.setdefault(naming.name_of(file), MailFiles(file, file, naming.subject(file, named)))
        contents = FolderContents(dict(sorted(mails.items())), tuple(layouts), tuple(partials), references)
        compiling = {file for file, text in files.items() if text.compiles}
        return self._mails_alone(_with_compiled(contents, compiling) if compiling else contents)

    def _mails_alone(self, whole: FolderContents) -> FolderContents:
        """Leave out the pages of an app, and files that only they use."""
        if (is_mail := self._patterns.is_mail) is None:
            return whole
        mails = {name: files for name, files in whole.mails.items() if is_mail(files)}
        reached = {file for files in mails.values() for file in whole.reached_from(files)}
        layouts, partials = (tuple(one for one in those if one in reached) for those in (whole.layouts, whole.partials))
        return replace(whole, mails=mails, layouts=layouts, partials=partials)

    def _files_named(self, names: Iterable[str], file: str, files: Mapping[str, _Text]) -> Iterator[str]:
        meant = (naming.files_meant_by(name, file) for name in names)
        existing = (next((path for path in those if path in files), None) for those in meant)
        return filter(None, existing)

    def _is_layout(self, file: str) -> bool:
        return any(fnmatch(file, pattern) for pattern in self._patterns.layouts)


def _is_folder(each: os.DirEntry[str]) -> bool:
    """Tell whether this is a folder, or a link to one. For a link to itself, `is_dir` would raise OSError."""
    return os.path.isdir(each.path) if each.is_symlink() else each.is_dir()  # noqa: PTH112 - many


def _used(references: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the files that others refer to. A file that is only named by a circle which it closes does not count."""
    below = {file: tuple(named) for file, named in references.items()}
    above: dict[str, list[str]] = {}
    for file, named in below.items():
        for one in named:
            above.setdefault(one, []).append(file)

    def is_used(file: str) -> bool:
        of_it = {*_reached(below.get(file, ()), below)}
        return file not in of_it or not of_it.issuperset(_reached(above[file], above))

    return {file for file in above if is_used(file)}


def _reached(files: Iterable[str], references: Mapping[str, Iterable[str]]) -> list[str]:
    reached: dict[str, None] = {}
    waiting = deque(file for file in files if file)
    while waiting:
        file = waiting.popleft()
        if file not in reached:
            reached[file] = None
            waiting.extend(references.get(file, ()))
    return list(reached)


def _with_compiled(contents: FolderContents, compiling: set[str]) -> FolderContents:
    mails = {
        name: UnnamedMjml(*files) if compiling.intersection(contents.reached_from([files.markup])) else files
        for name, files in contents.mails.items()
    }
    return replace(contents, mails=mails)


def _read(text: str) -> _Text:
    references = [
        (first or second, _QUOTED.findall(named or path)) for first, named, second, path in _REFERENCE.findall(text)
    ]
    whole = _ROOT.search(text) is not None
    fragment = not whole and _FRAGMENT.match(text) is not None
    return _Text(
        looks_like=".mjml" if whole or fragment else ".html" if _A_TAG.search(text) else "",
        fragment=fragment,
        extends=tuple(name for tag, names in references if tag == "extends" for name in names),
        refers=tuple(name for _, names in references for name in names),
        blocks=_BLOCK.search(text) is not None,
        compiles=_MJML_BLOCK.search(text) is not None,
        prints="{{" in text or "{%" in text,
    )


def _may_be_alone(file: str, text: _Text) -> bool:
    """Tell whether a file may be a mail of text alone: it prints values, and is no subject and no shared file."""
    is_text = naming.ending_of(file) in (".txt", ".text") and not _SUBJECT.search(naming.stem_of(file))
    return is_text and text.prints and not naming.is_shared(file)


def _kind(file: str, text: _Text) -> str:
    """Return the ending that names the format; without one, as in "welcome.tpl", the text decides."""
    ending = naming.ending_of(file)
    return ending if ending in (*_MARKUP, *_OTHERS) else text.looks_like


FileState = tuple[str, int, int]
"""A file, the time of its last change in nanoseconds, and its size. The name is empty for sources without a file."""


def state_of(file: str) -> FileState:
    try:
        status = Path(file).stat()
    except OSError:  # an mj-include looks in several places
        return file, 0, 0
    return file, status.st_mtime_ns, status.st_size


def is_unchanged(states: Iterable[FileState]) -> bool:
    """Tell whether files are unchanged. Sources without a file count as changed."""
    return all(file and state_of(file) == (file, *others) for file, *others in states)
