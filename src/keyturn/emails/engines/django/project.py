"""A Django project: its settings imported, its apps set up, and what they say of templates and languages."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from keyturn.emails.gallery.app_environment import CannotImport, import_from
from keyturn.languages import parse_locale

_PACKAGES = frozenset({"site-packages", "dist-packages"})


def set_up(settings: str, here: Path) -> None:
    """Import the settings of a project and set up its apps: its own code runs. Raises CannotImport."""
    option = f"--django {settings}"
    if not settings:
        raise CannotImport(
            "--django: name the module of your settings, as in --django mysite.settings, or set DJANGO_SETTINGS_MODULE"
        )
    if "/" in settings or settings.endswith(".py"):
        raise CannotImport(f"{option}: it is written as package.module, as in --django mysite.settings")
    try:
        import django
    except ImportError:
        raise CannotImport(
            f"{option}: there is no Django here; install Keyturn into the project's own Python"
        ) from None
    import_from(settings, _import_places(here), option)
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    try:
        django.setup()
    except (Exception, SystemExit) as error:  # apps run whatever they like
        raise CannotImport(f"{option}: {type(error).__name__}: {error}") from error


def template_engine(option: str) -> Any:
    """Return the project's first engine of Django's own. Raises CannotImport."""
    from django.template import engines
    from django.template.backends.django import DjangoTemplates

    try:
        return next(backend.engine for backend in engines.all() if isinstance(backend, DjangoTemplates))
    except StopIteration:
        raise CannotImport(f"{option}: TEMPLATES names no engine of Django's own") from None
    except Exception as error:
        raise CannotImport(f"{option}: {type(error).__name__}: {error}") from error


def template_folders(engine: Any) -> list[Path]:
    """Return the folders that the engine's loaders look into, in their order."""
    loaders = (inner for loader in engine.template_loaders for inner in getattr(loader, "loaders", [loader]))
    named = (Path(folder) for loader in loaders if hasattr(loader, "get_dirs") for folder in loader.get_dirs())
    return list(dict.fromkeys(folder.resolve() for folder in named if folder.is_dir()))


def is_own(folder: Path) -> bool:
    """Tell whether a folder is the project's, and not that of a package that was installed."""
    return not _PACKAGES.intersection(folder.parts)


def language_codes() -> dict[str, str]:
    """Return Django's names of the project's languages by their tags, that of LANGUAGE_CODE first.

    They are those of LANGUAGES where that is set, else those that the project has catalogues for.
    """
    from django.conf import settings

    if not settings.USE_I18N:
        codes = [settings.LANGUAGE_CODE]
    elif settings.is_overridden("LANGUAGES"):
        codes = [code for code, _ in settings.LANGUAGES]
        codes.sort(key=lambda code: not settings.LANGUAGE_CODE.startswith(code))
    else:
        codes = [settings.LANGUAGE_CODE, *_translated()]
    known = ((parse_locale(code), code) for code in codes)
    tags = ((str(locale).replace("_", "-"), code) for locale, code in known if locale)
    found: dict[str, str] = {}
    for tag, code in tags:
        found.setdefault(tag, code)
    return found or {"en": "en"}


def _translated() -> Iterator[str]:
    from django.apps import apps
    from django.conf import settings
    from django.utils.translation import to_language

    of_apps = (Path(app.path) / "locale" for app in apps.get_app_configs() if is_own(Path(app.path)))
    for folder in (*map(Path, settings.LOCALE_PATHS), *of_apps):
        for catalogue in sorted(folder.glob("*/LC_MESSAGES/django.mo")):
            yield to_language(catalogue.parent.parent.name)


def _import_places(here: Path) -> Iterable[Path]:
    """Return where the project's modules are: here, and where its manage.py is."""
    project = next((above for above in (here, *here.parents) if (above / "manage.py").is_file()), None)
    return dict.fromkeys([Path.cwd(), *([project] if project else [])])
