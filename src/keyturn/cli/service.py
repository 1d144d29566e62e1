"""serve, worker, migrate: the commands for production."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import msgspec

from keyturn.cli.installation import missing_settings, parts_of
from keyturn.cli.sockets import address_of, listen, listen_at
from keyturn.cli.terminal import PORT, accent, fail, muted
from keyturn.hosts import local_port
from keyturn.service.settings import Secret, Settings
from keyturn.service.settings.reading import FILE_NAME, read_settings

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from keyturn.service.parts import Parts

_MOST_PROCESSES = 64


@click.command()
@click.option("--host", show_default="server.host, 127.0.0.1", help="Address to listen on.")
@click.option("--port", show_default="server.port, 8000", type=PORT, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--uds",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Listen on a Unix socket instead, for a proxy on this machine.",
)
@click.option(
    "--workers",
    metavar="N",
    default=1,
    show_default=True,
    type=click.IntRange(1, _MOST_PROCESSES),
    help="Answer in N processes. Over 1: with PostgreSQL only.",
)
@click.option("--no-worker", is_flag=True, help="Send no mails here; start `keyturn worker` as well.")
def serve(host: str | None, port: int | None, uds: Path | None, workers: int, no_worker: bool) -> None:
    """Run the API, the hosted pages and a worker, which sends the mails.

    \b
    Examples:  keyturn serve --port 8080
               keyturn serve --workers 4
    """
    settings = read_settings(sending=True)
    _observe(settings)
    if workers > 1:  # first, for it is read when prometheus_client is imported
        counts = click.get_current_context().with_resource(TemporaryDirectory(prefix="keyturn-counts-"))
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
    from keyturn.service.event_loop import run

    async def check() -> None:
        # Parts of its own, since a store of an app cannot be used again after `close`.
        async with parts_of(settings) as parts:
            await _require_ready(parts)

    run(check())
    if workers > 1 and settings.database.url.startswith("sqlite"):
        fail("--workers: more than one process needs PostgreSQL in database.url. This is SQLite.")

    wanted = settings.server.port if port is None else port
    if uds:
        bound = listen_at(uds)
    else:
        bound = listen(host or settings.server.host, wanted, "--port or server.port", "--host or server.host")
    place = f"the Unix socket {uds}" if uds else f"http://{address_of(bound)}"
    announce = partial(_announce, settings, place, "" if uds else _links_elsewhere(settings, wanted))
    with bound:
        if workers > 1:
            _answer_in_processes(settings, bound, announce, workers, worker=not no_worker)
        else:
            _answer(settings, bound, announce, worker=not no_worker)


def _announce(settings: Settings, place: str, warning: str) -> None:
    click.echo(_describe_installation(settings), err=True)
    if warning:
        click.echo(f"keyturn: {warning}", err=True)
    if settings.mail.transport == "capture":
        click.echo(f"Mails are saved in {settings.mail.capture_dir}: `keyturn studio --port 8002` shows them", err=True)
    click.echo(f"Keyturn answers on {place}", err=True)


def _answer(settings: Settings, bound: socket.socket, announce: Callable[[], None], *, worker: bool) -> None:
    from keyturn.cli.connections import limits_of_process
    from keyturn.cli.running import serve
    from keyturn.service.app import create_app
    from keyturn.service.counting_alone import counting_alone
    from keyturn.service.event_loop import run
    from keyturn.service.parts import Parts

    parts = Parts(settings)
    app = create_app(settings, parts=parts, worker=worker)

    async def work() -> None:
        with counting_alone(parts.database, in_memory=settings.limits.in_memory):
            await serve(app, bound, announce, limits=limits_of_process(settings.server.trusted_proxies))

    run(work())


def _answer_in_processes(
    settings: Settings, bound: socket.socket, announce: Callable[[], None], count: int, *, worker: bool
) -> None:
    """Answer in uvicorn's processes, and run the one worker beside this one. /metrics of each answers for all."""
    from uvicorn.config import STARTUP_FAILURE
    from uvicorn.supervisors import Multiprocess

    from keyturn.cli.connections import limits_of_process
    from keyturn.cli.running import uvicorn_config
    from keyturn.service.child_worker.supervisor import supervised
    from keyturn.service.parts import Parts

    parts = Parts(settings)
    # If no key is set, this process's own.
    settings = msgspec.structs.replace(settings, secret_key=Secret(parts.secrets[0]))
    app = partial(_app_of_process, settings)
    limits = limits_of_process(settings.server.trusted_proxies)
    processes = Multiprocess(uvicorn_config(app, limits, factory=True, workers=count), [bound])
    with supervised(parts) if worker else contextlib.nullcontext():
        announce()
        processes.run()
    if any(process.exitcode == STARTUP_FAILURE for process in processes.processes):
        sys.exit(STARTUP_FAILURE)


