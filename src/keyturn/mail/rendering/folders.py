"""Folders of templates that are one folder to whoever asks for a file."""

from collections.abc import Iterator
from pathlib import Path

from keyturn.plain_files import paths_below


class Folders:
    """Stacks folders of templates.

    What lies in an earlier folder stands in for its like in a later one. What is new is written into the first.
    """

    def __init__(self, first: Path, *others: Path) -> None:
        self.first = first
        self.all = (first, *others)

    def __truediv__(self, file: str) -> Path:
        """Return where a file is; what no earlier folder holds is in the last, as far as anybody knows."""
        earlier = (folder / file for folder in self.all[:-1])
        return next((path for path in earlier if path.is_file()), self.all[-1] / file)

    def __contains__(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in self.all)

    def name_of(self, file: Path | str) -> str:
        """Return a file's name as templates refer to it; its whole path where it lies elsewhere."""
        path = Path(file)
        inside = (path.relative_to(folder) for folder in self.all if path.is_relative_to(folder))
        return next(inside, path).as_posix()

    def paths(self) -> Iterator[Path]:
        for folder in self.all:
            yield from paths_below(folder)
