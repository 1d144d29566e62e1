"""serve, worker, migrate: the commands for production."""

import contextlib
import os
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
    "--no-worker", is_flag=True, help="Send no mails here; start `keyturn worker` as well."
)
def serve(
    host: str | None, port: int | None, uds: Path | None, workers: int, no_worker: bool
) -> None:
    """Run the API, the hosted pages and a worker, which sends the mails.

    \b
    Examples:  keyturn serve --port 8080
               keyturn serve --workers 4
    """
    settings = read_settings(sending=True)
    configure_logs(settings.logs.level)
    if workers > 1:  # first, for it is read when prometheus_client is imported
        counts = click.get_current_context().with_resource(
            TemporaryDirectory(prefix="keyturn-counts-")
        )
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
    from keyturn.cli.answering import answer, answer_in_processes
    from keyturn.service.container import Container

    async def check() -> None:
        # A container of its own, since a store of an app cannot be used again after `close`.
        async with Container(settings) as container:
            await _require_ready(container)

    run(check())
    if workers > 1 and settings.database.url.startswith("sqlite"):
        fail("--workers: more than one process needs PostgreSQL in database.url. This is SQLite.")

    wanted = settings.server.port if port is None else port
    if uds:
        bound = listen_at(uds)
    else:
        bound = listen(
            host or settings.server.host, wanted, "--port or server.port", "--host or server.host"
        )
    place = f"the Unix socket {uds}" if uds else f"http://{address_of(bound)}"
    announce = partial(_announce, settings, place, 0 if uds else wanted)
    with bound:
        if workers > 1:
            answer_in_processes(settings, bound, announce, workers, worker=not no_worker)
        else:
            answer(settings, bound, announce, worker=not no_worker)


def _announce(settings: Settings, place: str, port: int) -> None:
    """Say what is in use, and warn of links that lead to another port of this machine. `port`: 0
    for a free one.
    """
    table = f" ({settings.accounts.table.table})" if settings.accounts.store == "table" else ""
    file = Path(os.environ.get("KEYTURN_CONFIG") or FILE_NAME).absolute()
    read = (
        f"from {file}"
        if file.is_file()
        else f"from the environment only, because there is no {file}"
    )
    lines = [f"Accounts: store {settings.accounts.store}{table}. Settings: {read}"]
    linked = local_port(settings.base_url)
    if (
        port and linked not in (None, port) and not settings.server.trusted_proxies
    ):  # else a proxy may listen there
        wrong = (
            f"base_url is {settings.base_url}, but Keyturn listens on port {port}, so links "
            "in mails will not work"
        )
        lines.append(f"keyturn: {wrong}: set server.port to {linked}, or correct base_url")
    path = urlsplit(settings.base_url).path.strip("/")
    if path and linked is not None and not settings.server.trusted_proxies:
        wrong = (
            f"base_url is {settings.base_url}, but Keyturn answers without /{path}, so links "
            "in emails will not work"
        )
        lines.append(
            f"keyturn: {wrong}: remove /{path} from base_url, or let a proxy forward it without "
            f"/{path}"
        )
    if settings.mail.transport == "capture":
        lines.append(
            f"Mails are saved in {settings.mail.capture_dir}: `keyturn studio --port 8002` shows "
            "them"
        )
    click.echo("\n".join([*lines, f"Keyturn answers on {place}"]), err=True)


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address for /health and /metrics."
)
@click.option("--port", type=PORT, help="Port for /health and /metrics; 0 takes a free one.")
def worker(host: str, port: int | None) -> None:
    """Run only a worker, which sends the mails.

    Several workers can share a PostgreSQL database.

    \b
    Example:  keyturn worker --port 8001
    """
    from keyturn.service.app import create_worker_app
    from keyturn.service.container import Container

    settings = read_settings(sending=True)
    configure_logs(settings.logs.level)

    async def work() -> None:
        async with Container(settings) as container, contextlib.AsyncExitStack() as stack:
            await _require_ready(container)
            click.echo("The worker is running. Press Ctrl-C to stop it.", err=True)
            if port is not None:
                bound = listen(host, port)
                await stack.enter_async_context(serving(create_worker_app(container), bound))
                click.echo(f"Health checks: http://{address_of(bound)}/health/ready", err=True)
            await container.work()

    run(until_signalled(work()), WORKER_TURN)


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
    if missing := missing_settings():
        click.echo(f"keyturn: {missing}", err=True)


async def _require_ready(container: "Container") -> None:
    """Raise DatabaseUnready, or the store's own error, before anything starts: a sentence, not a
    traceback.
    """
    from keyturn.service.database.migrations import ahead_text, require_current

    current = await require_current(container.database)
    if ahead := ahead_text(current):
        click.echo(f"keyturn: {ahead}. It works, but install that version here soon", err=True)
    await container.accounts.require_ready()
    for doubt in await container.accounts.findings(container.settings.hashing):
        click.echo(f"keyturn: {doubt.message}. {doubt.fix}", err=True)
