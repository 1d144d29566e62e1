"""Opens a folder of templates with its settings as a Gallery."""

from inspect import isclass
from pathlib import Path

from keyturn.mail.languages.catalogues import ANY
from keyturn.mail.languages.language import Languages, languages_in
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.studio.gallery.app_import import import_environment, import_from
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.discovery import Patterns
from keyturn.studio.gallery.environments import (
    FolderEnvironment,
    app_environment,
    folder_environment,
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
    folder = directory.resolve()
    settings = settings or StudioSettings()
    bounds = bounds_of(folder) if sandboxed else None
    places = _import_places(folder, settings)
    named = environment or settings.env
    if named:
        make_environment = app_environment(folder, import_environment(named, places))
    else:
        kind = SandboxedFolderEnvironment if sandboxed else FolderEnvironment
        make_environment = folder_environment(folder, kind, bounds=bounds)
    brands = {name: {**settings.globals, **brand} for name, brand in settings.brands.items()}
    return Gallery(
        templates=Templates(
            folder, settings.globals, reload=True, make_environment=make_environment
        ),
        languages=_languages(folder, settings, bounds),
        props=_props(settings, places),
        brands=brands,
        patterns=Patterns(settings.ignore, settings.layouts, settings.suffixes, bounds),
        finds_branches=settings.branches,
    )


def _languages(folder: Path, settings: StudioSettings, bounds: Path | None) -> Languages:
    if settings.locales is None:
        return languages_in(folder, settings.timezone, more=settings.languages, bounds=bounds)
    return Languages(
        settings.timezone,
        settings.locales,
        domain=ANY,
        reload=True,
        more=settings.languages,
        bounds=bounds,
    )


def _props(settings: StudioSettings, places: list[Path]) -> dict[str, type[EmailProps]]:
    """Return the props of the app's module, by the templates that they are for."""
    if not settings.props:
        return {}
    module = import_from(settings.props, places, f"props {settings.props}")
    props: dict[str, type[EmailProps]] = {}
    for value in vars(module).values():
        # A class without a template is one that others inherit from.
        if isclass(value) and issubclass(value, EmailProps) and hasattr(value, "template"):
            props[value.template] = value
    return props


def _import_places(folder: Path, settings: StudioSettings) -> list[Path]:
    """Return the folders of an app's modules: its project, the `src` in it, and the working
    directory.
    """
    projects = [above for above in folder.parents if (above / "pyproject.toml").is_file()]
    if settings.file:
        projects.insert(0, settings.file.parent)
    places: list[Path] = []
    if projects:
        places += [projects[0] / "src", projects[0]]
    return [*places, Path.cwd()]
