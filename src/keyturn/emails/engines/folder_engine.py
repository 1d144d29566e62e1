"""Opens a folder of templates with the engine that they are written for."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from keyturn.emails.engines.liquid import open_liquid
from keyturn.emails.engines.not_drawn import HANDLEBARS, open_handlebars
from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.configuration import StudioSettings
from keyturn.emails.gallery.discovery import NOT_OURS
from keyturn.emails.gallery.opening import open_gallery
from keyturn.plain_files import walk

_JINJA = (".j2", ".jinja", ".jinja2")
_LIQUID = (".liquid", ".liquid.mjml", ".liquid.html")
_ANY = (".html", ".htm", ".mjml")

EngineName = Literal["", "jinja", "liquid", "handlebars"]


def open_templates(
    directory: Path,
    *,
    environment: str = "",
    settings: StudioSettings | None = None,
    sandboxed: bool = False,
    liquid: bool = False,
    is_needed: bool = True,
) -> Gallery:
    """Return the gallery over a folder. `liquid`, the settings or endings choose the engine, by default Jinja.

    Without `is_needed`, templates of a missing engine say so when they are rendered. Raises CannotImport, and for a
    missing engine that is needed ExtraMissing or CannotDraw.
    """
    settings = settings or StudioSettings()
    engine: EngineName = "liquid" if liquid else settings.engine
    if not (engine or environment or settings.env):
        engine = engine_by_endings(directory, settings.ignore)
    match engine:
        case "liquid":
            return open_liquid(directory, settings, sandboxed=sandboxed, is_needed=is_needed)
        case "handlebars":
            return open_handlebars(directory, settings, sandboxed=sandboxed, is_needed=is_needed)
    return open_gallery(directory, environment=environment, settings=settings, sandboxed=sandboxed)


def engine_by_endings(folder: Path, ignore: tuple[str, ...] = ()) -> EngineName:
    """Return the engine that the endings of files name. If some are Jinja's, it is Jinja."""
    names = [file.lower() for file in _files_in(folder, ignore)]
    if any(name.endswith(_JINJA) for name in names):
        return "jinja"
    if any(name.endswith(_LIQUID) for name in names):
        return "liquid"
    if any(name.endswith(HANDLEBARS) for name in names) and not any(name.endswith(_ANY) for name in names):
        return "handlebars"
    return ""


def passed_over(gallery: Gallery) -> Iterator[tuple[str, str]]:
    """Yield the templates in the folder that belong to another engine, each with its engine."""
    taken = tuple(suffix.lower() for suffix in gallery.patterns.suffixes)
    others = dict.fromkeys(HANDLEBARS, "Handlebars") | {_LIQUID[0]: "Liquid"}
    for file in sorted(_files_in(gallery.folder, gallery.patterns.ignore)):
        suffix = Path(file).suffix.lower()
        if suffix in others and suffix not in taken:
            yield file, others[suffix]


def _files_in(folder: Path, ignore: tuple[str, ...]) -> Iterator[str]:
    for above, below, names in walk(folder):
        here = Path(above).relative_to(folder).as_posix()
        below[:] = [one for one in below if not one.startswith(".") and one not in NOT_OURS]
        files = (name if here == "." else f"{here}/{name}" for name in names)
        yield from (file for file in files if not any(fnmatch(file, pattern) for pattern in ignore))
