"""Whether a mail may have changed: what the files look like that may have a part in it."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from keyturn.emails.gallery import Gallery

State = frozenset[tuple[str, int, int]]
"""Path, time and size of files."""


def states_of(gallery: Gallery) -> Mapping[str, State]:
    """Return for each template the state of the folders, without what belongs to other templates alone."""
    files = frozenset[tuple[str, int, int]]().union(*map(state_of, gallery.folders.all))
    own = {name: frozenset(file for file in files if _belongs(file[0], name)) for name in gallery.names()}
    shared = files.difference(*own.values())
    return {name: shared | each for name, each in own.items()}


def state_of(folder: Path) -> State:
    return frozenset(_files(folder))


def _belongs(file: str, template: str) -> bool:
    """Tell whether it is the template, a part of it or its samples: by its path."""
    return file.removeprefix("samples/").startswith((f"{template}/", f"{template}."))


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in folder.rglob("*"):
        try:
            found = path.stat()
        except OSError:  # gone again, as an editor's half-written file is
            continue
        if stat.S_ISREG(found.st_mode):
            yield path.relative_to(folder).as_posix(), found.st_mtime_ns, found.st_size
