"""Bounds for symbolic links in a folder of templates, and a loader that enforces them.

A foreign branch may link to any file of this machine, and templates are shown, even in the log of a CI run (CWE-59,
CWE-61).
"""

import os
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, TemplateNotFound
from jinja2.exceptions import SecurityError
from jinja2.loaders import split_template_path

from keyturn.plain_files import leads_out


def bounds_of(folder: Path) -> Path:
    """Return the folder that links must stay in: the repository, or else the folder itself.

    A home folder that is a repository does not count, since it also holds keys and the like.
    """
    here, home = folder.resolve(), Path(os.path.expanduser("~")).resolve()  # noqa: PTH111 - works without a home folder
    return next((above for above in (here, *here.parents) if above != home and (above / ".git").exists()), here)


def may_come_with(folder: Path, file: Path) -> bool:
    """Tell whether the authors of a folder may have made that file, since it lies in the same repository.

    Without a repository, the file lies in the folder or above it, as in an unpacked archive, but in no home folder.
    """
    here, bounds, home = folder.resolve(), bounds_of(folder), Path(os.path.expanduser("~")).resolve()  # noqa: PTH111
    above = () if (bounds / ".git").exists() and bounds != home else (one for one in here.parents if one != home)
    places = {file.parent.resolve(), file.resolve().parent}  # its own, and that of its target
    return any(place.is_relative_to(bounds) for place in places) or not places.isdisjoint(above)


class BoundedLoader(FileSystemLoader):
    def __init__(self, folder: Path, bounds: Path | None) -> None:
        super().__init__(folder)
        self._folder, self._bounds = folder, bounds

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return the source of a template. Raises SecurityError if a link leads out of the bounds."""
        try:
            file = self._folder.joinpath(*split_template_path(template))
        except TemplateNotFound:
            file = self._folder
        if leads_out(file, self._bounds):
            raise SecurityError(f"'{template}' is a link to a file outside the folder, which Keyturn does not read")
        if file.exists() and not file.is_file():
            raise SecurityError(f"'{template}' is not a regular file, so it is not read")
        return super().get_source(environment, template)
