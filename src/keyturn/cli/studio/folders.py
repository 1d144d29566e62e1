"""Opens the templates of a command: a folder, or the emails that Keyturn sends."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct
from msgspec.structs import asdict, fields

from keyturn.cli.terminal import fail, harmless, warning
from keyturn.errors import Fault, SettingsInvalid
from keyturn.extras import requires_extra
from keyturn.plain_files import leads_out
from keyturn.values import did_you_mean

if TYPE_CHECKING:
    from keyturn.service.settings import Settings
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.gallery.configuration import StudioSettings

_OF_VARIABLE = "DJANGO_SETTINGS_MODULE"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DIRECTORY: Decorator = click.argument("directory", required=False, type=click.Path(path_type=Path))

_OPTIONS: Sequence[Decorator] = (
    click.option(
        "--env",
        "environment",
        default="",
        metavar="MODULE:NAME",
        help="Your app's own Jinja environment.",
    ),
    click.option(
        "--trust", is_flag=True, help="Trust the folder: its templates and settings may run code."
    ),
    click.option(
        "--django",
        is_flag=False,
        flag_value=_OF_VARIABLE,
        default="",
        metavar="SETTINGS",
        help="A Django project, by its settings module. Default: DJANGO_SETTINGS_MODULE. Runs "
        "its code.",
    ),
)


class Source(Struct, frozen=True):
    """The templates of a command. `environment`: the app's own Jinja environment, as
    "module:name". `django`: a project's settings module.
    """

    directory: Path | None
    environment: str = ""
    trust: bool = False
    django: str = ""

    @property
    def is_trusted(self) -> bool:
        return self.trust or bool(self.environment or self.django)


def takes_source(directory: Decorator = DIRECTORY) -> Decorator:
    """Give a command the options that name its templates, as one `source`. `directory` is the first
    of them.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_source(**options: Any) -> Any:
            values = {field.name: options.pop(field.name) for field in fields(Source)}
            return command(source=Source(**values), **options)

        decorated: Callable[..., Any] = with_source
        for option in reversed((directory, *_OPTIONS)):
            decorated = option(decorated)
        return decorated

    return decorate


class Opened(Struct, frozen=True):
    """A folder of emails. `service`: the settings of a service that sends these; `read_service`
    reads them again.
    """

    gallery: "Gallery"
    settings: "StudioSettings"
    service: "Settings | None" = None
    read_service: "Callable[[], Settings] | None" = None

    @property
    def shown(self) -> str:
        return shown_path(self.gallery.folder)


def shown_path(path: Path) -> str:
    """Return a path for a message: relative to the working folder, if it is below it."""
    if path.is_relative_to(Path.cwd()):
        return path.relative_to(Path.cwd()).as_posix()
    return os.fspath(path)


def open_folder(source: Source) -> Opened:
    """Open the folder that was named, else the one that is set, else Keyturn's own."""
    from keyturn.extras import folder

    directory = source.directory
    if directory:
        _require_folder(directory)
    if source.environment and source.django:
        fail("--env is for Jinja and --django for Django: use one of them")
    if directory and not source.is_trusted:  # it and its settings may come in a stranger's branch
        _refuse_link_out(directory)
    settings = studio_settings(directory, trusted=source.is_trusted)
    if source.django:
        return _open_project(source, settings)
    directory = directory or settings.folder
    if directory is None or directory.resolve() == folder("email_templates").resolve():
        if source.environment:
            fail("--env is for your own templates: name their folder")
        from keyturn.service.settings.reading import read_settings

        return own_emails(partial(read_settings, sending=False, connecting=False), settings)
    return _open_foreign(directory, source, settings)


def _require_folder(directory: Path) -> None:
    if directory.is_dir():
        return
    if directory.is_file():
        fail(f"{directory} is a file; name its folder: {directory.parent}")
    siblings = [path.name for path in directory.parent.glob("*/")]
    fail(f"there is no folder {directory}{did_you_mean(directory.name, siblings)}")


def _open_project(source: Source, settings: "StudioSettings") -> Opened:
    from keyturn.studio.engines.django.project import open_project

    module = source.django
    if module == _OF_VARIABLE:
        module = os.environ.get(_OF_VARIABLE, "")
    if not source.directory and settings.file and settings.file.parent.resolve() != Path.cwd():
        # The settings of a folder above may belong to another project.
        settings = studio_settings(Path.cwd())
    gallery = open_project(module, source.directory or settings.folder, settings)
    return Opened(gallery, settings)


