"""studio: looking at the emails in a browser."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyturn.cli.emails.folders import (
    DIRECTORY,
    ENVIRONMENT,
    TRUST,
    Opened,
    open_folder,
    own_emails,
    studio_settings,
    without_templates,
)
from keyturn.cli.emails.package_hiding import hide_package
from keyturn.cli.terminal import PORT, accent, error, fail, muted, ready, strong, warning

if TYPE_CHECKING:
    from keyturn.emails.studio.capture.sending import Transport
    from keyturn.emails.studio.studio import Studio
    from keyturn.mail.transports.email import Sender
    from keyturn.settings import Settings


_HELLO = "hello@example.test"


def studio_of(service: "Settings", host: str, brands: Mapping[str, Mapping[str, Any]]) -> "Studio":
    """Return the studio over the templates that the service sends."""
    return _studio(own_emails(service, studio_settings(None), brands), host)


@click.command()
@DIRECTORY
@ENVIRONMENT
@TRUST
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8001, show_default=True, type=PORT, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--export", "destination", metavar="FOLDER", type=click.Path(path_type=Path),
    help="Write every mail there as plain pages, for people who do not code, and end.",
)  # fmt: skip
def studio(
    directory: Path | None, environment: str, trust: bool, host: str, port: int, destination: Path | None
) -> None:
    """Preview the emails in a browser, with sample data; what you save is drawn at once.

    DIRECTORY is any folder of Jinja templates in MJML or HTML; without it, the emails that Keyturn sends are shown.
    Nothing needs to be configured: text parts, layouts and partials are recognised, and what a template prints gets a
    plausible value by its name.

    \b
    Examples:  keyturn studio
               keyturn studio emails
               keyturn studio templates/emails --env myshop.mails:environment
               keyturn studio emails --export site

    \b
    Samples, in TOML, YAML or JSON, stand in for the guesses:
      emails/welcome.mjml              a template
      emails/welcome.txt               its text part
      emails/welcome.samples.toml      [ada], [no_name]: a table of values for each sample
      emails/samples/welcome/ada.json  or a file for each

    What differs is set under [tool.keyturn.studio] in pyproject.toml, or [studio] in keyturn.toml.
    """
    from keyturn.packaging import require_studio  # noqa: PLC0415
    from keyturn.telemetry.logs import configure_logs  # noqa: PLC0415

    if not destination:  # plain pages have no colours, no data made up and nothing to watch
        require_studio("the studio")

    with hide_package("advanced_alchemy"):
        from keyturn.cli.running import address_of, listen, run, serve  # noqa: PLC0415
        from keyturn.emails.studio import create_studio_app  # noqa: PLC0415

    opened = open_folder(directory, environment, trust=trust)
    if destination:
        _export(opened, destination)
        return
    configure_logs("warning")
    bound = listen(host, port)
    shown = _studio(opened, host)
    app = create_studio_app(shown)

    def greet() -> None:
        click.echo(_greeting(opened, shown, f"http://{address_of(bound)}/studio"))

    run(serve(app, bound, greet, shown.stopping.set))
    click.echo(muted("Ended. Nothing was sent." if shown.transport is None else "Ended."))


def _studio(opened: Opened, host: str) -> "Studio":
    from keyturn.cli.installation import installation  # noqa: PLC0415
    from keyturn.emails.lint.clients.clients import Clients  # noqa: PLC0415
    from keyturn.emails.studio.access.access_token import new_token  # noqa: PLC0415
    from keyturn.emails.studio.pages.editor import editor_started_by  # noqa: PLC0415
    from keyturn.emails.studio.studio import Studio  # noqa: PLC0415
    from keyturn.mail.transports.email import local_sender  # noqa: PLC0415
    from keyturn.settings import is_loopback  # noqa: PLC0415

    settings = opened.service or installation().settings(sending=False, connecting=False)
    brand = settings.brand
    unnamed = local_sender(brand.name, brand.support_address) if opened.service else local_sender("Your app", _HELLO)
    return Studio(
        gallery=opened.gallery,
        sender=opened.settings.sender or settings.mail.from_ or unnamed,
        outbox=Path(settings.mail.capture_dir) if settings.mail.transport == "capture" else None,
        goldens=opened.settings.goldens,
        golden_languages=opened.settings.golden_languages,
        clients=Clients.from_names(opened.settings.clients).groups,
        severity=opened.settings.severity,
        transport=_transport(settings),
        host=host,
        token="" if is_loopback(f"//{host}") else new_token(),
        editor=opened.settings.editor or editor_started_by(os.environ),
    )


def _export(opened: Opened, destination: Path) -> None:
    from keyturn.emails.studio.export import export  # noqa: PLC0415

    names = opened.gallery.names()
    if not names:
        fail(*without_templates(opened))
    with click.progressbar(
        length=len(names), label=muted("Writing"), file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        exported = export(opened.gallery, _studio(opened, "127.0.0.1").sender, destination, lambda: bar.update(1))
    click.echo(f"{exported.mails} mails in {accent((destination / 'index.html').resolve().as_uri())}")
    for fault in exported.faults:
        click.echo(error(f"Cannot be drawn: {fault}"), err=True)
    sys.exit(1 if exported.faults else 0)


def _transport(settings: "Settings") -> "Transport | None":
    """Return what "send me this" goes through, where a key or a server is set."""
    from keyturn.emails.studio.capture.sending import Transport  # noqa: PLC0415

    chosen = settings.mail.transport
    if not {"resend": settings.resend.api_key, "smtp": settings.smtp.host, "capture": "here"}[chosen]:
        return None

    def open_sender() -> "Sender":
        from keyturn.mail.transports.senders import sender_for  # noqa: PLC0415 - it brings the database with it

        return sender_for(chosen, settings)

    return Transport(chosen, open_sender)


def _greeting(opened: Opened, studio: "Studio", url: str) -> str:
    from keyturn import __version__  # noqa: PLC0415

    names = opened.gallery.names()
    templates = f"{len(names)} template{'' if len(names) == 1 else 's'}" if names else warning("no template yet")
    folder = "the emails that Keyturn sends" if opened.service else opened.shown
    rows = {
        "Studio": accent(f"{url}?token={studio.token}" if studio.token else url),
        "Templates": f"{folder}   {muted(templates) if names else templates}",
    }
    if opened.settings.file:
        rows["Settings"] = os.path.relpath(opened.settings.file)
    ends = "Ctrl-C ends it." + ("" if studio.transport or studio.token else " Nothing is sent.")
    return "\n".join(
        [
            "",
            f"{strong('Keyturn ' + __version__)}  studio{ready():>49}",
            "",
            *(f"  {name:<12} {value}" for name, value in rows.items()),
            "",
            *([f"  {warning('Who has the address with the token reads these mails, too.')}"] if studio.token else []),
            f"  {muted(ends)}",
            "",
        ]
    )
