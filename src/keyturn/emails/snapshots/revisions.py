"""The mails of a folder now and at another commit, which is drawn from its files in a temporary folder."""

import os
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import mkdtemp
from threading import Lock
from typing import NamedTuple, Protocol

from cachetools import LRUCache

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.environments import with_lenient_filters
from keyturn.emails.gallery.git import GitFailed, Repository, open_repository
from keyturn.emails.gallery.sizes import require_sendable
from keyturn.emails.renderers.limits import OutOfTime
from keyturn.emails.snapshots.comparison import Comparison, MailName, Snapshot
from keyturn.errors import KeyturnError, TemplateInvalid

Moved = Callable[[Path], Path]
"""Returns the place of a path of the working tree at another commit."""

Reopen = Callable[[Moved], Gallery]
"""Opens the gallery with the files of another commit."""


class MovedFolder(NamedTuple):
    """The files of a commit: `root` holds what the repository at `top` held."""

    top: Path
    root: Path

    def moved(self, path: Path) -> Path:
        resolved = path.resolve()
        return self.root / resolved.relative_to(self.top) if resolved.is_relative_to(self.top) else path


class MailStopped(TemplateInvalid):
    """A mail passed a limit while it was drawn."""


class NotListed(KeyturnError):
    """Listing the mails of a commit passes a limit."""


Mail = Snapshot | TemplateInvalid | None
"""A mail, why it cannot be drawn, or None if it does not exist."""


class DrawsSides(Protocol):
    """Draws the mails of the working tree, or of the commit `there`."""

    def names(self, there: MovedFolder | None) -> list[MailName]:
        """Return the mails in the first language. Raises NotListed."""
        ...

    def mails(self, there: MovedFolder | None, names: Sequence[MailName]) -> dict[MailName, Mail]: ...


def sides_of(gallery: Gallery, reopen: Reopen | None = None) -> Callable[[MovedFolder | None], "Side"]:
    """Return a function to the mails of a gallery now, and at other commits, the last of which stay open."""
    reopen = reopen or _templates_alone(gallery)
    now, at_commit = Side(gallery), lru_cache(_MOST_KEPT)(lambda there: Side(reopen(there.moved)))
    return lambda there: at_commit(there) if there else now


class Side:
    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._renderers = gallery.renderers(with_lenient_filters)

    def names(self) -> list[MailName]:
        return [MailName(entry.name, sample, "") for entry in self._gallery.entries() for sample in entry.samples]

    def mails(self, names: Sequence[MailName]) -> dict[MailName, Mail]:
        """Draw mails. Those of several templates raise OutOfTime and MemoryError, those of one template report them."""
        drawn: dict[MailName, Mail] = {}
        with self._gallery.one_look():
            known = frozenset(self._gallery.names())
            for name in names:
                drawn[name] = mail = self._mail(name) if name.template in known else None
                if isinstance(mail, MailStopped):
                    if len({one.template for one in names}) > 1:
                        raise mail.__cause__ or mail
                    return dict.fromkeys(names, mail) | drawn
        return drawn

    def _mail(self, name: MailName) -> Mail:
        try:
            return self._draw(name)
        except TemplateInvalid as fault:
            if isinstance(fault.__cause__, MemoryError):  # the process may not return the memory
                raise fault.__cause__ from fault
            cause, file = fault.__cause__, self._gallery.folders.name_of(fault.path)
            stopped = isinstance(cause, OutOfTime)
            reported = (
                MailStopped(file, fault.line, str(cause)) if stopped else type(fault)(file, fault.line, fault.message)
            )
            reported.__cause__ = cause
            return reported
        except LookupError:  # no such sample
            return None

    def _draw(self, name: MailName) -> Snapshot:
        sample, files = self._gallery.sample(name.template, name.sample), self._gallery.files(name.template)
        templates, language = self._renderers(sample), self._gallery.languages.choose(name.language)
        filled = templates.fill(name.template, sample.values, language)
        require_sendable(filled, files, templates.folders)
        return Snapshot.of(templates.compile(name.template, filled), files)


def _templates_alone(gallery: Gallery) -> Reopen:
    def reopen(moved: Moved) -> Gallery:
        folder = moved(gallery.templates.folder)
        return replace(gallery, templates=replace(gallery.templates, folder=folder, environments={}))

    return reopen


_MOST_KEPT = 3
_MOST_FILES = 20_000
_MOST_OCTETS = 64 * 1024**2
_MOST_LISTED = 30
_NOT_HERE = (
    "the repository does not contain {name} at that commit; fetch the whole history, as Keyturn contacts no remote"
)
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
            raise LookupError(f"There is no mail {name}, neither now nor at that commit.")
        return _comparison(name, before, after)

    def changes(self, revision: str) -> list[Comparison]:
        """Return the mails that changed or cannot be compared, in the first language. Raises GitFailed, NotListed."""
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
        path = PureWindowsPath(os.fsdecode(name))  # which also takes C: for a drive
        if kind != b"blob" or mode == b"120000" or b"\\" in name or path.anchor or ".." in path.parts:
            continue
        if not size.isdigit():
            raise GitFailed(_NOT_HERE.format(name=os.fsdecode(name)))
        octets, count = octets + int(size), count + 1
        if octets > _MOST_OCTETS or count > _MOST_FILES:
            raise GitFailed(
                f"the folder has more than {_MOST_OCTETS // 1024**2} MB or {_MOST_FILES:,} files at that commit"
            )
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
