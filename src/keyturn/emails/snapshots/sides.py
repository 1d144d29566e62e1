"""The mails of a folder now and at a commit, drawn by a renderer to be shown side by side."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.environments import with_lenient_filters
from keyturn.emails.gallery.sizes import require_sendable
from keyturn.emails.snapshots.goldens import MailName, Snapshot
from keyturn.emails.workers.limits import OutOfTime
from keyturn.errors import KeyturnError, TemplateInvalid

_MOST_KEPT = 3

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


class Sides:
    """Draws the mails of a gallery, and of the same gallery at other commits, the last of which it keeps open."""

    def __init__(self, gallery: Gallery, reopen: Reopen | None = None) -> None:
        self._now = _Side(gallery)
        reopen = reopen or _templates_alone(gallery)
        self._at_commit = lru_cache(_MOST_KEPT)(lambda there: _Side(reopen(there.moved)))

    def names(self, there: MovedFolder | None) -> list[MailName]:
        return self._at(there).names()

    def mails(self, there: MovedFolder | None, names: Sequence[MailName]) -> dict[MailName, Mail]:
        """Draw mails. Mails of several templates raise OutOfTime and MemoryError; mails of one template report them."""
        return self._at(there).mails(names)

    def _at(self, there: MovedFolder | None) -> "_Side":
        return self._at_commit(there) if there else self._now


class _Side:
    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._renderers = gallery.renderers(with_lenient_filters)

    def names(self) -> list[MailName]:
        return [MailName(entry.name, sample, "") for entry in self._gallery.entries() for sample in entry.samples]

    def mails(self, names: Sequence[MailName]) -> dict[MailName, Mail]:
        drawn: dict[MailName, Mail] = {}
        with self._gallery.one_look():
            for name in names:
                drawn[name] = mail = self._mail(name)
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
        except LookupError:
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
