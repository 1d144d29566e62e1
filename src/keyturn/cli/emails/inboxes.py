"""Opens the inboxes of `keyturn studio`, and the SMTP server and the webhook that belong to them."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli.emails.folders import Opened
from keyturn.cli.sockets import address_of, listen
from keyturn.cli.terminal import PORT, fail

if TYPE_CHECKING:
    from keyturn.emails.inbox.boxes import Boxes
    from keyturn.emails.inbox.certificate import SmtpTls
    from keyturn.emails.studio.studio import Studio
    from keyturn.settings import Settings

_DAY = 24 * 3600.0


class Catching:
    """The sockets of the SMTP server; none without `--smtp`. `smtp` and `smtps`: the addresses, or empty texts."""

    def __init__(self, host: str, smtp: int | None, smtps: int | None, file: Path | None, *, starttls: bool) -> None:
        for option, is_given in (("--inbox", file), ("--starttls", starttls), ("--smtps", smtps is not None)):
            if is_given and smtp is None:
                fail(f"{option} is for the mails that --smtp captures: add --smtp")
        self._bound = listen(host, smtp, "--smtp") if smtp is not None else None
        self._secure = listen(host, smtps, "--smtps") if smtps is not None else None
        self.file = file
        self.smtp = address_of(self._bound) if self._bound else ""
        self.smtps = address_of(self._secure) if self._secure else ""
        self._tls = self._open_tls(host, starttls=starttls) if starttls or self._secure else None
        self.certificate = self._tls.pem if self._tls else ""

    @property
    def is_on(self) -> bool:
        return self._bound is not None

    def shown_in(self, studio: "Studio") -> "Studio":
        """Return the studio with the addresses of the sockets."""
        return replace(studio, smtp=self.smtp, smtps=self.smtps, certificate=self.certificate)

    def run(self, running: contextlib.ExitStack, opened: Opened, studio: "Studio") -> None:
        """Start what was asked for: the SMTP server and the webhook."""
        if not studio.inboxes:
            return
        if opened.settings.inbox_webhook:
            from keyturn.emails.studio.api.arrivals import ArrivalReports

            running.enter_context(ArrivalReports(opened.settings.inbox_webhook, studio.inboxes).running())
        if self._bound:
            from keyturn.emails.inbox.smtp_server import SmtpServer

            server = SmtpServer(self._bound, studio.inboxes, studio.faults, tls=self._tls)
            running.enter_context(server.running())

    def _open_tls(self, host: str, *, starttls: bool) -> "SmtpTls":
        from keyturn.emails.inbox.certificate import SmtpTls

        kept = self.file.with_name(f"{self.file.name}.pem") if self.file else None
        try:
            return SmtpTls.open(host, kept, at_once=self._secure, starttls=starttls)
        except OSError as error:
            fail(f"{kept or 'the certificate'}: cannot be written: {error.strerror or error}")


def takes_catching(command: click.decorators.FC) -> click.decorators.FC:
    """Add the options of `Catching` to a command."""
    for option in (
        click.option(
            "--inbox",
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="With --smtp: keep captured mails in this SQLite file.",
        ),
        click.option("--smtps", type=PORT, help="With --smtp: one more port, on which TLS begins at once (SMTPS)."),
        click.option("--starttls", is_flag=True, help="With --smtp: offer STARTTLS, with a certificate made here."),
        click.option(
            "--smtp", type=PORT, help="Port for an SMTP server that captures mails of any app; 0 for a free one."
        ),
    ):
        command = option(command)
    return command


def open_boxes(
    opened: Opened, service: "Settings", file: Path | None = None, *, catching: bool = False
) -> "Boxes | None":
    """Return apps' mails: caught ones, and those of `mail.transport = "capture"`; None without either."""
    from keyturn.emails.inbox.boxes import Boxes, NamedBox
    from keyturn.emails.inbox.store import CapturedMails, MailRetention

    folder = Path(service.mail.capture_dir) if service.mail.transport == "capture" else None
    if not (folder or catching):
        return None

    def retention(mails: int | None = None, megabytes: int | None = None, days: float | None = None) -> MailRetention:
        age = days or settings.inbox_days
        return MailRetention(
            mails=mails or settings.inbox_mails,
            size=(megabytes or settings.inbox_megabytes) * 1024**2,
            age=age * _DAY if age else None,
        )

    settings = opened.settings
    named = {
        name: NamedBox(
            mails=CapturedMails(
                file and file.with_name(f"{file.stem}.{name}{file.suffix}"),
                retention=retention(box.mails, box.megabytes, box.days),
            ),
            password=box.password,
            key=box.key,
        )
        for name, box in settings.inboxes.items()
    }
    return Boxes(CapturedMails(file, folder, retention()), named if catching else {})
