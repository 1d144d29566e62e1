"""serve, worker, migrate: the commands for production."""

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from keyturn.cli.running import serving
from keyturn.cli.sockets import address_of, listen, listen_at
from keyturn.cli.terminal import PORT, accent, fail, muted
from keyturn.hosts import local_port
from keyturn.service.event_loop import WORKER_TURN, run, until_signalled
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import FILE_NAME, missing_settings, read_settings
from keyturn.service.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from keyturn.service.container import Container

_PROCESSES = click.IntRange(1, 64)


@click.command()
@click.option("--host", show_default="server.host, 127.0.0.1", help="Address to listen on.")
@click.option(
    "--port",
    show_default="server.port, 8000",
    type=PORT,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--uds",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Listen on a Unix socket instead.",
)
@click.option(
    "--workers",
    metavar="N",
    default=1,
    type=_PROCESSES,
    help="Answer in N processes; over 1: PostgreSQL.",
)
@click.option(
    "--no-worker", is_flag=True, help="Send no emails here; start `keyturn worker` as well."
)
def serve(
    host: str | None, port: int | None, uds: Path | None, workers: int, no_worker: bool
) -> None:
    """Run the API, the hosted pages and a worker, which sends the emails.

    \b
    Examples:  keyturn serve --port 8080
               keyturn serve --workers 4
    """
    settings = read_settings(sending=True)
    configure_logs(settings.logs.level)
    if workers > 1:  # before prometheus_client is imported, which reads the variable then
        folder = TemporaryDirectory(prefix="keyturn-counts-")
        counts = click.get_current_context().with_resource(folder)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
    from keyturn.cli.answering import answer, answer_in_processes
    from keyturn.service.container import Container

    async def check() -> None:
        # Separate container, since an app's own store cannot be used again after `close`.
        async with Container(settings) as container:
            await _check(container)

    run(check())
    if workers > 1 and settings.database.url.startswith("sqlite"):
        fail("--workers: more than one process needs PostgreSQL in database.url. This is SQLite.")

    if uds:
        bound = listen_at(uds)
        announce = partial(_announce, settings, f"the Unix socket {uds}", 0)
    else:
        host = host or settings.server.host
        port = settings.server.port if port is None else port
        bound = listen(host, port, "--port or server.port", "--host or server.host")
        announce = partial(_announce, settings, f"http://{address_of(bound)}", port)
    with bound:
        if workers > 1:
            answer_in_processes(settings, bound, announce, workers, worker=not no_worker)
        else:
            answer(settings, bound, announce, worker=not no_worker)


def _announce(settings: Settings, place: str, port: int) -> None:
    """Print where Keyturn answers and which settings it uses, and warn of links that do not work.

    `place`: where it answers.
    `port`: the port that was asked for; 0 for a free one or a Unix socket.
    """
    store = settings.accounts.store
    if store == "table":
        store += f" ({settings.accounts.table.table})"
    file = Path(os.environ.get("KEYTURN_CONFIG") or FILE_NAME).absolute()
    if file.is_file():
        source = f"from {file}"
    else:
        source = f"from the environment only, because there is no {file}"
    lines = [f"Accounts: store {store}. Settings: {source}"]
    if not settings.server.trusted_proxies:  # a proxy may listen at another port, and add a path
        lines += _faults_of_base_url(settings.base_url, port)
    if settings.mail.transport == "capture":
        lines.append(
            f"Emails are saved in {settings.mail.capture_dir}: `keyturn studio --port 8002` shows "
            "them"
        )
    lines.append(f"Keyturn answers on {place}")
    click.echo("\n".join(lines), err=True)


def _faults_of_base_url(base_url: str, port: int) -> Iterator[str]:
    """Yield what is wrong with a `base_url` that names this machine over http.

    Any other address is a proxy's.
    """
    linked_port = local_port(base_url)
    if linked_port is None:
        return
    if port and linked_port != port:
        yield (
            f"keyturn: base_url is {base_url}, but Keyturn listens on port {port}, so links "
            f"in emails will not work: set server.port to {linked_port}, or correct base_url"
        )
    path = urlsplit(base_url).path.strip("/")
    if path:
        yield (
            f"keyturn: base_url is {base_url}, but Keyturn answers without /{path}, so links "
            f"in emails will not work: remove /{path} from base_url, or let a proxy forward it "
            f"without /{path}"
        )


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address for /health and /metrics."
)
@click.option("--port", type=PORT, help="Port for /health and /metrics; 0 takes a free one.")
def worker(host: str, port: int | None) -> None:
    """Run only a worker, which sends the emails.

    Several workers can share a PostgreSQL database.

    \b
    Example:  keyturn worker --port 8001
    """
    from keyturn.service.app import create_worker_app
    from keyturn.service.container import Container
    from keyturn.service.worker_queues import work

    settings = read_settings(sending=True)
    configure_logs(settings.logs.level)

    async def run_worker() -> None:
        async with Container(settings) as container, contextlib.AsyncExitStack() as stack:
            await _check(container, sends_only=True)
            click.echo("The worker is running. Press Ctrl-C to stop it.", err=True)
            if port is not None:
                bound = listen(host, port)
                await stack.enter_async_context(serving(create_worker_app(container), bound))
                click.echo(f"Health checks: http://{address_of(bound)}/health/ready", err=True)
            await work(container)

    run(until_signalled(run_worker()), WORKER_TURN)


@click.command()
def migrate() -> None:
    """Create or update Keyturn's tables.

    You can run it again at any time, and on several machines at once. Your app's tables stay as
    they are. All steps are one transaction: if one of them fails, or the command is killed, nothing
    is changed.
    """
    from keyturn.service.database import Database
    from keyturn.service.database.migrations import head
    from keyturn.service.database.migrations import migrate as migrate_database

    settings = read_settings(sending=False)

    async def work() -> None:
        database = Database(settings.database.url)
        try:
            before = await migrate_database(database)
        finally:
            await database.close()
        if before == head():
            click.echo(f"The database is already at revision {before}.")
        else:
            click.echo(
                f"Updated the database from revision {muted(before or 'none')} to {accent(head())}."
            )

    run(work())
    missing = missing_settings()
    if missing:
        click.echo(f"keyturn: {missing}", err=True)


async def _check(container: "Container", *, sends_only: bool = False) -> None:
    """Make the checks before anything starts, and print doubts.

    `sends_only`: for a process that answers nobody.

    Raises DatabaseUnready, or the error of the store.
    """
    from keyturn.service.start_checks import find_doubts, require_ready

    revision = await require_ready(container, sends_only=sends_only)
    async for doubt in find_doubts(container, revision):
        click.echo(f"keyturn: {doubt.sentence}", err=True)
