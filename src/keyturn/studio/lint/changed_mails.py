"""Finds the mails that may differ from a commit: git names changed files, the gallery the mails that use them."""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from keyturn.errors import KeyturnError, TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.git import GitFailed, GitMissing, Repository, open_repository

_NO_PART = frozenset({".md", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".pot"})
"""Endings of files beside templates that are never part of a mail."""

_COMMIT_OF_OTHER = b"160000 "
"""The start of an index entry for a submodule (gitformat-index(5))."""


class NoComparison(KeyturnError):
    """Git cannot say what changed. The message is a sentence for users."""


def changed_mails(gallery: Gallery, base: str, settings: Path | None, without: Collection[Path] = ()) -> set[str]:
    """Return the mails that may differ from the merge base with the commit or branch `base`.

    A changed file of no known mail (a catalogue, a deleted file, the `settings`) may concern every mail. Files in
    `without` are ignored. Raises NoComparison.
    """
    changed = {file.resolve() for file in _changed_files(gallery, base, settings)} - {one.resolve() for one in without}
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
    files = {(gallery.folders / file).resolve() for file in gallery.files_of(name)}
    try:
        origins = [sample.origin for sample in gallery.samples(name).values() if sample.origin]
    except TemplateInvalid as error:
        return files | {Path(one.path).resolve() for one in (error, *error.others)}
    return files | {(gallery.folder / origin.partition(":")[0]).resolve() for origin in origins}


def _changed_files(gallery: Gallery, base: str, settings: Path | None) -> Iterator[Path]:
    """Yield changed files that may be part of mails. Raises NoComparison."""
    with _no_comparison(gallery.folder), open_repository(gallery.folder, compares_files=True) as repository:
        asked = [*gallery.watched_folders, *([settings.resolve()] if settings else [])]
        paths = [file.relative_to(repository.top).as_posix() for file in asked if file.is_relative_to(repository.top)]
        try:
            commit = repository.commit(base)
        except GitFailed:
            if base != "HEAD":
                raise
            everything = repository.ask("ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *paths)
            yield from _files(repository, everything)
            return  # there is no commit yet
        yield from _changed_in(repository, commit, paths)


def _changed_in(repository: Repository, commit: str, paths: Iterable[str]) -> Iterator[Path]:
    """Yield files that differ from the merge base with a commit and untracked files, also those of submodules.

    Submodules are opened one by one: looking into their folders, git itself would obey their configuration.
    """
    compared = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--merge-base")
    listed = repository.ask(*compared, "--ignore-submodules=dirty", commit, "--", *paths)
    listed += repository.ask("ls-files", "--others", "--exclude-standard", "-z", "--", *paths)
    yield from _files(repository, listed)
    for entry in repository.ask("ls-files", "--stage", "-z", "--", *paths).split(b"\0"):
        within = repository.top / PurePosixPath(os.fsdecode(entry.partition(b"\t")[2]))
        if entry.startswith(_COMMIT_OF_OTHER) and (within / ".git").exists() and within.resolve() == within:
            with open_repository(within, compares_files=True) as other:
                yield from _changed_in(other, "HEAD", ["."])


def _files(repository: Repository, listed: bytes) -> Iterator[Path]:
    for name in filter(None, listed.split(b"\0")):
        yield repository.top / PurePosixPath(os.fsdecode(name))


@contextmanager
def _no_comparison(folder: Path) -> Iterator[None]:
    try:
        yield
    except GitMissing as error:
        raise NoComparison(f"--only-changed needs git, but {error}") from None
    except GitFailed as error:
        raise NoComparison(f"--only-changed: git cannot compare {folder}: {error}") from None
