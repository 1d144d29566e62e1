"""What a studio is made of."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.git import lies_in_repository
from keyturn.emails.inbox.faults import Faults
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.snapshots.revisions import Revisions
from keyturn.emails.snapshots.sides import Reopen
from keyturn.emails.studio.access.hosts import is_loopback
from keyturn.emails.studio.capture.release import Release
from keyturn.emails.studio.capture.sending import MailProvider
from keyturn.emails.studio.hosted_pages import HostedPages
from keyturn.emails.studio.rendering.bounded_sides import BoundedSides
from keyturn.emails.studio.rendering.drawing import Drawer
from keyturn.emails.workers import Here, Limits, Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """Holds what the studio shows, put together by whoever starts it.

    The templates of `gallery` must have been built with `reload=True`. `sender` is what stands in From. `captured` are
    the mails that apps sent, None where nothing is captured; `provider` sends a mail to whoever asks
    for it, None where nobody has configured one, and `release` sends captured ones on, None where nobody may get them.
    `host` is what the server is bound to; where others can reach that, `token` is what lets people in (see
    `keyturn.emails.studio.access.access_token`).

    `clients` are the groups of mail clients that the checks look at, the usual ones where there are none;
    `severity` says by rule or group how severe a finding is. `baseline` is the file of those that are known, which do
    not count. `limits` are those of a mail that is checked.

    `editor` is the one that places in files are opened in, by the name of a preset or as a pattern.

    `smtp` is where apps may send mails to, "host:port", empty where nowhere; `faults` is what goes wrong there on
    request.

    `edits` says whether templates can be edited in the browser, None that they can where only this machine reaches it.

    `goldens` is the folder of the golden files, None where mails are compared with none; without `golden_languages`
    there are some for every language.

    `pages` are those that go with the mails, None where there are none.

    `runner` draws and checks, in processes that are ended when a template runs away; without one it is done here.

    `reopen` opens the gallery with the files of another commit, for who draws without a `runner`; where it is None, its
    templates alone are of that one.

    Call `stop` when the server is asked to stop: an open page holds a stream, and the server waits for it.
    """

    gallery: Gallery
    sender: str
    captured: CapturedMails | None = None
    goldens: Path | None = None
    golden_languages: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)
    baseline: Path | None = None
    limits: Limits = field(default_factory=Limits)
    provider: MailProvider | None = None
    host: str = "127.0.0.1"
    token: str = ""
    editor: str = ""
    edits: bool | None = None
    smtp: str = ""
    release: Release | None = None
    reopen: Reopen | None = None
    faults: Faults = field(default_factory=Faults)
    pages: HostedPages | None = None
    runner: Runner[Drawer] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def read_only(self) -> str:
        """Why templates cannot be edited; empty where they can."""
        if self.edits is False:
            return "Read only: this studio was started without editing."
        if self.edits is None and not is_loopback(self.host):
            return "Read only: others than this machine can reach this studio, and it was not started with --edit."
        return ""

    def stop(self) -> None:
        """Have open pages let go, and end whatever is drawn just now."""
        self.stopping.set()
        if self.runner:
            self.runner.close()

    def revisions(self) -> Revisions | None:
        """Return what compares the mails with those of other commits; None where the folder lies in no repository."""
        if not lies_in_repository(self.gallery.folder):
            return None
        return Revisions(self.gallery, BoundedSides(self.runner or Here(Drawer(self.gallery, self.reopen))))
