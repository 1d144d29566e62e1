"""Folders of Handlebars, which are recognised and not rendered.

Handlebars has no suitable library for Python, as of November 2026. pybars3 (2019) and pybars4 (2021) have no wheels and
need PyMeta3 (2015). python-handlebars has three releases, the last in 2024. handlebars runs the original in js2py,
which is unmaintained. None of them reports the line that wrote a text. Handlebars itself needs Node.
"""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from keyturn.errors import KeyturnError
from keyturn.plain_files import walk
from keyturn.studio.gallery.discovery import NOT_OURS

if TYPE_CHECKING:
    from keyturn.studio.gallery import Gallery

_SUFFIXES = (".hbs", ".handlebars")
_OTHERS = (".j2", ".jinja", ".jinja2", ".html", ".htm", ".mjml")
_FIX = (
    "Compile the templates to HTML and open that folder, or let your app send its mails to "
    "`keyturn studio --smtp 1025`, which shows and checks each mail on arrival."
)


class CannotRender(KeyturnError):
    """A folder has only templates of Handlebars. The message says what to do."""


def refuse_handlebars(folder: Path, ignore: tuple[str, ...]) -> None:
    """Raise CannotRender for a folder whose only templates are of Handlebars."""
    names = [file.lower() for file in _files_in(folder, ignore)]
    if any(name.endswith(_SUFFIXES) for name in names) and not any(name.endswith(_OTHERS) for name in names):
        raise CannotRender(f"{folder} contains Handlebars templates, which Keyturn cannot render. {_FIX}")


def handlebars_beside(gallery: "Gallery") -> list[str]:
    """Return the files of Handlebars in a folder of other templates."""
    others = {suffix for suffix in _SUFFIXES if suffix not in map(str.lower, gallery.patterns.suffixes)}
    files = _files_in(gallery.folder, gallery.patterns.ignore)
    return sorted(file for file in files if Path(file).suffix.lower() in others)


def _files_in(folder: Path, ignore: tuple[str, ...]) -> Iterator[str]:
    for above, below, names in walk(folder):
        here = Path(above).relative_to(folder).as_posix()
        below[:] = [one for one in below if not one.startswith(".") and one not in NOT_OURS]
        files = (name if here == "." else f"{here}/{name}" for name in names)
        yield from (file for file in files if not any(fnmatch(file, pattern) for pattern in ignore))
