"""Opens the inbox of `keyturn studio`, and the SMTP server that belongs to it."""

import contextlib
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING

import click

from keyturn.cli.sockets import address_of, listen
from keyturn.cli.terminal import PORT, fail

if TYPE_CHECKING:
    from keyturn.service.settings import Settings
    from keyturn.studio.inbox.certificate import SmtpTls
    from keyturn.studio.inbox.store import CapturedMails


class Catching:
    """Sockets of the SMTP server, if `--smtp` is set. `addresses`: those that a studio shows, with the certificate."""

    def __init__(self, host: str, smtp: int | None, smtps: int | None, *, starttls: bool) -> None:
        for option, is_given in (("--starttls", starttls), ("--smtps", smtps is not None)):
            if is_given and smtp is None:
                fail(f"{option} is for the mails that --smtp captures: add --smtp")
        self._bound = listen(host, smtp, "--smtp") if smtp is not None else None
        self._secure = listen(host, smtps, "--smtps") if smtps is not None else None
        self._tls = _open_tls(host, self._secure, starttls=starttls) if starttls or self._secure else None
        self.addresses = {
            "smtp": address_of(self._bound) if self._bound else "",
            "smtps": address_of(self._secure) if self._secure else "",
            "certificate": self._tls.pem if self._tls else "",
        }

    @property
    def is_on(self) -> bool:
        return self._bound is not None

    def run(self, running: contextlib.ExitStack, captured: "CapturedMails | None") -> None:
        """Start the SMTP server, if one was asked for."""
        if self._bound and captured:
            from keyturn.studio.inbox.smtp_server import SmtpServer

            running.enter_context(SmtpServer(self._bound, captured, tls=self._tls).running())


def _open_tls(host: str, at_once: socket | None, *, starttls: bool) -> "SmtpTls":
    from keyturn.studio.inbox.certificate import SmtpTls

    return SmtpTls.open(host, at_once=at_once, starttls=starttls)


def takes_catching(command: click.decorators.FC) -> click.decorators.FC:
    """Add the options of `Catching` to a command."""
    for option in (
        click.option(
            "--inbox",
            metavar="FOLDER",
            type=click.Path(path_type=Path, file_okay=False),
            help="Show the mails of this folder, which are .eml files, and keep those of --smtp there.",
        ),
        click.option("--smtps", type=PORT, help="With --smtp: one more port, on which TLS begins at once (SMTPS)."),
        click.option("--starttls", is_flag=True, help="With --smtp: offer STARTTLS, with a certificate made here."),
        click.option(
            "--smtp", type=PORT, help="Port for an SMTP server that captures mails of any app; 0 for a free one."
        ),
    ):
        command = option(command)
    return command


def open_inbox(service: "Settings", folder: Path | None = None, *, catching: bool = False) -> "CapturedMails | None":
    """Return the inbox: the folder, else that of `mail.transport = "capture"`, else a temporary one if `catching`."""
    from keyturn.studio.inbox.store import CapturedMails

    if folder is None and service.mail.transport == "capture":
        folder = Path(service.mail.capture_dir)
    return CapturedMails(folder) if folder or catching else None
