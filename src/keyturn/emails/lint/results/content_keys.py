"""A key for each template: another one as soon as anything has changed that its findings come of.

All files of the folder count, for a template names some by values, in ways that only drawing it shows: those that lie
with another mail count for that one alone, as far as every name is written out. Where that cannot be told (links to
folders, templates within packages, more than anybody reads), there are no keys, and everything is checked.
"""

import errno
import hashlib
import os
import platform
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.fingerprints import owners_among
from keyturn.plain_files import read_plain_file, walk

_LIBRARIES = ("keyturn", "babel", "css-inline", "jinja2", "markupsafe", "mjml-python", "msgspec", "tinycss2")
_WHERE_INSTALLED = ("python-liquid",)
"""Whose answers the findings are made of."""

_NOT_READ = frozenset({"node_modules", "site-packages", "__pycache__"})
_MOST = 20_000
_LARGEST = 200_000_000
"""Files, and octets of them all, of a folder that keys are made for."""

_BY_VALUE = re.compile(rb"""\{%[-+]?\s*(?:extends|include|import|from)\s+(?!["'\[])""")
"""A file that is brought in by a name which nobody knows before it is drawn: it may be any."""


class _Unclear(Exception):
    """Nobody can say which files the findings come of."""


def content_keys(gallery: Gallery, names: Sequence[str], given: Iterable[bytes]) -> Mapping[str, str]:
    """Return the keys of templates, none where there can be none.

    `given` is what else the findings depend on, the settings and the limits.
    """
    try:
        contents = dict(_contents(gallery.watched_folders))
    except _Unclear:
        return {}
    return _keys(gallery, names, _digest([_code_key(), *given, *map(str.encode, gallery.languages.known)]), contents)


def _keys(gallery: Gallery, names: Sequence[str], start: bytes, contents: Mapping[Path, bytes]) -> Mapping[str, str]:
    own, shared = defaultdict[str, set[Path]](set), set[Path]()
    owners = owners_among(gallery.names())
    for file, by_name in ((file, _in_folder(file, gallery.watched_folders)) for file in contents):
        for files in [own[owner] for owner in owners(by_name)] or [shared]:
            files.add(file)
    if any(_BY_VALUE.search(content) for content in contents.values()):
        shared = {*contents}
    digests = {file: _digest([os.fsencode(file), content]) for file, content in contents.items()}
    of_all = _digest([start, *(digests[file] for file in sorted(shared))])
    keys = {}
    for name in names:
        files = {*own.get(name, ()), *((gallery.folders / file).resolve() for file in gallery.files_of(name))}
        of_own = (digests.get(file) or _digest([os.fsencode(file), _content(file)]) for file in sorted(files))
        keys[name] = _digest([of_all, name.encode(), *of_own]).hex()
    return keys


@cache
def _code_key() -> bytes:
    """Return what stands for the code and the data of the checks: in a checkout they change without the version."""
    package = Path(__file__).parents[3]
    parts = [platform.python_version(), *(version(library) for library in _LIBRARIES), *_versions_of_others()]
    return _digest(map(str.encode, [*parts, *_states(package / "emails"), *_states(package / "mail")]))


def _versions_of_others() -> Iterator[str]:
    for library in _WHERE_INSTALLED:
        try:
            yield version(library)
        except PackageNotFoundError:
            yield ""


def _states(place: Path) -> Iterator[str]:
    for file in sorted(place.rglob("*")):
        if file.suffix in (".py", ".json", ".toml") and file.is_file():
            state = file.stat()
            yield f"{file} {state.st_mtime_ns} {state.st_size}"


def _contents(folders: Iterable[Path]) -> Iterator[tuple[Path, bytes]]:
    """Yield all files of the folders and what they hold. Raises _Unclear."""
    count = size = 0
    for folder in folders:
        for above, below, names in walk(folder):
            below[:] = [name for name in below if name not in _NOT_READ and name != ".git"]
            if any(os.path.islink(os.path.join(above, name)) for name in below):  # noqa: PTH114, PTH118 - many
                raise _Unclear
            for name in names:
                file = Path(above, name)
                content = _content(file)
                count, size = count + 1, size + len(content)
                if count > _MOST or size > _LARGEST or any(one.encode() in content for one in _NOT_READ):
                    raise _Unclear
                yield file, content


def _in_folder(file: Path, folders: Iterable[Path]) -> str:
    folder = next(folder for folder in folders if file.is_relative_to(folder))
    return file.relative_to(folder).as_posix()


def _content(file: Path) -> bytes:
    try:
        return read_plain_file(file, _LARGEST)
    except OSError as error:  # gone, or never there: an include may look for it in several places
        if error.errno == errno.EFBIG:
            raise _Unclear from error
        return b"\0"


def _digest(parts: Iterable[bytes]) -> bytes:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.digest()
