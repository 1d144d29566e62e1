"""Opens a folder of templates with its settings as a Gallery."""

from functools import partial
from inspect import isclass
from pathlib import Path

from keyturn.mail.languages.catalogues import ANY
from keyturn.mail.languages.language import Languages, languages_in
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.discovery import Patterns
from keyturn.studio.gallery.environments import (
    app_environment,
    folder_environment,
    import_environment,
    import_from,
)
from keyturn.studio.gallery.gallery import Gallery
from keyturn.studio.gallery.naming import bounds_of
from keyturn.studio.gallery.sandbox import SandboxedFolderEnvironment


def open_gallery(
    directory: Path,
    *,
    environment: str = "",
    settings: StudioSettings | None = None,
    sandboxed: bool = False,
) -> Gallery:
    """Return the gallery over a folder of templates. Raises CannotImport.

    `environment` overrides the one in the settings. `sandboxed`: for untrusted folders, whose
    settings name no code.
    """
    folder, settings = directory.resolve(), settings or StudioSettings()
    bounds, places = bounds_of(folder) if sandboxed else None, _import_places(folder, settings)
    if named := environment or settings.env:
        make_environment = app_environment(folder, import_environment(named, places))
    else:
        kind = {"kind": SandboxedFolderEnvironment} if sandboxed else {}
        make_environment = folder_environment(folder, bounds=bounds, **kind)
    if settings.locales:
        catalogues = partial(
            Languages, settings.timezone, settings.locales, domain=ANY, reload=True
        )
    else:
        catalogues = partial(languages_in, folder, settings.timezone)
    values = (
        vars(import_from(settings.props, places, f"props {settings.props}")).values()
        if settings.props
        else ()
    )
    props = (
        one
        for one in values
        if isclass(one) and issubclass(one, EmailProps) and one is not EmailProps
    )
    return Gallery(
        templates=Templates(
            folder, settings.globals, reload=True, make_environment=make_environment
        ),
        languages=catalogues(more=settings.languages, bounds=bounds),
        props={one.template: one for one in props if hasattr(one, "template")},
        brands={name: {**settings.globals, **brand} for name, brand in settings.brands.items()},
        patterns=Patterns(settings.ignore, settings.layouts, settings.suffixes, bounds),
        finds_branches=settings.branches,
    )


def _import_places(folder: Path, settings: StudioSettings) -> list[Path]:
    """Return the folders of an app's modules: its project, the `src` in it, and the working
    directory.
    """
    projects = [settings.file.parent] if settings.file else []
    projects += [above for above in folder.parents if (above / "pyproject.toml").is_file()]
    return [
        *(place for project in projects[:1] for place in (project / "src", project)),
        Path.cwd(),
    ]
