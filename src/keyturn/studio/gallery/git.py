"""The files of a folder that differ from a commit.

A repository, perhaps an unpacked archive of unknown origin, can make git run programs: hooks,
filters, a pager. dulwich runs nothing. Files are compared by the ids of their contents. `check`
calls this in a renderer, which has limits.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path

from dulwich.config import ConfigFile, StackedConfig
from dulwich.errors import NotGitRepository
from dulwich.graph import find_merge_base
from dulwich.ignore import IgnoreFilter, IgnoreFilterManager, default_user_ignore_filter_path
from dulwich.object_store import iter_tree_contents
from dulwich.objects import Commit, ObjectID, Tag
from dulwich.objectspec import parse_commit, parse_object
from dulwich.repo import Repo

from keyturn.errors import KeyturnError
from keyturn.plain_files import read_plain_file, walk
from keyturn.studio.renderers.limits import OutOfTime

# Dulwich opens these files, and a pipe would block it.
_READ = (
    "HEAD",
    "commondir",
    "packed-refs",
    "shallow",
    "info/grafts",
)
# The settings that say how a repository is stored. No other one counts.
_FORMAT = (
    ("core", "repositoryformatversion"),
    ("extensions", "objectformat"),
    ("extensions", "refstorage"),
)
_SHA256 = 64  # hexadecimal digits of an id in a repository with SHA-256


class _Repository(Repo):
    """A repository whose own configuration can neither name programs nor include files."""

    def get_config(self) -> ConfigFile:
        """Return the settings of `_FORMAT`, and no other one."""
        file = Path(self.commondir(), "config")
        config = ConfigFile()
        with suppress(FileNotFoundError):
            written = ConfigFile.from_file(BytesIO(read_plain_file(file)), expand_includes=False)
            for section, name in _FORMAT:
                with suppress(KeyError):
                    config.set(section, name, written.get(section, name))
        return config


class GitFailed(KeyturnError):
    """The repository cannot answer. The message is a sentence for users."""


def changed_files(folder: Path, paths: Iterable[Path], base: str) -> Iterator[Path]:
    """Yield files in `paths`, also deleted or new ones, that differ from the merge base of HEAD.

    Raises GitFailed.
    """
    try:
        top = _top_of(folder)
        with closing(_open(top)) as repository:
            comparison = _Comparison(repository, top, _base_commit(repository, base))
            for path in paths:
                if path.is_relative_to(top):
                    yield from comparison.deleted(path)
                    yield from comparison.changed(path)
    except (OutOfTime, MemoryError):
        raise
    except Exception as error:  # a repository can be broken in any way
        reason = f"the repository cannot be read: {type(error).__name__}: {error}"
        if isinstance(error, GitFailed):
            reason = str(error)
        raise GitFailed(f"--only-changed: git cannot compare {folder}: {reason}") from error


def _top_of(folder: Path) -> Path:
    """Return the working tree of the nearest repository that is not bare, as git finds it."""
    here = folder.resolve()
    for top in (here, *here.parents):
        if (top / ".git" / "objects").is_dir() or (top / ".git").is_file():
            return top
    raise GitFailed("not a git repository (or any of the parent directories): .git")


def _open(top: Path) -> Repo:
    if (top / ".git").is_dir():
        for name in _READ:
            file = top / ".git" / name
            if os.path.lexists(file) and not file.is_file():
                raise GitFailed(f"{file} is not a regular file")
    try:
        return _Repository(str(top), bare=False, worktree=str(top))
    except NotGitRepository as error:
        raise GitFailed(f"{top / '.git'} does not point to a repository") from error


def _base_commit(repository: Repo, base: str) -> ObjectID | None:
    """Return the merge base of HEAD and a commit, or None for HEAD before the first commit."""
    try:
        head = repository.head()
    except KeyError:
        if base == "HEAD":
            return None
        raise GitFailed("there is no commit yet") from None
    try:
        named = parse_object(repository, os.fsencode(base))
        commit = parse_commit(repository, named if isinstance(named, Commit | Tag) else base)
    except (KeyError, ValueError) as error:
        raise GitFailed(f"there is no commit or branch {base}") from error
    bases = find_merge_base(repository, [head, commit.id])
    if not bases:
        raise GitFailed(f"HEAD and {base} have no commit in common")
    return bases[0]


class _Comparison:
    """The files of a working tree beside those of a commit; None for no commit."""

    def __init__(self, repository: Repo, top: Path, commit: ObjectID | None) -> None:
        self._top = top
        self._ignores = _ignores_of(repository, top)
        self._stored: dict[bytes, bytes] = {}  # ids of contents by path
        tree = repository[commit] if commit else None
        if isinstance(tree, Commit):
            for entry in iter_tree_contents(repository.object_store, tree.tree):
                if entry.path and entry.sha:
                    self._stored[entry.path] = entry.sha

    def deleted(self, path: Path) -> Iterator[Path]:
        """Yield the files at or below a path that are gone."""
        for name in self._stored:
            place = self._top / os.fsdecode(name)
            if place.is_relative_to(path) and not os.path.lexists(place):
                yield place

    def changed(self, path: Path) -> Iterator[Path]:
        """Yield the files at or below a path that are new, unless git ignores them, or differ."""
        for file in self._files_at(path):
            stored = self._stored.get(os.fsencode(self._name_of(file)))
            is_unchanged = _is_same(file, stored) if stored else self._is_ignored(file)
            if not is_unchanged:
                yield file

    def _files_at(self, path: Path) -> Iterator[Path]:
        if path.is_file():
            yield path
        for above, below, names in walk(path):
            below[:] = [name for name in below if not self._is_skipped(Path(above, name))]
            for name in names:
                if name != ".git":
                    yield Path(above, name)

    def _is_skipped(self, folder: Path) -> bool:
        if folder.name in {".git", "node_modules"}:
            return True
        if not self._is_ignored(folder):
            return False
        start = os.fsencode(f"{self._name_of(folder)}/")
        return not any(name.startswith(start) for name in self._stored)

    def _is_ignored(self, file: Path) -> bool:
        return bool(self._ignores.is_ignored(self._name_of(file)))

    def _name_of(self, file: Path) -> str:
        return file.relative_to(self._top).as_posix()


def _ignores_of(repository: Repo, top: Path) -> IgnoreFilterManager:
    of_user = Path(default_user_ignore_filter_path(StackedConfig.default())).expanduser()
    filters = []
    for file in (Path(repository.commondir(), "info", "exclude"), of_user):
        with suppress(OSError):
            filters.append(IgnoreFilter(read_plain_file(file).splitlines()))
    return IgnoreFilterManager(str(top), filters, ignorecase=False)


def _is_same(file: Path, stored: bytes) -> bool:
    """Tell whether a file has the content with this id, also with the line ends that git may have
    converted.
    """
    try:
        if file.is_symlink():
            content = os.fsencode(file.readlink())
        else:
            content = read_plain_file(file)
    except OSError:
        return False
    new_hash = hashlib.sha256 if len(stored) == _SHA256 else hashlib.sha1
    for written in (content, content.replace(b"\r\n", b"\n")):
        blob = b"blob %d\0%b" % (len(written), written)
        if new_hash(blob).hexdigest().encode() == stored:
            return True
    return False
