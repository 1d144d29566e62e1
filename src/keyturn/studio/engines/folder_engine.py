"""Opens a folder of templates of Jinja."""

from pathlib import Path

from keyturn.studio.engines.handlebars import refuse_handlebars
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.opening import open_gallery


def open_templates(
    directory: Path, *, environment: str = "", settings: StudioSettings | None = None, sandboxed: bool = False
) -> Gallery:
    """Return the gallery over a folder. Raises CannotImport, and CannotRender for templates of Handlebars."""
    settings = settings or StudioSettings()
    if not (environment or settings.env):
        refuse_handlebars(directory, settings.ignore)
    return open_gallery(directory, environment=environment, settings=settings, sandboxed=sandboxed)
