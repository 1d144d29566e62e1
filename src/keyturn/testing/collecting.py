"""Which mails a test goes through. It is a file of its own, since its imports are slow and few tests need them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import asdict

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.reset.mails.builtin_emails import builtin_emails
from keyturn.service.settings.reading import FILE_NAME, read_settings
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.configuration import StudioSettings, read_studio_settings
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.snapshots import SnapshotFolder, Snapshots


def snapshots_of(mark: pytest.Mark | None, project: Path) -> Snapshots:
    """Return the snapshots that the marker names, or without one those of the project's configuration.

    Raises SettingsInvalid, CannotImport.
    """
    settings = read_studio_settings(project)
    if mark:
        return _snapshots_of_mark(project, settings, *mark.args, **mark.kwargs)
    if settings.snapshots is None:
        raise SettingsInvalid(
            [Fault("snapshots", 'is not set: write snapshots = "tests/mails" under [tool.keyturn.studio]')]
        )
    gallery = open_gallery(settings.folder, settings=settings) if settings.folder else _own_gallery(project)
    return Snapshots(gallery, SnapshotFolder(settings.snapshots), settings.snapshot_languages)


def _snapshots_of_mark(
    project: Path, settings: StudioSettings, directory: str, snapshots: str, languages: Sequence[str] = ()
) -> Snapshots:
    gallery = open_gallery(project / directory, settings=settings)
    return Snapshots(gallery, SnapshotFolder(project / snapshots), languages)


def _own_gallery(project: Path) -> Gallery:
    """Return the emails that Keyturn sends, for the brand of this project."""
    file = project / FILE_NAME
    settings = read_settings(file if file.is_file() else None, sending=False, connecting=False)
    return Gallery(**asdict(builtin_emails(settings)))
