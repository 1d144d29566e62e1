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
    r"""\{%[-+]?\s*(extends|include|import|from)\s+(\[[^\]{]*\]|"[^"]*"|'[^']*')|<mj-(include)\s[^<>]*?path=("[^"]*"|'[^']*')"""
)
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_SUBJECT = re.compile(r"(?:^|[./_-])subject$", re.IGNORECASE)

# The block of Django's packages for MJML, in files of any name.
_MJML_BLOCK = re.compile(r"\{%\s*mjml\s*%\}")

_FORM_TOKEN = re.compile(r"\{%-?\s*csrf_token\b|\bcsrf_token\s*\(|\.hidden_tag\s*\(|\.csrf_token\b")
_SCRIPT = re.compile(r"<script\b(?![^>]*ld\+json)", re.IGNORECASE)
_OWN_ASSET = re.compile(
    r"<iframe\b|<(?:link|script)\b[^>]*\s(?:href|src)\s*=\s*[\"'](?:\{%-?\s*static\b|\{\{-?\s*(?:url_for|static)\b|/(?!/))",
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
    left_out: dict[str, str] = {}
    states: dict[str, FileState] = {}
    for top in reversed(folders.all):
        states |= _states(top, "", (os.path.realpath(top),), left_out, patterns)
    contents = _classified(tuple(sorted(states.items())), patterns)
    return replace(contents, left_out={**left_out, **contents.left_out})


def _states(
    folder: str | Path,
    above: str,
    real: tuple[str, ...],
    left_out: dict[str, str],
    patterns: Patterns,
) -> Iterator[tuple[str, FileState]]:
    """Yield the state of every file that may be part of a mail.

    `real`: the resolved folders above.
    """
    try:
        with os.scandir(folder) as inside:
            entries = [*inside]
    except FileNotFoundError:  # deleted meanwhile
        return
    except OSError as error:
        left_out[above.rstrip("/")] = f"cannot be read: {error.strerror}"
        return
    for each in entries:
        file = above + each.name
        if each.name.startswith(".") or any(fnmatch(file, pattern) for pattern in patterns.ignore):
            continue
        # For a link to itself, `is_dir` would raise OSError.
        is_folder = os.path.isdir(each.path) if each.is_symlink() else each.is_dir()  # noqa: PTH112 - many
        ending = os.path.splitext(file)[1].lower()  # noqa: PTH122 - many
        has_ending = ending in _SUFFIXES or ending in map(str.lower, patterns.suffixes)
        is_part = has_ending and not is_folder
        if why := _refusal(each, real, patterns.bounds, is_folder, is_part):
            left_out[printable_name(file)] = why
        elif is_folder and each.name not in NOT_OURS:
            there = os.path.realpath(each.path) if each.is_symlink() else f"{real[-1]}/{each.name}"
            if not os.path.isfile(f"{each.path}/{_MARKS_ENVIRONMENT}"):  # noqa: PTH113 - many
                yield from _states(each.path, f"{file}/", (*real, there), left_out, patterns)
        elif is_part:
            with suppress(OSError):  # deleted meanwhile, as temporary files of editors are
                status = each.stat()
                # A copy leaves the time of modification as it was.
                changed = max(status.st_mtime_ns, status.st_ctime_ns)
                yield file, (each.path, changed, status.st_size)


def _refusal(
    each: os.DirEntry[str], real: Sequence[str], bounds: Path | None, is_folder: bool, is_part: bool
) -> str:
    if not has_printable_name(each.name) and (is_folder or is_part):
        return "has a name that is not UTF-8"
    if is_folder and len(real) > DEEPEST:
        return f"is nested more than {DEEPEST} folders deep"
    if each.name.lower().endswith(_HANDLEBARS) and not (is_folder or is_part):
        return "is a template of Handlebars, which Keyturn cannot render: compile it to HTML"
    if each.is_symlink():
        if os.path.realpath(each.path) in real:
            return "is a link to a folder above it"
        if leads_out(each.path, bounds):
            return "is a link that leads out of the folder"
        if is_part and not os.path.exists(each.path):  # noqa: PTH110 - many
            return "is a link to a missing file"
    with suppress(OSError):  # deleted meanwhile
        if is_part and not stat.S_ISREG(each.stat().st_mode):
            return "is not a regular file, but a pipe, a socket or a device"
    return ""


@lru_cache(4)
def _classified(states: tuple[tuple[str, FileState], ...], patterns: Patterns) -> FolderContents:
    texts: dict[str, _Text] = {}
    left_out: dict[str, str] = {}
    for file, state in states:
        try:
            texts[file] = _text(*state)
        except OSError as error:
            left_out[file] = f"cannot be read: {error.strerror}"
    references = {
        file: tuple(_files_named(text.refers, file, texts)) for file, text in texts.items()
    }
    found, shared = _mails_and_shared(texts, references, patterns.layouts)
    mails: dict[str, MailFiles] = {}
    pages: list[str] = []
    for name, files in found.items():
        used = _reached([files.markup], references)
        if any(texts[file].is_page for file in used):
            pages.append(files.markup)
            reason = "is a page of an app, with its scripts or a form, and no mail"
            left_out[files.markup] = reason
        else:
            mails[name] = files
    shared -= {*_reached(pages, references)} - _used_by(mails, references)
    if patterns.is_mail:  # leave out the other pages of an app, and files that only they use
        mails = {name: files for name, files in mails.items() if patterns.is_mail(files)}
        shared &= _used_by(mails, references)
    return FolderContents(dict(sorted(mails.items())), sorted(shared), references, left_out)


def _used_by(mails: Mapping[str, MailFiles], references: Mapping[str, Iterable[str]]) -> set[str]:
    return {*_reached(chain.from_iterable(mails.values()), references)}


def _mails_and_shared(
    files: Mapping[str, _Text], references: Mapping[str, tuple[str, ...]], layouts: Iterable[str]
) -> tuple[dict[str, MailFiles], set[str]]:
    of_layouts = {
        file: tuple(_files_named(text.extends, file, files)) for file, text in files.items()
    }
    used = _used(references)
    # No mail includes the files of a circle: they are shown, so that they are reported.
    of_circles = set(chain.from_iterable(references.values())) - used
    used |= _used(of_layouts)
    kinds = {
        file: text.kind or (".html" if file in of_circles else "") for file, text in files.items()
    }
    compiled = {naming.stem_of(file) for file, kind in kinds.items() if kind == ".mjml"}
    named = {naming.plain_name(file): file for file in files}
    mails: dict[str, MailFiles] = {}
    shared: set[str] = set()
    for file, text in files.items():
        is_markup = kinds[file] in _MARKUP
        is_mjml = kinds[file] == ".mjml"
        is_layout = is_markup and any(fnmatch(file, pattern) for pattern in layouts)
        is_part = is_mjml and text.fragment and not text.extends
        if naming.is_shared(file) or file in used or is_layout or is_part:
            shared.add(file)
        elif is_mjml or (is_markup and naming.stem_of(file) not in compiled):
            form = naming.MjmlFiles if is_mjml else MailFiles
            text_part = naming.text_part(file, named)
            mails[naming.name_of(file)] = form(file, text_part, naming.subject(file, named))
    taken = set(chain.from_iterable(mails.values())) | used
    for file, text in files.items():
        is_free = file not in taken and not naming.is_shared(file)
        if is_free and text.prints and _is_text(file):
            own = MailFiles(file, file, naming.subject(file, named))
            mails.setdefault(naming.name_of(file), own)
    parts = set(chain.from_iterable(_parts_of(own) for own in mails.values()))
    mails = {name: own for name, own in mails.items() if own.markup not in parts}
    for name, own in mails.items():
        if any(files[file].compiles for file in _reached([own.markup], references)):
            mails[name] = naming.MjmlFiles(*own)
    return mails, shared


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
    for name in names:
        meant = next((path for path in naming.files_meant_by(name, file) if path in files), None)
        if meant is not None:
            yield meant


def _used(below: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the files that others refer to.

    A file that is only named within its own circle of references does not count.
    """
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
    return ".html" if _A_TAG.search(text) else ""


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
