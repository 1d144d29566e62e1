"""Changes on the disk, sent to the open pages (server-sent events)."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from litestar import get
from litestar.di import NamedDependency
from litestar.response import ServerSentEvent, ServerSentEventMessage

from keyturn.errors import SettingsInvalid
from keyturn.plain_files import leads_out, make_private_folder, walk
from keyturn.studio.web.pages.layout import Visit
from keyturn.studio.web.studio import Studio

# Milliseconds. A save is reported after `_STEP` without another change, so an editor's rename is
# one save.
_STEP = 5
_AT_MOST = 50
_LOOK_UP = 200  # between two looks of an idle watch at `stopping`


@get("/events", sync_to_thread=False)
def saved_events(visit: NamedDependency[Visit]) -> ServerSentEvent:
    return ServerSentEvent(changes(visit.studio))


async def changes(studio: Studio) -> AsyncGenerator[ServerSentEventMessage, None]:
    """Report saves, mails and accepted snapshots, after `watching`.

    A folder that is removed may come back.
    """
    is_watching = is_back = False
    while not studio.stopping.is_set():
        if not studio.gallery.folder.is_dir():
            is_back = True
            await asyncio.sleep(_LOOK_UP / 1000)
            continue
        # A watch of the inbox needs its folder before the first mail.
        inbox = make_private_folder(studio.captured.folder).resolve() if studio.captured else None
        stored = studio.settings.snapshots
        snapshots = stored.resolve() if stored and stored.is_dir() else None
        folders = {
            *filter(None, (inbox, snapshots)),
            *await asyncio.to_thread(set, _watched(studio)),
        }
        with contextlib.suppress(FileNotFoundError):  # deleted in the meantime
            async for paths in _batches(studio, folders):
                # Only once the folder is watched again: a save in between would go unreported.
                returned, began = ["saved"] if is_back else [], [] if is_watching else ["watching"]
                for name in (*returned, *began, *_events(paths, inbox, snapshots)):
                    yield ServerSentEventMessage(event=name, data="")
                is_watching, is_back = True, False
        is_back = True


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
        gone = {Path(path) for change, path in batch if change == Change.deleted}
        # Check only after a change. If a folder disappears later, the next batch reports it.
        if gone & folders or (batch and not all(folder.exists() for folder in folders)):
            return


def _events(paths: set[Path], inbox: Path | None, snapshots: Path | None) -> tuple[str, ...]:
    """Return the names of the events that a batch of changes causes."""
    mails = {path for path in paths if path.parent == inbox}
    accepted = {path for path in paths if snapshots and path.is_relative_to(snapshots)}
    has_mail = any(path.suffix == ".eml" for path in mails)
    events = {"mail": has_mail, "snapshot": bool(accepted), "saved": bool(paths - mails - accepted)}
    return tuple(name for name, happened in events.items() if happened)


def _watched(studio: Studio) -> Iterator[Path]:
    """Yield the folders of mails and pages, and what links lead to: a change is reported only where
    it happens.
    """
    gallery, folders = studio.gallery, studio.gallery.watched_folders
    yield from folders
    for above, below, files in walk(gallery.folder):
        for path in (Path(above, name) for name in (*below, *files)):
            if path.is_symlink() and path.exists() and not leads_out(path, gallery.patterns.bounds):
                yield path.resolve()
    with contextlib.suppress(SettingsInvalid):  # the page of a state reports it
        for folder in studio.pages.watched_folders() if studio.pages else ():
            if not any(folder.is_relative_to(watched) for watched in folders):
                yield folder
