"""Files as they were: what tells whether one has changed since."""

from collections.abc import Iterable
from pathlib import Path

FileState = tuple[str, int, int]
"""A file, when it was written, in nanoseconds, and its size; an empty name is what lies in no file."""


def state_of(file: str) -> FileState:
    try:
        found = Path(file).stat()
    except OSError:  # an mj-include looks for it in several places
        return file, 0, 0
    return file, found.st_mtime_ns, found.st_size


def is_unchanged(states: Iterable[FileState]) -> bool:
    """Tell whether files are as they were. Of what lies in no file, nobody can say so."""
    return all(file and state_of(file) == (file, *others) for file, *others in states)