def _open_foreign(directory: Path, source: Source, settings: "StudioSettings") -> Opened:
    from keyturn.studio.gallery.configuration import refused_without_trust
    from keyturn.studio.gallery.opening import open_gallery

    sandboxed = not source.is_trusted
    if sandboxed:
        refused = list(refused_without_trust(settings))
        if refused:
            raise SettingsInvalid(refused)
    gallery = open_gallery(
        directory, environment=source.environment, settings=settings, sandboxed=sandboxed
    )
    for file, why in gallery.left_out.items():
        click.echo(warning(harmless(f"skipped {directory / file}: it {why}")), err=True)
    return Opened(gallery, settings)


def studio_settings(directory: Path | None, *, trusted: bool = False) -> "StudioSettings":
    from keyturn.studio.gallery.configuration import read_studio_settings, settings_of_folder

    if directory:
        return settings_of_folder(directory, rules=_unknown_names, trusted=trusted)
    return read_studio_settings(Path.cwd(), rules=_unknown_names)


def own_emails(read_service: "Callable[[], Settings]", settings: "StudioSettings") -> Opened:
    from keyturn.service.reset.mails.palette import palette_of
    from keyturn.service.reset.mails.theme import builtin_emails
    from keyturn.studio.gallery import Gallery

    service = read_service()
    _, doubts = palette_of(service.brand)
    for doubt in doubts:
        click.echo(warning(doubt), err=True)
    mails = asdict(builtin_emails(service, settings.brands, reload=True))
    gallery = Gallery(**mails, finds_branches=settings.branches)
    return Opened(gallery, settings, service, read_service)


def usual_baseline(opened: Opened) -> Path:
    """Return where the baseline of a folder is; that of Keyturn's own mails is here, since they may
    be installed.
    """
    from keyturn.studio.lint.baseline import NAME

    folder = Path.cwd() if opened.service else opened.gallery.folder
    return folder / NAME


def _unknown_names(values: Mapping[str, Any]) -> Iterator[Fault]:
    if values.get("clients") or values.get("severity"):
        with requires_extra("studio", "a folder with clients or severities in its settings"):
            from keyturn.studio.lint.rule_names import unknown_names
        yield from unknown_names(values)
    editor = values.get("editor")
    if editor:
        from keyturn.studio.web.pages.editor import editor_for

        try:
            editor_for(editor)
        except SettingsInvalid as invalid:
            yield from invalid.faults


def _refuse_link_out(directory: Path) -> None:
    """End the command if a repository replaces the folder with a link that leads out (CWE-59)."""
    from keyturn.studio.gallery.naming import bounds_of

    for above in Path(os.path.abspath(directory)).parents:  # noqa: PTH100 - links are to be seen
        bounds = bounds_of(above)
        is_repository = bounds == above.resolve() and (bounds / ".git").exists()
        if is_repository and leads_out(directory, bounds):
            fail(
                f"{directory} is a link that leads out of {bounds}; if you trust the folder, add "
                "--trust"
            )


def service_settings(opened: Opened) -> "Settings":
    """Return the settings of the service; the defaults if they have faults and the folder is not
    its own.
    """
    from keyturn.service.settings import Settings
    from keyturn.service.settings.reading import inspect_settings, missing_settings, read_settings

    if opened.service:
        return opened.service
    if missing_settings():
        return Settings()
    # No file counts beside an untrusted folder, with which it may have come: it names the host that
    # gets passwords.
    file_counts = not opened.gallery.is_foreign
    reading = inspect_settings()
    try:
        settings = read_settings(sending=False, connecting=False, with_file=file_counts)
    # A folder that is not the service's own needs these settings only to send its mails.
    except SettingsInvalid as invalid:
        text = (
            "The settings of the service have mistakes. They are ignored here, and nothing can be "
            "sent:"
        )
        faults = [f"  {fault.name}: {fault.message}" for fault in invalid.faults]
        click.echo(warning("\n".join([text, *faults])), err=True)
        return Settings()
    if not file_counts and settings != reading.settings:
        text = (
            f"The settings of the service in {reading.file} are ignored, since {opened.shown} "
            "is not trusted; if you trust the folder, add --trust"
        )
        click.echo(warning(text), err=True)
    return settings
