"""Finds the mails that may differ from a commit: those that use a file that differs."""

from collections.abc import Collection
from pathlib import Path

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.git import changed_files

LONGEST = 60.0  # seconds of processor time for a comparison
_NO_PART = frozenset({".md", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".pot"})
"""Endings of files beside templates that are never part of a mail."""


def changed_mails(
    gallery: Gallery, base: str, settings: Path | None, without: Collection[Path] = ()
) -> set[str]:
    """Return the mails that may differ from the merge base with `base`.

    These are all mails if the settings differ, or a file that no mail is known to use. Raises
    GitFailed.
    """
    watched = list(gallery.watched_folders)
    paths = list(watched)
    if settings:
        paths.append(settings.resolve())
    changed = {file.resolve() for file in changed_files(gallery.folder, paths, base)}
    changed -= {one.resolve() for one in without}
    if settings and settings.resolve() in changed:
        return set(gallery.names())
    parts = set()
    for file in changed:
        if file.suffix not in _NO_PART and any(map(file.is_relative_to, watched)):
            parts.add(file)
    with gallery.one_look():
        made_of = {name: _files_of(gallery, name) for name in gallery.names()}
    shared = {(gallery.folders / file).resolve() for file in gallery.shared_files()}
    if parts.difference(shared, *made_of.values()):
        return set(made_of)
    return {name for name, files in made_of.items() if files & parts}


def _files_of(gallery: Gallery, name: str) -> set[Path]:
    files = {(gallery.folders / file).resolve() for file in gallery.files_of(name)}
    try:
        samples = {sample.file for sample in gallery.samples(name).values() if sample.file}
    except TemplateInvalid as error:
        return files | {Path(one.path).resolve() for one in (error, *error.others)}
    return files | {(gallery.folder / file).resolve() for file in samples}
