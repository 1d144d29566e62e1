"""studio: shows the emails in a browser."""

import contextlib
import os
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from keyturn.cli.studio import folders
from keyturn.cli.terminal import PORT, accent, counted, fail, muted, title, warning

if TYPE_CHECKING:
    import socket

    from keyturn.mail.port.email import Sender
    from keyturn.service.settings import Settings
    from keyturn.studio.inbox.store import CapturedMails
    from keyturn.studio.renderers import Runner
    from keyturn.studio.web.rendering.rendition import MailRenderer
    from keyturn.studio.web.studio import MailProvider, Studio

_SHARED = "Anyone with this address and token can read these mails."
_OPEN = "Without a token, all users and programs of this machine can use this studio."


def greeting(opened: folders.Opened, studio: "Studio", bound: "socket.socket") -> str:
    from keyturn.cli.sockets import address_of

    url = f"{address_for_browsers(studio.token, bound)}/studio"
    token = f"?token={studio.token}" if studio.token else ""
    rows = {"Studio": accent(f"{url}{token}"), "Templates": _shown_templates(opened)}
    if studio.smtp:
        note = "captures every mail, for any recipient"
        if studio.certificate:
            note += ", with TLS"
        rows["SMTP"] = f"{accent(studio.smtp)}   {muted(note)}"
    if studio.smtps:
        rows["SMTPS"] = f"{accent(studio.smtps)}   {muted('the same, with TLS from the start')}"
    if studio.captured:
        rows["Inbox"] = accent(f"{url}/inbox{token}")
        api = accent(f"http://{address_of(bound)}/api/messages")
        note = "for tests; the token is the password" if token else "for tests"
        rows["API"] = f"{api}   {muted(note)}"
    if opened.settings.file:
        rows["Settings"] = os.path.relpath(opened.settings.file)
    lines = ["", title("studio"), ""]
    for name, value in rows.items():
        lines.append(f"  {name:<12} {value}")
    lines.append("")
    if studio.is_shared:
        lines.append(f"  {warning(_SHARED)}")
    if not token:
        lines.append(f"  {warning(_OPEN)}")
    end = "Press Ctrl-C to stop it."
    if not studio.provider:
        end += " Nothing is sent."
    lines += [f"  {muted(end)}", ""]
    return "\n".join(lines)


def _shown_templates(opened: folders.Opened) -> str:
    folder = "the emails that Keyturn sends" if opened.service else opened.shown
    count = len(opened.gallery.names())
    if count == 0:
        return f"{folder}   {warning('no template yet')}"
    return f"{folder}   {muted(counted(count, 'template'))}"


def address_for_browsers(token: str, bound: "socket.socket") -> str:
    """Return the address of a studio for browsers: on loopback, that of its own host."""
    from keyturn.cli.sockets import address_of
    from keyturn.hosts import is_loopback
    from keyturn.studio.web.access import browser_host

    address = f"http://{address_of(bound)}"
    if not token or not is_loopback(address):
        return address
    return f"http://{browser_host(token)}:{bound.getsockname()[1]}"


_TOKEN = "KEYTURN_STUDIO_TOKEN"
_WORKERS = 4  # one that checks, one for the mail that a user looks at, and two for other users


def studio_of(service: "Settings", host: str, token: str) -> "Studio":
    """Return a studio of the emails that a service sends."""
    opened = folders.own_emails(lambda: service, folders.studio_settings(None))
    return replace(_studio(opened, service, _inbox(service), token), host=host)


_FOLDER = click.Path(path_type=Path, file_okay=False)
_HELP = """Preview emails in a browser, with sample data. Each save updates the preview at once.

DIRECTORY is a folder of Jinja templates in MJML or HTML; without it, the studio shows the emails
that Keyturn sends. You need no configuration: the studio recognises text parts, layouts and
partials, and makes up a plausible value for each variable from its name.

\b
Examples:  keyturn studio emails
           keyturn studio templates/emails --env myshop.mails:environment
           keyturn studio --django mysite.settings
           keyturn studio --smtp 1025 --inbox mails

\b
Samples in TOML or JSON replace the made-up values:
  emails/welcome.mjml              a template
  emails/welcome.txt               its text part
  emails/welcome.samples.toml      its samples, each a table such as [ada]

Settings are in [tool.keyturn.studio] of pyproject.toml, or in [studio] of keyturn.toml.
"""


