"""The folder that `mail.transport = "capture"` writes .eml files into (RFC 5322): which came, and which are gone."""

import contextlib
import time
from pathlib import Path

_SETTLED = 2.0
"""Seconds after which a folder's own time can be trusted: what changes twice within a tick of a clock has one time."""


class OutboxFolder:
    """Remembers which files it has told of. `newest` is how many of them are read at the first look."""

    def __init__(self, folder: Path, newest: int) -> None:
        self.folder = folder
        self._newest = newest
        self._known: set[str] | None = None
        self._looked_at = -1

    def changes(self) -> tuple[list[str], list[str]]:
        """Return the names that are new, in the order in which they were written, and those that are gone."""
        with contextlib.suppress(OSError):
            modified = self.folder.stat().st_mtime_ns
            if modified == self._looked_at:
                return [], []
            self._looked_at = modified if time.time() - modified / 1e9 > _SETTLED else -1
        names = {file.name for file in self.folder.glob("[!.]*.eml") if file.is_file()}
        new = sorted(names - (self._known or set()), key=lambda name: (self.written_at(name), name))
        gone = sorted((self._known or set()) - names)
        new = new[-self._newest :] if self._known is None else new
        self._known = names
        return new, gone

    def read(self, name: str) -> bytes | None:
        """Return a file; None where it is gone by now."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def written_at(self, name: str) -> float:
        """Return when a file was written, in seconds since 1970; now where it is gone."""
        try:
            return (self.folder / name).stat().st_mtime
        except OSError:
            return time.time()

    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
