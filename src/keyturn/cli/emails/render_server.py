"""render-server: renders and checks emails over HTTP."""

import os
from contextlib import closing

import click

from keyturn.cli.emails.folders import Opened, Source, open_folder, takes_source, without_templates
from keyturn.cli.terminal import PORT, accent, fail, muted, ready, strong
from keyturn.quick_imports import quick_imports
from keyturn.reset.bounded_pool import cores

_TOKEN = "KEYTURN_RENDER_TOKEN"


@click.command("render-server")
@takes_source()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8002, show_default=True, type=PORT, help="Port to listen on; 0 for a free one.")
@click.option(
    "--workers", type=click.IntRange(1, 256), help="How many mails are rendered at a time. Default: one for each core."
)
def render_server(source: Source, host: str, port: int, workers: int | None) -> None:
    """Render and check emails over HTTP, for apps in any language.

    DIRECTORY is a folder of templates. Without it, these are the emails that Keyturn sends. A request may also bring
    its own files. The templates run in a sandbox within the limits of a mail; see limit_seconds and limit_megabytes.

    If other machines can reach the server, they must send the token in KEYTURN_RENDER_TOKEN.

    \b
    Example:  keyturn render-server emails
              curl http://127.0.0.1:8002/api/render --json '{"template": "welcome", "data": {"name": "Ada"}}'
    """
    with quick_imports():
        from keyturn.cli.running import serve
        from keyturn.cli.sockets import address_of, listen
        from keyturn.emails.render_server import create_render_app
        from keyturn.emails.renderers import renderers_for
        from keyturn.event_loop import run
    from keyturn.telemetry.logs import configure_logs

    configure_logs("warning")
    token = _token(host)
    opened = open_folder(source)
    if not opened.gallery.names():
        fail(*without_templates(opened))
    mails, most = opened.mails(), workers or cores()
    with closing(renderers_for(mails, mails.limits, most)) as runner:  # before there are threads and sockets to inherit
        runner.start()
        bound = listen(host, port)
        app = create_render_app(runner, workers=most, limits=mails.limits, host=host, token=token)
        run(serve(app, bound, lambda: click.echo(_greeting(opened, address_of(bound)))))


def _token(host: str) -> str:
    """Return the token of the environment. Ends the command if it could be guessed, or is missing and needed."""
    from keyturn.emails.studio.access import is_loopback, token_for

    given = os.environ.get(_TOKEN, "")
    if not (given or is_loopback(host)):
        fail(f"other machines can reach {host}: set {_TOKEN}, which they send as Authorization: Bearer TOKEN")
    try:
        return token_for(host, given)
    except ValueError as error:
        fail(f"{_TOKEN}: {error}")


def _greeting(opened: Opened, address: str) -> str:
    from keyturn import __version__

    count = len(opened.gallery.names())
    shown = "the emails that Keyturn sends" if opened.service else opened.shown
    rows = {
        "Render": accent(f"http://{address}/api/render"),
        "Check": accent(f"http://{address}/api/check"),
        "OpenAPI": accent(f"http://{address}/api/openapi/json"),
        "Templates": f"{shown}   {muted(f'{count} template' + ('' if count == 1 else 's'))}",
    }
    listed = (f"  {name:<12} {value}" for name, value in rows.items())
    head = f"{strong('Keyturn ' + __version__)}  render server{ready():>42}"
    return "\n".join(["", head, "", *listed, "", f"  {muted('Press Ctrl-C to stop it.')}", ""])
