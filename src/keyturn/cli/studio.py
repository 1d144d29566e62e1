"""studio: looking at the emails in a browser."""

from pathlib import Path

import click

from keyturn.cli.terminal import PORT, accent, muted
from keyturn.parts import Parts
from keyturn.settings import read_settings
from keyturn.studio.studio import Studio


def studio_of(parts: Parts, host: str) -> Studio:
    """Return the studio over the templates that these parts send. `parts` must reload its templates."""
    from keyturn.reset.emails import EMAILS  # noqa: PLC0415

    settings = parts.settings
    return Studio(
        templates=parts.templates,
        props=EMAILS,
        languages=parts.languages,
        sender=settings.mail.from_ or settings.brand.name,
        outbox=Path(settings.mail.capture_dir) if settings.mail.transport == "capture" else None,
        host=host,
    )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8001, show_default=True, type=PORT, help="Port to listen on; 0 takes a free one.")
def studio(host: str, port: int) -> None:
    """Preview the emails in a browser, with sample data; what you save is drawn at once."""
    from keyturn.cli.running import address_of, listen, run, serve  # noqa: PLC0415
    from keyturn.logs import configure_logs  # noqa: PLC0415
    from keyturn.studio import create_studio_app  # noqa: PLC0415

    configure_logs("warning")
    parts = Parts(read_settings(sending=False), reload_templates=True)
    bound = listen(host, port)
    shown = studio_of(parts, host)

    def greet() -> None:
        click.echo(f"Studio  {accent(f'http://{address_of(bound)}/studio')}  {muted('Ctrl-C ends it.')}")

    run(serve(create_studio_app(shown), bound, greet, shown.stopping.set))
    click.echo(muted("Ended. Nothing was sent."))