@click.command(help=_HELP)
@folders.takes_source()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=PORT,
    help="Port to listen on; 0 for a free one.",
)
@click.option(
    "--smtp",
    type=PORT,
    help="Port for an SMTP server that captures mails of any app; 0 for a free one.",
)
@click.option(
    "--starttls", is_flag=True, help="With --smtp: offer STARTTLS, with a certificate made here."
)
@click.option(
    "--smtps", type=PORT, help="With --smtp: one more port, on which TLS begins at once (SMTPS)."
)
@click.option(
    "--inbox",
    metavar="FOLDER",
    type=_FOLDER,
    help="Show this folder's .eml files, and keep --smtp's there.",
)
@click.option(
    "--no-token",
    is_flag=True,
    help="Let every user and program of this machine in, without a token.",
)
@click.option(
    "--edit/--no-edit",
    "edits",
    default=None,
    help="Allow editing. Default: if only this machine gets in.",
)
def studio(
    source: folders.Source,
    host: str,
    port: int,
    edits: bool | None,
    no_token: bool,
    inbox: Path | None,
    smtp: int | None,
    smtps: int | None,
    starttls: bool,
) -> None:
    from keyturn.extras import require_studio

    require_studio("the studio")
    opened = folders.open_folder(source)
    if smtp is None:
        _refuse_tls_without_smtp(smtps, starttls=starttls)
    from keyturn.service.telemetry.logs import configure_logs

    configure_logs("warning")
    # Before there are threads, sockets and files to inherit, and Litestar loads SQLAlchemy for this
    # process alone.
    runner = click.get_current_context().with_resource(contextlib.closing(_runner(opened)))
    from keyturn.cli.running import serve
    from keyturn.cli.sockets import listen, listen_for_browsers
    from keyturn.cli.studio.kept_token import token_file
    from keyturn.service.event_loop import run
    from keyturn.studio.web.app import create_studio_app

    if no_token:
        _refuse_open_studio(host)
        token = ""
        bound = [listen(host, port)]
    else:
        folder = Path.cwd() if opened.service else opened.gallery.folder
        token = chosen_token(token_file(folder))
        bound = listen_for_browsers(host, port)
    service = folders.service_settings(opened)
    captured = _inbox(service, inbox, captures=smtp is not None)
    addresses = _NO_SMTP
    if captured and smtp is not None:
        addresses = _capture(host, captured, smtp=smtp, smtps=smtps, starttls=starttls)
    names_no_folder = bool(opened.service)
    shown = replace(
        _studio(opened, service, captured, token),
        host=host,
        runner=runner,
        edits=edits,
        opens_inbox=names_no_folder and (smtp is not None or inbox is not None),
        smtp=addresses.smtp,
        smtps=addresses.smtps,
        certificate=addresses.certificate,
    )
    app = create_studio_app(shown)
    run(serve(app, bound, lambda: click.echo(greeting(opened, shown, bound[0])), shown.stop))
    click.echo(muted("Stopped."))


def _refuse_tls_without_smtp(smtps: int | None, *, starttls: bool) -> None:
    if starttls:
        fail("--starttls is for the mails that --smtp captures: add --smtp")
    if smtps is not None:
        fail("--smtps is for the mails that --smtp captures: add --smtp")


class _SmtpAddresses(NamedTuple):
    """The addresses of the SMTP server, and its certificate; "" for those that it does not have."""

    smtp: str = ""
    smtps: str = ""
    certificate: str = ""


_NO_SMTP = _SmtpAddresses()


def _capture(
    host: str, captured: "CapturedMails", *, smtp: int, smtps: int | None, starttls: bool
) -> _SmtpAddresses:
    """Start the SMTP server, which ends with the command."""
    from keyturn.cli.sockets import address_of, listen
    from keyturn.studio.inbox.smtp_server import SmtpServer, SmtpTls

    plain = listen(host, smtp, "--smtp")
    secure = None
    if smtps is not None:
        secure = listen(host, smtps, "--smtps")
    tls = None
    if secure or starttls:
        tls = SmtpTls.open(host, at_once=secure, starttls=starttls)
    click.get_current_context().with_resource(SmtpServer(plain, captured, tls=tls).running())
    addresses = _SmtpAddresses(smtp=address_of(plain))
    if secure:
        addresses = addresses._replace(smtps=address_of(secure))
    if tls:
        addresses = addresses._replace(certificate=tls.pem)
    return addresses


