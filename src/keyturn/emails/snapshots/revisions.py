"""The mails of a folder at another commit: drawn from its files, in a temporary folder of this process."""

import os
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from threading import Lock
from typing import NamedTuple

from cachetools import LRUCache

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.git import GitFailed, Repository, open_repository
from keyturn.emails.snapshots.comparison import Comparison
from keyturn.emails.snapshots.goldens import MailName, Snapshot
from keyturn.emails.snapshots.sides import DrawsSides, Mail, MovedFolder
from keyturn.errors import TemplateInvalid

_MOST_KEPT = 3
_MOST_FILES = 20_000
_MOST_OCTETS = 64 * 1024**2
_MOST_LISTED = 30
_NOT_HERE = "the repository lacks {name} as it was then, and no remote is asked for it"
_FIELDS = "%h%x1f%s%x1f%cs"
_REFS = "%(refname:short)%1f%(contents:subject)%1f%(committerdate:short)"


class Revision(NamedTuple):
    name: str
    title: str
    day: str


class _CheckedOut:
    """The files of a commit, in a folder that is deleted with this object."""

    def __init__(self, files: MovedFolder) -> None:
        self.files = files
        weakref.finalize(self, shutil.rmtree, files.root, ignore_errors=True)


class Revisions:
    """Compares the mails of a gallery with those of other commits, which `sides` draws. Threads may share it."""

    def __init__(self, gallery: Gallery, sides: DrawsSides) -> None:
        self.gallery = gallery
        self._sides = sides
        self._kept: LRUCache[str, _CheckedOut] = LRUCache(_MOST_KEPT)
        self._one_at_a_time = Lock()

    def branches(self) -> list[Revision]:
        """Return branches and tags, the latest first. Raises GitFailed."""
        kinds = ("refs/heads", "refs/remotes", "refs/tags")
        order = ("--sort=-committerdate", f"--count={_MOST_LISTED}", f"--format={_REFS}")
        with open_repository(self.gallery.folder) as repository:
            return _read(repository.ask("for-each-ref", *order, *kinds))

    def commits(self) -> list[Revision]:
        """Return the last commits that changed the folder. Raises GitFailed."""
        log = ("log", f"--max-count={_MOST_LISTED}", f"--format={_FIELDS}")
        with open_repository(self.gallery.folder) as repository:
            return _read(repository.ask(*log, "--", _path_in(repository, self.gallery.folder)))

    def compare(self, revision: str, name: MailName) -> Comparison:
        """Return a mail at a commit and now. Raises GitFailed, and LookupError if it exists in neither."""
        there = self._files_at(revision)
        before, after = (self._sides.mails(side, [name])[name] for side in (there.files, None))
        if before is None and after is None:
            raise LookupError(f"There is no mail {name}, and there was none.")
        return _comparison(name, before, after)

    def changes(self, revision: str) -> list[Comparison]:
        """Return the changed mails, in the first language. Raises GitFailed, NotListed."""
        there = self._files_at(revision)
        names = list(dict.fromkeys((*self._sides.names(None), *self._sides.names(there.files))))
        was, now = self._sides.mails(there.files, names), self._sides.mails(None, names)
        return [one for name in names if (one := _comparison(name, was[name], now[name])).state != "same"]

    def _files_at(self, revision: str) -> _CheckedOut:
        with open_repository(self.gallery.folder) as repository:
            commit = repository.commit(revision)
            with self._one_at_a_time:
                if commit not in self._kept:
                    self._kept[commit] = self._check_out(repository, commit)
                return self._kept[commit]

    def _check_out(self, repository: Repository, commit: str) -> _CheckedOut:
        """Write the files of a commit as they lie in the repository, without running its filters."""
        folders = [folder for folder in self.gallery.watched_folders if folder.is_relative_to(repository.top)]
        paths = [_path_in(repository, folder) for folder in folders]
        files = dict(_files_of(repository.ask("ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", *paths)))
        root = Path(mkdtemp(prefix="keyturn-"))
        try:
            for name, content in _contents(repository, files):
                place = root / PurePosixPath(name)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            there = MovedFolder(repository.top, root)
            if not there.moved(self.gallery.folder).is_dir():
                raise GitFailed(f"there is no folder {self.gallery.folder.name} at {commit[:10]}")  # noqa: TRY301
            return _CheckedOut(there)
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise


def _read(listed: bytes) -> list[Revision]:
    lines = (line.split("\x1f") for line in os.fsdecode(listed).splitlines())
    return [Revision(*fields) for fields in lines if len(fields) == len(Revision._fields)]


def _files_of(listed: bytes) -> Iterator[tuple[str, str]]:
    """Yield the plain files of a tree with their object ids.

    Links, other repositories, and names that lead out of the folder (in a crafted tree) are left out.
    """
    octets = count = 0
    for entry in filter(None, listed.split(b"\0")):
        facts, _, name = entry.partition(b"\t")
        mode, kind, identity, size = facts.split()
        parts = PurePosixPath(os.fsdecode(name)).parts
        if kind != b"blob" or mode == b"120000" or {"..", "/"} & {*parts}:
            continue
        if not size.isdigit():
            raise GitFailed(_NOT_HERE.format(name=os.fsdecode(name)))
        octets, count = octets + int(size), count + 1
        if octets > _MOST_OCTETS or count > _MOST_FILES:
            raise GitFailed(f"the folder holds more than {_MOST_OCTETS // 1024**2} MB or {_MOST_FILES:,} files there")
        yield os.fsdecode(name), identity.decode()


def _path_in(repository: Repository, folder: Path) -> str:
    return folder.resolve().relative_to(repository.top).as_posix()


def _contents(repository: Repository, files: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    asked = "".join(f"{identity}\n" for identity in files.values()).encode()
    answered, at = repository.ask("cat-file", "--batch", given=asked), 0
    for name in files:
        end = answered.index(b"\n", at)
        header = answered[at:end].split()
        if header[1:2] != [b"blob"]:
            raise GitFailed(_NOT_HERE.format(name=name))
        size = int(header[2])
        yield name, answered[end + 1 : end + 1 + size]
        at = end + 2 + size


def _comparison(name: MailName, before: Mail, after: Mail) -> Comparison:
    return Comparison(
        name,
        before if isinstance(before, Snapshot) else None,
        after if isinstance(after, Snapshot) else None,
        after if isinstance(after, TemplateInvalid) else None,
        before if isinstance(before, TemplateInvalid) else None,
    )
