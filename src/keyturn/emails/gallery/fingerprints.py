"""Whether a mail may have changed: what the files look like that may have a part in it."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from keyturn.emails.gallery import Gallery
from keyturn.plain_files import DEEPEST

_File = tuple[str, int, int]
Fingerprint = frozenset[_File]
"""Files by their path in the folder, each with the time of its last change in nanoseconds and its size in octets."""


def fingerprints(gallery: Gallery) -> Mapping[str, Fingerprint]:
    """Return the fingerprint of each template: of all folders, without what belongs to other templates alone."""
    names = gallery.names()
    owners = owners_among(names)
    own: dict[str, set[_File]] = {name: set() for name in names}
    shared: set[_File] = set()
    for file in Fingerprint().union(*map(fingerprint, gallery.watched_folders)):
        for files in [own[owner] for owner in owners(file[0])] or [shared]:
            files.add(file)
    return {name: frozenset(shared | files) for name, files in own.items()}


def owners_among(names: Iterable[str]) -> Callable[[str], Collection[str]]:
    """Return what tells which of these templates a file belongs to, by its path in a folder; most belong to none."""
    known = frozenset(names)
    return lambda file: known.intersection(_prefixes(file.removeprefix("samples/")))


def fingerprint(folder: Path) -> Fingerprint:
    """Return the fingerprint of all that a folder holds."""
    return frozenset(_files(str(folder), ""))


def _prefixes(file: str) -> Iterator[str]:
    """Yield the templates that a file may be of, a part of it or its samples: what its path begins with."""
    return (file[:at] for at, character in enumerate(file) if character in "/.")


def _files(folder: str, prefix: str) -> Iterator[_File]:
    if prefix.count("/") > DEEPEST:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError:  # gone again
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file():
                found = entry.stat()
                yield prefix + entry.name, found.st_mtime_ns, found.st_size
        except OSError:  # as an editor's half-written file is
            continue