def _runner(opened: folders.Opened) -> "Runner[MailRenderer]":
    """Return the runner that renders and checks, with one worker started, so that the first preview
    is quick.
    """
    from keyturn.studio.renderers import renderers_for

    # Workers share the modules that are loaded here.
    from keyturn.studio.web import drafts  # noqa: F401
    from keyturn.studio.web.checks import reports  # noqa: F401
    from keyturn.studio.web.rendering import source_map  # noqa: F401
    from keyturn.studio.web.rendering.rendition import MailRenderer

    runner = renderers_for(MailRenderer(opened.gallery), opened.settings.limits, _WORKERS)
    runner.start()
    # It renders while this process loads the web framework.
    threading.Thread(target=_warm_up, args=[runner], daemon=True).start()
    return runner


def _warm_up(runner: "Runner[MailRenderer]") -> None:
    from keyturn.studio.web.rendering.rendition import MailRenderer

    with contextlib.suppress(Exception):  # the page of the mail shows the error
        runner.run(MailRenderer.warm_up)


def _inbox(
    service: "Settings", folder: Path | None = None, *, captures: bool = False
) -> "CapturedMails | None":
    """Return the inbox: the folder, else that of `mail.transport = "capture"`, else a temporary one
    if `captures`.
    """
    from keyturn.studio.inbox.store import CapturedMails

    if folder is None and service.mail.transport == "capture":
        folder = Path(service.mail.capture_dir)
    return CapturedMails(folder) if folder or captures else None


def _studio(
    opened: folders.Opened, service: "Settings", captured: "CapturedMails | None", token: str
) -> "Studio":
    """Return the studio of a folder, as its settings and those of the service have it."""
    from keyturn.mail.port.email import local_sender
    from keyturn.studio.web.studio import Studio

    settings = opened.settings
    sender = settings.sender or service.mail.from_
    if not sender and opened.service:
        sender = local_sender(service.brand.name, service.brand.support_address)
    elif not sender:
        sender = local_sender("Your app", "hello@example.test")
    pages = None
    if opened.read_service:  # the hosted pages belong to Keyturn's mails
        from keyturn.service.pages.preview import PagePreview

        pages = PagePreview(opened.read_service, settings.brands)
    return Studio(
        gallery=opened.gallery,
        sender=sender,
        token=token,
        captured=captured,
        settings=settings,
        baseline=folders.usual_baseline(opened),
        provider=_provider(service, captured),
        pages=pages,
    )


def _refuse_open_studio(host: str) -> None:
    from keyturn.hosts import is_loopback_host

    if not is_loopback_host(host):
        fail(f"--no-token: other machines can reach {host}, so this studio needs its token")


def chosen_token(file: Path) -> str:
    """Return the token of KEYTURN_STUDIO_TOKEN, else the one that this file keeps."""
    from keyturn.cli.studio.kept_token import kept_token
    from keyturn.setting_sources import SecretUnread, Variables
    from keyturn.studio.web.access import token_for

    try:
        wanted = Variables(os.environ).get(_TOKEN)
        if wanted:
            return token_for(wanted)
        return kept_token(file)
    except SecretUnread as error:
        fail(f"{error.label}: {error}")
    except ValueError as error:
        fail(f"{_TOKEN}: {error}")


def _provider(settings: "Settings", captured: "CapturedMails | None") -> "MailProvider | None":
    """Return what "send me this" sends with: the provider with a key or a server, else the studio's
    own inbox.
    """
    from keyturn.service.settings.rules import missing_provider_settings
    from keyturn.studio.web.studio import MailProvider

    transport = settings.mail.transport
    if not any(missing_provider_settings(transport, settings)):
        return MailProvider(transport, partial(_open_sender, settings))
    if captured:
        return MailProvider("inbox", partial(_open_capture, captured.folder))
    return None


def _open_sender(settings: "Settings") -> "Sender":
    from keyturn.service.sending.senders import sender_for

    return sender_for(settings.mail.transport, settings)


def _open_capture(folder: Path) -> "Sender":
    from keyturn.service.sending.senders import CaptureSender

    return CaptureSender(folder)
