"""Opens a Django project as a Gallery: imports its settings, sets up its apps, and finds templates
and languages.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keyturn.mail.languages.catalogues import parse_locale
from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.folders import Folders, MailFiles
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.app_import import CannotImport, import_from
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.discovery import Patterns

if TYPE_CHECKING:
    from django.template import Engine

_MAIL = re.compile(
    r"(?:^|[/_.-])e?-?(?:mails?|mailings?|newsletters?|notifications?)(?:[/_.-]|$)", re.IGNORECASE
)


def open_project(
    settings: str, directory: Path | None, studio: StudioSettings | None = None
) -> Gallery:
    """Return a Django project's mails, in `directory` or its own apps.

    The project's code runs. Raises CannotImport.
    """
    option = f"--django {settings}"
    studio = studio or StudioSettings()
    set_up(settings, (directory or Path.cwd()).resolve())
    from django.conf import settings as project_settings

    from keyturn.studio.engines.django.engine import DjangoEngine, template_folders

    engine = template_engine(option)
    codes = language_codes()
    first, *others = _ordered_folders(template_folders(engine), directory, option)
    is_mail = _mails_in(Folders(first, *others), directory)
    return Gallery(
        templates=Templates(
            first,
            studio.globals,
            beneath=tuple(others),
            reload=True,
            engine=DjangoEngine(engine, codes),
        ),
        languages=Languages(project_settings.TIME_ZONE or "UTC", first, only=codes),
        brands={name: {**studio.globals, **brand} for name, brand in studio.brands.items()},
        patterns=Patterns(studio.ignore, studio.layouts, is_mail=is_mail),
        finds_branches=False,  # they are found in what Jinja parses
    )


def set_up(settings: str, here: Path) -> None:
    """Import the settings of a project and set up its apps, which runs its code.

    Raises CannotImport.
    """
    option = f"--django {settings}"
    example = "such as --django mysite.settings"
    if not settings:
        raise CannotImport(
            f"--django: name your settings module, {example}, or set DJANGO_SETTINGS_MODULE"
        )
    if "/" in settings or settings.endswith(".py"):
        raise CannotImport(f"{option}: write it as package.module, {example}")
    try:
        import django
    except ImportError:
        fix = "install Keyturn in your project's virtual environment"
        raise CannotImport(f"{option}: Django is not installed here; {fix}") from None
    import_from(settings, _import_places(here), option)
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    try:
        django.setup()
    except (Exception, SystemExit) as error:  # apps may raise anything
        raise CannotImport(f"{option}: {type(error).__name__}: {error}") from error


def _import_places(here: Path) -> Iterable[Path]:
    """Return the folders of the project's modules: the working directory, and that of manage.py."""
    projects = [above for above in (here, *here.parents) if (above / "manage.py").is_file()]
    return dict.fromkeys([Path.cwd(), *projects[:1]])


def template_engine(option: str) -> "Engine":
    """Return the project's first engine of Django's own templates. Raises CannotImport."""
    from django.template import engines
    from django.template.backends.django import DjangoTemplates

    try:
        backends = engines.all()
    except Exception as error:
        raise CannotImport(f"{option}: {type(error).__name__}: {error}") from error
    for backend in backends:
        if isinstance(backend, DjangoTemplates):
            return backend.engine
    raise CannotImport(f"{option}: TEMPLATES has no DjangoTemplates backend")


def language_codes() -> dict[str, str]:
    """Return Django's codes by tag, that of LANGUAGE_CODE first: those in LANGUAGES, or else those
    with catalogues.
    """
    from django.conf import settings

    codes = [settings.LANGUAGE_CODE]
    if settings.USE_I18N and settings.is_overridden("LANGUAGES"):
        codes = [code for code, _ in settings.LANGUAGES]
        codes.sort(key=lambda code: not settings.LANGUAGE_CODE.startswith(code))
    elif settings.USE_I18N:
        codes += _codes_with_catalogues()
    by_tag: dict[str, str] = {}
    for code in codes:
        locale = parse_locale(code)
        if locale:
            by_tag.setdefault(str(locale).replace("_", "-"), code)
    return by_tag or {"en": "en"}


def _codes_with_catalogues() -> Iterator[str]:
    """Yield the languages of catalogues in LOCALE_PATHS and in the project's own apps."""
    from django.apps import apps
    from django.conf import settings
    from django.utils.translation import to_language

    folders = [Path(folder) for folder in settings.LOCALE_PATHS]
    for app in apps.get_app_configs():
        if is_own(Path(app.path)):
            folders.append(Path(app.path) / "locale")
    for folder in folders:
        for catalogue in sorted(folder.glob("*/LC_MESSAGES/django.mo")):
            yield to_language(catalogue.parent.parent.name)


_PACKAGES = frozenset({"site-packages", "dist-packages"})


def is_own(folder: Path) -> bool:
    """Tell whether a folder is the project's, and not that of an installed package."""
    return not _PACKAGES.intersection(folder.parts)


def _ordered_folders(folders: Sequence[Path], directory: Path | None, option: str) -> list[Path]:
    """Return the folders, that of the mails first: new samples are written into it."""
    own = [folder for folder in folders if is_own(folder)]
    if directory is None:
        having = own
        missing = "a folder of the project; set DIRS or APP_DIRS in TEMPLATES"
    else:
        wanted = directory.resolve()
        having = [folder for folder in folders if wanted.is_relative_to(folder)]
        having += [folder for folder in folders if folder.is_relative_to(wanted)]
        searched = ", ".join(map(str, own)) or "no folder of the project"
        missing = f"{directory}; the loaders look into {searched}"
    if not having:
        raise CannotImport(f"{option}: no template loader looks into {missing}")
    return list(dict.fromkeys([*having, *folders]))


def _mails_in(folders: Folders, directory: Path | None) -> Callable[[MailFiles], bool]:
    """Return a function that tells mails from pages, by folder, or else by name and files."""
    wanted = directory.resolve() if directory else None

    def is_mail(files: MailFiles) -> bool:
        file = folders / files.markup
        if wanted:
            return file.is_relative_to(wanted)
        has_text = files.text and not files.is_text
        says_so = files.is_mjml or has_text or files.subject or _MAIL.search(files.markup)
        return bool(says_so) and is_own(file)

    return is_mail
