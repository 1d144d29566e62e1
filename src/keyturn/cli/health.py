"""health: asks a running API or worker whether it is ready, for containers and scripts."""

import http.client
from contextlib import closing
from http import HTTPStatus

import click

from keyturn.cli.sockets import address_in_url
from keyturn.cli.terminal import PORT, fail
from keyturn.service.settings.reading import inspect_settings

_PATIENCE = 5  # seconds for the answer


@click.command()
@click.option("--host", show_default="server.host; 127.0.0.1 with --port", help="Address that the process listens on.")
@click.option("--port", show_default="server.port, 8000", type=PORT, help="Port that the process listens on.")
def health(host: str | None, port: int | None) -> None:
    """Ask a running API or worker whether it is ready.

    Asks /health/ready of `keyturn serve`, or of `keyturn worker --port`. Exits with 0 if it is ready, else with 1.

    \b
    Examples:  keyturn health
               keyturn health --port 9464
    """
    settings = inspect_settings(sending=False, connecting=False).settings  # whatever is wrong elsewhere in them
    listens = settings.server.host if port is None else "127.0.0.1"
    address = address_in_url(host or listens, settings.server.port if port is None else port)
    try:
        with closing(http.client.HTTPConnection(address, timeout=_PATIENCE)) as connection:
            connection.request("GET", "/health/ready")
            status = connection.getresponse().status
    except (OSError, UnicodeError) as error:  # UnicodeError: not a valid host name (RFC 5890), as in "a..b"
        fail(f"cannot ask http://{address}: {getattr(error, 'strerror', None) or error}")
    except http.client.HTTPException:
        fail(f"cannot ask http://{address}: it does not speak HTTP")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        fail(f"Keyturn on http://{address} is not ready: its database, its accounts or its worker does not answer")
    if status != HTTPStatus.OK:
        fail(f"http://{address}/health/ready answers with {status}, but is not Keyturn")
    click.echo(f"Keyturn on http://{address} is ready.")