def _app_of_process(settings: Settings) -> "ASGIApp":
    """Return the app of one of uvicorn's processes, which begins here."""
    _observe(settings)
    from keyturn.garbage import collect_seldom
    from keyturn.service.app import create_app
    from keyturn.service.parts import Parts

    app = create_app(settings, parts=Parts(settings), worker=False)
    collect_seldom(loaded=True)
    return app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address for /health and /metrics.")
@click.option("--port", type=PORT, help="Port for /health and /metrics; 0 takes a free one.")
def worker(host: str, port: int | None) -> None:
    """Run only a worker, which sends the mails.

    Several workers can share a PostgreSQL database.

    \b
    Example:  keyturn worker --port 8001
    """
    from keyturn.cli.running import serving
    from keyturn.service.app import create_worker_app
    from keyturn.service.event_loop import WORKER_TURN, run, until_signalled

    settings = read_settings(sending=True)
    _observe(settings)

    async def work() -> None:
        async with parts_of(settings) as parts, contextlib.AsyncExitStack() as stack:
            await _require_ready(parts)
            click.echo("The worker is running. Press Ctrl-C to stop it.", err=True)
            if port is not None:
                bound = listen(host, port)
                await stack.enter_async_context(serving(create_worker_app(parts), bound))
                click.echo(f"Health checks: http://{address_of(bound)}/health/ready", err=True)
            await parts.work()

    run(until_signalled(work()), WORKER_TURN)


@click.command()
def migrate() -> None:
    """Create or update Keyturn's tables.

    You can run it again at any time, and on several machines at once. Your app's tables stay as they are. All steps
    are one transaction: if one of them fails, or the command is killed, nothing is changed.
    """
    from keyturn.service.database import Database
    from keyturn.service.database.migrations import head
    from keyturn.service.database.migrations import migrate as migrate_database
    from keyturn.service.event_loop import run

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
            click.echo(f"Updated the database from revision {muted(before or 'none')} to {accent(head())}.")

    run(work())
    if missing := missing_settings():
        click.echo(f"keyturn: {missing}", err=True)


def _describe_installation(settings: Settings) -> str:
    """Return a description of the accounts and the settings in use."""
    table = f" ({settings.accounts.table.table})" if settings.accounts.store == "table" else ""
    file = Path(os.environ.get("KEYTURN_CONFIG") or FILE_NAME).absolute()
    read = f"from {file}" if file.is_file() else f"from the environment only, because there is no {file}"
    return f"Accounts: store {settings.accounts.store}{table}. Settings: {read}"


def _links_elsewhere(settings: Settings, port: int) -> str:
    """Return a warning if links lead to another port of this machine than `port`; "" if a proxy may listen there.

    Port 0 means a free port, which a `base_url` cannot name in advance.
    """
    linked = local_port(settings.base_url)
    if port == 0 or linked in (None, port) or settings.server.trusted_proxies:
        return ""
    return (
        f"base_url is {settings.base_url}, but Keyturn listens on port {port}, so links in mails will not work: set"
        f" server.port to {linked}, or correct base_url"
    )


def _observe(settings: Settings) -> None:
    from keyturn.service.telemetry.logs import configure_logs

    configure_logs(settings.logs.level)


async def _require_ready(parts: "Parts") -> None:
    """Raise before anything starts, so that users see a sentence for each fault and not a lifespan's traceback.

    Raises DatabaseUnready if the migrations were not run, and the store's own error if the accounts are not ready.
    """
    from keyturn.service.database.migrations import ahead_text, require_current

    current = await require_current(parts.database)
    if ahead := ahead_text(current):
        click.echo(f"keyturn: {ahead}. It works, but install that version here soon", err=True)
    await parts.accounts.require_ready()
    for doubt in await parts.accounts.findings(parts.settings.hashing):
        click.echo(f"keyturn: {doubt.message}. {doubt.fix}", err=True)
