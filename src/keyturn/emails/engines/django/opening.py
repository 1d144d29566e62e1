"""A Django project and what is set about its mails -> a Gallery."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from keyturn.emails.engines.django.project import is_own, language_codes, set_up, template_engine, template_folders
from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.app_environment import CannotImport
from keyturn.emails.gallery.configuration import StudioSettings
from keyturn.emails.gallery.discovery import Patterns
from keyturn.languages import Languages
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.folders import Folders
from keyturn.mail.rendering.render import Templates

_MAIL = re.compile(r"(?:^|[/_.-])e?-?(?:mails?|mailings?|newsletters?|notifications?)(?:[/_.-]|$)", re.IGNORECASE)


def open_project(settings: str, directory: Path | None, studio: StudioSettings | None = None) -> Gallery:
    """Return the gallery over the mails of a Django project: those in `directory`, else those in its own apps.

    Its code runs, in this process. Raises CannotImport, also where Django's loaders do not look into `directory`.
    """
    option, studio = f"--django {settings}", studio or StudioSettings()
    set_up(settings, (directory or Path.cwd()).resolve())
    from keyturn.emails.engines.django.engine import DjangoEngine
    from keyturn.emails.engines.django.variables import find_variables

    engine, codes = template_engine(option), language_codes()
    first, *others = _ordered_folders(template_folders(engine), directory, option)
    django = DjangoEngine(engine, codes)
    return Gallery(
        templates=Templates(first, studio.globals, beneath=tuple(others), reload=True, engine=django),
        languages=Languages(_time_zone(), first, only=codes),
        brands={name: {**studio.globals, **brand} for name, brand in studio.brands.items()},
        patterns=Patterns(studio.ignore, studio.layouts, is_mail=_mails_in(Folders(first, *others), directory)),
        samples_folder=studio.samples,
        find_variables=lambda files: find_variables(files, django.template),
        finds_branches=False,  # they are found in what Jinja parses
    )


def _ordered_folders(folders: Sequence[Path], directory: Path | None, option: str) -> list[Path]:
    """Return the folders with that one first which mails are shown of: new samples are written into it."""
    if directory is None:
        own = [folder for folder in folders if is_own(folder)]
        if not own:
            raise CannotImport(f"{option}: its loaders look into no folder of the project's own")
        return [*own, *(folder for folder in folders if folder not in own)]
    wanted = directory.resolve()
    having = [folder for folder in folders if wanted.is_relative_to(folder)]
    having += [folder for folder in folders if folder.is_relative_to(wanted)]
    if not having:
        looked = ", ".join(map(str, filter(is_own, folders))) or "none of the project's own"
        raise CannotImport(f"{option}: its loaders do not look into {directory}; they look into {looked}")
    return [*having, *(folder for folder in folders if folder not in having)]


def _mails_in(folders: Folders, directory: Path | None) -> Callable[[MailFiles], bool]:
    """Return what tells mails from pages: by where they lie, else by what their names and files say."""
    if directory is not None:
        wanted = directory.resolve()
        return lambda files: (folders / files.markup).is_relative_to(wanted)

    def is_mail(files: MailFiles) -> bool:
        says_so = files.is_mjml or files.text or files.subject or _MAIL.search(files.markup)
        return bool(says_so) and is_own(folders / files.markup)

    return is_mail


def _time_zone() -> str:
    from django.conf import settings

    return settings.TIME_ZONE or "UTC"
