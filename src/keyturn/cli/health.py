"""health: asks a running API or worker whether it can do its work, for containers and scripts.

It imports little, since such a check runs every few seconds. With --port or --uds, it reads no settings, unless the
process answers only the host of its `base_url`.
"""

import http.client
import json
import queue
import socket
import sys
import threading
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import click

from keyturn.cli.sockets import address_in_url
from keyturn.cli.terminal import PORT, fail

_LARGEST = 4096
"""Bytes of an answer that are read. Keyturn's own answers have a few hundred."""

_LIVE, _READY = "/health/live", "/health/ready"
_OK = '{"status":"ok"}'
_NO_ANSWER = 0
_NO_HOST = "not a valid host name"


class Answer(NamedTuple):
    """A process's answer. `status` is 0 if there is none, and `text` is then the reason."""

    status: int
    text: str


@click.command()
@click.option("--host", show_default="server.host; 127.0.0.1 with --port", help="Address that the process listens on.")
@click.option("--port", show_default="server.port, 8000", type=PORT, help="Port that the process listens on.")
@click.option("--uds", metavar="FILE", type=click.Path(path_type=Path), help="Unix socket that `serve` listens on.")
@click.option("--live", is_flag=True, help="Ask only whether the process answers, not whether its database does.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    default=5,
    show_default=True,
    type=click.IntRange(1, 60),
    help="How long to wait for the answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def health(*, host: str | None, port: int | None, uds: Path | None, live: bool, timeout: int, as_json: bool) -> None:
    """Ask a running API or worker whether it is ready.

    Asks /health/ready of `keyturn serve`, or of `keyturn worker --port`. Exits with 0 if it is ready, else with 1.

    \b
    Examples:  keyturn health
               keyturn health --port 9464
    """
    if uds and (host or port is not None):
        raise click.UsageError("--uds excludes --host and --port.")
    if uds and not hasattr(socket, "AF_UNIX"):
        fail("--uds: this system, such as Windows, has no Unix sockets.")
    path = _LIVE if live else _READY
    place = uds or _address(host, port)
    shown = f"the Unix socket {uds}" if uds else f"http://{place}"
    ends = monotonic() + timeout
    answer = _ask(place, path, "localhost", ends)
    if answer.status == HTTPStatus.MISDIRECTED_REQUEST:  # `server.allowed_hosts` is set
        answer = _ask(place, path, _served_host(), ends)
    healthy, sentence = _judge(answer, shown, path)
    if as_json:
        click.echo(json.dumps({"healthy": healthy, "status": answer.status or None, "message": sentence}))
        sys.exit(not healthy)
    if not healthy:
        fail(sentence)
    click.echo(sentence)


def _address(host: str | None, port: int | None) -> str:
    """Return the process's "host:port". Without a port, it is the one of the settings, whatever else is wrong there."""
    if port is not None:
        return address_in_url(host or "127.0.0.1", port)
    from keyturn.settings.reading import inspect_settings

    server = inspect_settings(sending=False, connecting=False).settings.server
    return address_in_url(host or server.host, server.port)


def _served_host() -> str:
    """Return the host of `base_url`, which `serve` answers whatever `server.allowed_hosts` contains."""
    from keyturn.hosts import host_of
    from keyturn.settings.reading import inspect_settings

    return host_of(inspect_settings(sending=False, connecting=False).settings.base_url)


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, file: Path) -> None:
        super().__init__("localhost")
        self._file = file

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._file))


def _ask(place: Path | str, path: str, named: str, ends: float) -> Answer:
    """Return the answer, or that there was none by then.

    A thread asks, because a time-out of a socket bounds neither the search for a name nor an answer that drips.
    """
    answers = queue.SimpleQueue[Answer]()

    def ask() -> None:
        try:
            connection = _UnixConnection(place) if isinstance(place, Path) else http.client.HTTPConnection(place)
        except http.client.InvalidURL:  # as in "a b"
            answers.put(Answer(_NO_ANSWER, _NO_HOST))
            return
        try:
            connection.request("GET", path, headers={"Host": named, "Connection": "close"})
            response = connection.getresponse()
            answers.put(Answer(response.status, response.read(_LARGEST).decode("utf-8", "replace")))
        except OSError as error:
            answers.put(Answer(_NO_ANSWER, error.strerror or str(error)))
        except http.client.HTTPException:
            answers.put(Answer(_NO_ANSWER, "it does not speak HTTP"))
        except UnicodeError:  # as in "a..b"
            answers.put(Answer(_NO_ANSWER, _NO_HOST))
        finally:
            connection.close()

    threading.Thread(target=ask, daemon=True).start()  # the command's end ends it
    try:
        return answers.get(timeout=max(ends - monotonic(), 0))
    except queue.Empty:
        return Answer(_NO_ANSWER, "no answer in time")


def _judge(answer: Answer, shown: str, path: str) -> tuple[bool, str]:
    """Return whether the process is healthy, and a sentence."""
    if answer.status == HTTPStatus.OK and answer.text == _OK:
        return True, f"Keyturn on {shown} {'is ready' if path == _READY else 'answers'}."
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return False, f"Keyturn on {shown} is not ready: its database, its accounts or its worker does not answer"
    if answer.status == HTTPStatus.MISDIRECTED_REQUEST:
        return False, f"{shown} answers only the hosts of its server.allowed_hosts: name its settings in KEYTURN_CONFIG"
    if answer.status:
        return False, f"{shown} answers {path} with {answer.status}, but is not Keyturn"
    return False, f"cannot ask {shown}: {answer.text}"
