"""Fingerprints of mails: the states of all files that may be part of them."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from keyturn.emails.gallery import Gallery
from keyturn.plain_files import DEEPEST

_File = tuple[str, int, int]
Fingerprint = frozenset[_File]
"""Paths in the folder, each with the time of the last change in nanoseconds and the size in bytes."""


def fingerprints(gallery: Gallery) -> Mapping[str, Fingerprint]:
    """Return the fingerprint of each template: all files but those that belong to other templates alone."""
    names = gallery.names()
    owners = owners_among(names)
    own: dict[str, set[_File]] = {name: set() for name in names}
    shared: set[_File] = set()
    for file in Fingerprint().union(*map(fingerprint, gallery.watched_folders)):
        for files in [own[owner] for owner in owners(file[0])] or [shared]:
            files.add(file)
    return {name: frozenset(shared | files) for name, files in own.items()}


def owners_among(names: Iterable[str]) -> Callable[[str], Collection[str]]:
    """Return a function from a file's path to the templates that own it; most files have no owner."""
    known = frozenset(names)
    return lambda file: known.intersection(_prefixes(file.removeprefix("samples/")))


def fingerprint(folder: Path) -> Fingerprint:
    return frozenset(_files(str(folder), ""))


def _prefixes(file: str) -> Iterator[str]:
    """Yield the names of templates that a file may belong to: the prefixes of its path."""
    return (file[:at] for at, character in enumerate(file) if character in "/.")


def _files(folder: str, prefix: str) -> Iterator[_File]:
    if prefix.count("/") > DEEPEST:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError:  # deleted meanwhile
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file():
                found = entry.stat()
                yield prefix + entry.name, found.st_mtime_ns, found.st_size
        except OSError:  # deleted meanwhile, as temporary files of editors are
            continue
