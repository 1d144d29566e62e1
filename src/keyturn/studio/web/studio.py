"""The settings of a studio: what it shows, who may reach it, and what it may do."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from keyturn.hosts import is_loopback_host
from keyturn.mail.port.email import Sender
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.renderers import Runner
from keyturn.studio.web.rendering.rendition import MailRenderer

PATH = "/studio"  # of the pages


@runtime_checkable
class HostedPages(Protocol):
    """Renders the hosted pages, each in any of its states.

    The studio knows no service, so `cli` passes this in.
    """

    @property
    def states(self) -> Sequence[tuple[str, str, str]]:
        """The name, label and template of each state, in the order of a list."""
        ...

    def watched_folders(self) -> Sequence[Path]:
        """Return the folders in which a save changes a page. Raises SettingsInvalid."""
        ...

    def page(self, state: str, language: str, brand: str, prefix: str) -> str:
        """Return a page with its files at `{prefix}/keyturn-assets/{version}/{name}`, and links to
        `{prefix}/{state}`.

        Raises LookupError for an unknown state or brand, TemplateInvalid, and ValueError for a
        missing file.
        """
        ...

    def file(self, name: str) -> tuple[bytes, str]:
        """Return a file that a page loads, and its media type. Raises LookupError."""
        ...


class MailProvider(Struct, frozen=True):
    """A way to send mails.

    `open` makes the sender when the first mail is sent: an HTTP client loads slowly.
    """

    name: str
    open: Callable[[], Sender]


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """Holds what the studio shows and may do.

    `gallery`: the templates, built with `reload=True`. `sender`: the From header of every mail.
    `captured`: the mails that apps sent, or None without an inbox. `opens_inbox`: whether it is the
    first page.
    `smtp`, `smtps`: "host:port" of the inbox, or empty. `certificate`: its PEM; empty without TLS.
    `baseline`: a file of known findings, which do not count.
    `provider`: sends a mail to an address that the reader enters, or None.
    `host`: the address that the server is bound to.
    `token`: lets clients in (`access.token_for`). Empty: all users and programs of this machine get
    in.
    `edits`: whether templates can be edited in the browser. None: only if no other machine reaches
    the studio.
    `runner`: renders and checks in processes that end when a template runs away. None: in this
    process.

    Call `stop` when the server stops: an open page holds a stream, and the server waits for it.
    """

    gallery: Gallery
    sender: str
    token: str
    captured: CapturedMails | None = None
    certificate: str = ""
    settings: StudioSettings = field(default_factory=StudioSettings)
    baseline: Path | None = None
    provider: MailProvider | None = None
    host: str = "127.0.0.1"
    edits: bool | None = None
    smtp: str = ""
    smtps: str = ""
    opens_inbox: bool = False
    pages: HostedPages | None = None
    runner: Runner[MailRenderer] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def is_shared(self) -> bool:
        """Whether other machines can reach the studio."""
        return not is_loopback_host(self.host)

    @property
    def read_only(self) -> str:
        """Why templates cannot be edited, or an empty text."""
        if self.edits is False:
            return "Read-only: the studio was started with --no-edit."
        if self.edits is None and self.is_shared:
            return "Read-only: other machines can reach this studio. To edit, start it with --edit."
        return ""

    def stop(self) -> None:
        self.stopping.set()
        if self.runner:
            self.runner.close()
