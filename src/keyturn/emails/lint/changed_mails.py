"""Which mails may be other ones than at a commit: git says which files changed, the gallery what is made of them."""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.git import GitFailed, GitMissing, ask_git, commit_of
from keyturn.errors import KeyturnError, TemplateInvalid

_NO_PART = frozenset({".md", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".pot"})
"""Endings of files that lie beside templates and that no mail is made of."""


class NoComparison(KeyturnError):
    """Git cannot say what changed; the message is a sentence for a person."""


def changed_mails(gallery: Gallery, base: str, settings: Path | None, without: Collection[Path] = ()) -> set[str]:
    """Return the mails that may differ from those at the commit or branch `base` when it was left.

    What no mail is known to be made of (a catalogue, a file that is gone, the `settings`) may have changed them all,
    apart from files `without` a part in them. Raises NoComparison.
    """
    changed = {file.resolve() for file in _changed_files(gallery.folder, base)} - {one.resolve() for one in without}
    watched = gallery.watched_folders
    inside = {file for file in changed if any(map(file.is_relative_to, watched)) and file.suffix not in _NO_PART}
    if settings and settings.resolve() in changed:
        return set(gallery.names())
    with gallery.one_look():
        made_of = {name: _files_of(gallery, name) for name in gallery.names()}
    known = set[Path]().union(
        *made_of.values(), ((gallery.folders / file).resolve() for file in gallery.shared_files())
    )
    if inside - known:
        return set(made_of)
    return {name for name, files in made_of.items() if files & inside}


def _files_of(gallery: Gallery, name: str) -> set[Path]:
    """Return the files of a mail and those of its samples."""
    files = {(gallery.folders / file).resolve() for file in gallery.files_of(name)}
    try:
        origins = [sample.origin for sample in gallery.samples(name).values() if sample.origin]
    except TemplateInvalid as error:
        return files | {Path(error.path).resolve()}
    return files | {(gallery.folder / origin.partition(":")[0]).resolve() for origin in origins}


def _changed_files(folder: Path, base: str) -> Iterable[Path]:
    top = Path(_git(folder, "rev-parse", "--show-toplevel").removesuffix("\n"))
    with _no_comparison(folder):
        commit = commit_of(folder, base)
    compared = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--merge-base", commit)
    new = ("ls-files", "--others", "--exclude-standard", "--full-name", "-z", ":/")
    listed = _git(folder, *compared) + _git(folder, *new)
    return [top / PurePosixPath(name) for name in listed.split("\0") if name]


def _git(folder: Path, *arguments: str) -> str:
    with _no_comparison(folder):
        return os.fsdecode(ask_git(folder, *arguments))


@contextmanager
def _no_comparison(folder: Path) -> Iterator[None]:
    try:
        yield
    except GitMissing as error:
        raise NoComparison(f"--only-changed asks git, and {error}") from None
    except GitFailed as error:
        raise NoComparison(f"--only-changed asks git about {folder}, which says: {error}") from None
