"""Finds the mails that may differ from a commit: those that use a file that differs."""

from collections.abc import Collection, Iterable
from pathlib import Path

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.git import changed_files

LONGEST = 60.0  # seconds of processor time for a comparison
_NO_PART = (".md", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".pot")
"""Endings of files beside templates that are never part of a mail."""


def changed_mails(
    gallery: Gallery, base: str, settings: Path | None, without: Collection[Path] = ()
) -> set[str]:
    """Return the mails that may differ from the merge base with `base`.

    These are all mails if the settings differ, or a file that no mail is known to use. `without`:
    files that do not count. Raises GitFailed.
    """
    watched = list(gallery.watched_folders)
    paths = list(watched)
    if settings:
        settings = settings.resolve()
        paths.append(settings)
    changed = _resolved(changed_files(gallery.folder, paths, base)) - _resolved(without)
    if settings in changed:
        return set(gallery.names())
    parts = {file for file in changed if _may_be_part(file, watched)}
    with gallery.one_look():
        files_of_mails = {name: _files_of(gallery, name) for name in gallery.names()}
    shared = _resolved(gallery.folders / file for file in gallery.shared_files())
    if parts.difference(shared, *files_of_mails.values()):
        return set(files_of_mails)
    return {name for name, files in files_of_mails.items() if files & parts}


def _resolved(files: Iterable[Path]) -> set[Path]:
    return {file.resolve() for file in files}


def _may_be_part(file: Path, watched: Iterable[Path]) -> bool:
    return file.suffix not in _NO_PART and any(map(file.is_relative_to, watched))


def _files_of(gallery: Gallery, name: str) -> set[Path]:
    files = _resolved(gallery.folders / file for file in gallery.files_of(name))
    try:
        samples = gallery.samples(name).values()
    except TemplateInvalid as error:
        return files | _resolved(Path(one.path) for one in (error, *error.others))
    return files | _resolved(gallery.folder / sample.file for sample in samples if sample.file)
