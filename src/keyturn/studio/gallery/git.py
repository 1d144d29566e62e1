"""The files of a folder that differ from a commit.

A repository, perhaps an unpacked archive of unknown origin, can make git run programs: hooks,
filters, a pager. dulwich runs nothing. Files are compared by the ids of their contents. `check`
calls this in a renderer, which has limits.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
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

# Dulwich opens them, even pipes.
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
    def get_config(self) -> ConfigFile:
        file, config = Path(self.commondir(), "config"), ConfigFile()
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
        inside = [path for path in paths if path.is_relative_to(top)]
        with closing(_open(top)) as repository:
            yield from _changed_in(repository, top, inside, _base_commit(repository, base))
    except (OutOfTime, MemoryError):
        raise
    except Exception as error:  # a repository can be broken in any way
        broken = f"the repository cannot be read: {type(error).__name__}: {error}"
        why = str(error) if isinstance(error, GitFailed) else broken
        raise GitFailed(f"--only-changed: git cannot compare {folder}: {why}") from error


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
            if os.path.lexists(file := top / ".git" / name) and not file.is_file():
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
        commit = parse_commit(repository, named if isinstance(named, Commit | Tag) else base).id
    except (KeyError, ValueError) as error:
        raise GitFailed(f"there is no commit or branch {base}") from error
    if not (bases := find_merge_base(repository, [head, commit])):
        raise GitFailed(f"HEAD and {base} have no commit in common")
    return bases[0]


def _changed_in(
    repository: Repo, top: Path, paths: Iterable[Path], commit: ObjectID | None
) -> Iterator[Path]:
    tree = repository[commit] if commit else None
    entries = (
        iter_tree_contents(repository.object_store, tree.tree) if isinstance(tree, Commit) else ()
    )
    stored = {entry.path: entry.sha for entry in entries if entry.path and entry.sha}
    is_ignored = _ignored_by(repository, top)

    def is_skipped(folder: Path) -> bool:
        within = os.fsencode(f"{folder.relative_to(top).as_posix()}/")
        has_stored = (name.startswith(within) for name in stored)
        return folder.name in {".git", "node_modules"} or (
            is_ignored(folder) and not any(has_stored)
        )

    for path in paths:
        places = (top / os.fsdecode(name) for name in stored)
        yield from (
            place for place in places if place.is_relative_to(path) and not os.path.lexists(place)
        )
        for file in _files_at(path, is_skipped):
            entry = stored.get(os.fsencode(file.relative_to(top).as_posix()))
            if not (_is_same(file, entry) if entry else is_ignored(file)):
                yield file


def _ignored_by(repository: Repo, top: Path) -> Callable[[Path], bool]:
    of_user = Path(default_user_ignore_filter_path(StackedConfig.default())).expanduser()
    filters = []
    for file in (Path(repository.commondir(), "info", "exclude"), of_user):
        with suppress(OSError):
            filters.append(IgnoreFilter(read_plain_file(file).splitlines()))
    manager = IgnoreFilterManager(str(top), filters, ignorecase=False)
    return lambda file: bool(manager.is_ignored(file.relative_to(top).as_posix()))


def _files_at(path: Path, is_skipped: Callable[[Path], bool]) -> Iterator[Path]:
    if path.is_file():
        yield path
    for above, below, names in walk(path):
        below[:] = [name for name in below if not is_skipped(Path(above, name))]
        yield from (Path(above, name) for name in names if name != ".git")


def _is_same(file: Path, stored: bytes) -> bool:
    """Tell whether a file has the content with this id, also with the line ends that git may have
    converted.
    """
    try:
        content = os.fsencode(file.readlink()) if file.is_symlink() else read_plain_file(file)
    except OSError:
        return False
    made = hashlib.sha256 if len(stored) == _SHA256 else hashlib.sha1
    written = (content, content.replace(b"\r\n", b"\n"))
    return any(
        made(b"blob %d\0%b" % (len(one), one)).hexdigest().encode() == stored for one in written
    )
