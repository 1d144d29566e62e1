"""Changes on the disk, sent to the open pages (server-sent events)."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import NamedTuple

from litestar import get
from litestar.di import NamedDependency
from litestar.response import ServerSentEvent, ServerSentEventMessage

from keyturn.errors import SettingsInvalid
from keyturn.plain_files import leads_out, make_private_folder, walk
from keyturn.studio.web.studio import Studio

# Milliseconds. A save is reported after `_STEP` without another change, so an editor's rename is
# one save.
_STEP = 5
_AT_MOST = 50
_LOOK_UP = 200  # between two looks of an idle watch at `stopping`


@get("/events", sync_to_thread=False)
def saved_events(studio: NamedDependency[Studio]) -> ServerSentEvent:
    return ServerSentEvent(changes(studio))


async def changes(studio: Studio) -> AsyncGenerator[ServerSentEventMessage, None]:
    """Report saves, mails and accepted snapshots, after `watching`.

    A folder that is removed may come back.
    """
    is_watching = False
    is_back = False
    while not studio.stopping.is_set():
        if not studio.gallery.folder.is_dir():
            is_back = True
            await asyncio.sleep(_LOOK_UP / 1000)
            continue
        watched = await asyncio.to_thread(_watched, studio)
        with contextlib.suppress(FileNotFoundError):  # deleted in the meantime
            async for paths in _batches(studio, watched.folders):
                # Only once the folder is watched again: a save in between would go unreported.
                if is_back:
                    yield _event("saved")
                if not is_watching:
                    yield _event("watching")
                for name in watched.events_of(paths):
                    yield _event(name)
                is_watching = True
                is_back = False
        is_back = True


def _event(name: str) -> ServerSentEventMessage:
    return ServerSentEventMessage(event=name, data="")


class _Watched(NamedTuple):
    """The watched folders. `inbox`, `snapshots`: None without one."""

    folders: set[Path]
    inbox: Path | None
    snapshots: Path | None

    def events_of(self, paths: set[Path]) -> Iterator[str]:
        """Yield the names of the events that a batch of changes causes, each once."""
        mails = {path for path in paths if path.parent == self.inbox}
        accepted: set[Path] = set()
        if self.snapshots:
            accepted = {path for path in paths if path.is_relative_to(self.snapshots)}
        if any(path.suffix == ".eml" for path in mails):
            yield "mail"
        if accepted:
            yield "snapshot"
        if paths - mails - accepted:
            yield "saved"


def _watched(studio: Studio) -> _Watched:
    folders = set(_folders_of_templates(studio))
    inbox = None
    if studio.captured:
        # A watch of the inbox needs its folder before the first mail.
        inbox = make_private_folder(studio.captured.folder).resolve()
        folders.add(inbox)
    snapshots = None
    stored = studio.settings.snapshots
    if stored and stored.is_dir():
        snapshots = stored.resolve()
        folders.add(snapshots)
    return _Watched(folders, inbox, snapshots)


def _folders_of_templates(studio: Studio) -> Iterator[Path]:
    """Yield the folders of mails and pages, and what links lead to: a change is reported only where
    it happens.
    """
    gallery = studio.gallery
    folders = gallery.watched_folders
    yield from folders
    for above, below, files in walk(gallery.folder):
        for name in (*below, *files):
            path = Path(above, name)
            is_link = path.is_symlink() and path.exists()
            if is_link and not leads_out(path, gallery.patterns.bounds):
                yield path.resolve()
    if studio.pages:
        with contextlib.suppress(SettingsInvalid):  # the page of a state reports it
            for folder in studio.pages.watched_folders():
                if not any(folder.is_relative_to(watched) for watched in folders):
                    yield folder


async def _batches(studio: Studio, folders: set[Path]) -> AsyncGenerator[set[Path], None]:
    """Yield batches of changes until the server stops or a watched folder is replaced."""
    from watchfiles import Change, awatch

    # Else the terminal shows a line for each save.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    async for batch in awatch(
        *folders, step=_STEP, debounce=_AT_MOST, rust_timeout=_LOOK_UP, yield_on_timeout=True
    ):
        if studio.stopping.is_set():
            return
        yield {Path(path) for _, path in batch}
        if not batch:
            continue
        gone = {Path(path) for change, path in batch if change == Change.deleted}
        # Check only after a change. If a folder disappears later, the next batch reports it.
        if gone & folders or not all(folder.exists() for folder in folders):
            return
