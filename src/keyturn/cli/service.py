"""serve, worker, migrate: the commands for production."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli.installation import Installation, installation
from keyturn.cli.processes import LONGEST_LINGER, READY, Processes
from keyturn.cli.sockets import address_of, listen, listening_at
from keyturn.cli.terminal import PORT, StatusLine, accent, fail, muted
from keyturn.hosts import local_port
from keyturn.quick_imports import quick_imports
from keyturn.settings import Settings
from keyturn.settings.reading import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keyturn.database.migrations import Step

_MOST_PROCESSES = 64

_PATIENCE = 10
"""Seconds beyond the worker's lease in which a process of `serve` must end."""


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
    "--processes",
    metavar="N",
    type=click.IntRange(1, _MOST_PROCESSES),
    help="Answer in N processes. SIGHUP replaces them without losing a request. Over 1: with PostgreSQL only.",
)
@click.option("--no-worker", is_flag=True, help="Run no worker here; start `keyturn worker` as well.")
@click.option("--inherited", type=int, hidden=True)  # the socket of a process that --processes has started
def serve(
    host: str | None, port: int | None, uds: Path | None, processes: int | None, no_worker: bool, inherited: int | None
) -> None:
    """Run the API, the hosted pages and a worker.

    \b
    Examples:  keyturn serve --port 8080
               keyturn serve --processes 4
    """
    if hasattr(signal, "SIGHUP") and (processes or inherited is not None):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload before there is something to replace
    here = installation()
    settings = here.settings(sending=True)
    _observe(settings)
    if inherited is not None:
        _require_ready(here, settings)
        _answer(settings, socket.socket(fileno=inherited), _tell_ready, worker=not no_worker, alone=False)
        return
    if (uds or processes) and not (hasattr(socket, "AF_UNIX") and hasattr(signal, "SIGHUP")):
        fail("--uds and --processes: this system, such as Windows, has no Unix sockets and no SIGHUP.")
    if not processes:
        _require_ready(here, settings)
    elif processes > 1 and settings.database.url.startswith("sqlite"):
        fail("--processes: more than one process needs PostgreSQL in database.url. This is SQLite.")

    wanted = settings.server.port if port is None else port
    server: contextlib.AbstractContextManager[socket.socket] = (
        listening_at(uds)
        if uds
        else listen(host or settings.server.host, wanted, "--port or server.port", "--host or server.host")
    )
    with server as bound:
        place = f"the Unix socket {uds}" if uds else f"http://{address_of(bound)}"
        announce = partial(_announce, settings, place, "" if uds else _links_elsewhere(settings, wanted))
        if processes:
            _keep_processes(here, settings, bound, processes, announce, worker=not no_worker)
        else:
            _answer(settings, bound, announce, worker=not no_worker, alone=True)


def _announce(settings: Settings, place: str, warning: str) -> None:
    click.echo(_describe_installation(settings), err=True)
    if warning:
        click.echo(f"keyturn: {warning}", err=True)
    click.echo(f"Keyturn answers on {place}", err=True)


def _answer(
    settings: Settings, bound: socket.socket, announce: Callable[[], None], *, worker: bool, alone: bool
) -> None:
    """Answer requests in this process. `alone`: it was not started by `_keep_processes`."""
    with quick_imports():
        from keyturn.app import create_app
        from keyturn.cli.running import serve
        from keyturn.event_loop import run
        from keyturn.parts import Parts
        from keyturn.reset.limits.counting_alone import counting_alone

    parts = Parts(settings)
    app = create_app(settings, parts=parts, worker=worker)

    async def work() -> None:
        with counting_alone(parts.database, settings.limits.storage_url) if alone else contextlib.nullcontext():
            await serve(app, bound, announce, limits=settings.server, until_input_ends=not alone)

    run(work())


def _keep_processes(
    here: Installation,
    settings: Settings,
    bound: socket.socket,
    count: int,
    announce: Callable[[], None],
    *,
    worker: bool,
) -> None:
    """Answer requests in other processes. Of these, the first runs the worker."""
    from keyturn.event_loop import run, until_signalled
    from keyturn.reset.limits.counting_alone import counting_alone

    def command(number: int) -> list[str]:
        # -P: files in the current folder are not imported as libraries. An older version starts a newer one with these
        # words, so they must keep their meaning.
        words = [_installed_python(), "-P", "-m", "keyturn", "serve", "--inherited", str(bound.fileno())]
        return words if worker and number == 0 else [*words, "--no-worker"]

    async def work() -> None:
        longest_end = LONGEST_LINGER + settings.worker.lease.total_seconds() + _PATIENCE
        async with here.database(settings) as database:
            with counting_alone(database, settings.limits.storage_url):
                await Processes(command, bound, count, longest_end).run(announce)

    run(until_signalled(work()))


def _installed_python() -> str:
    """Return the Python of the virtual environment to which the path of this command leads now.

    An upgrade points a symbolic link in that path to another environment. The links are resolved, because a process
    that answers still reads files of its own version after the next upgrade. Without an environment, it is this Python.
    """
    scripts = Path(sys.argv[0]).resolve().parent
    python = scripts / "python"
    return str(python) if (scripts.parent / "pyvenv.cfg").is_file() and python.exists() else sys.executable


def _tell_ready() -> None:
    """Tell the process that started this one. What a library prints later goes to the standard error."""
    with contextlib.suppress(OSError):
        os.write(1, READY)
    os.dup2(2, 1)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address for /health and /metrics.")
@click.option("--port", type=PORT, help="Port for /health and /metrics; 0 takes a free one.")
def worker(host: str, port: int | None) -> None:
    """Run only a worker, which sends the mails.

    Several workers can share a PostgreSQL database.

    \b
    Example:  keyturn worker --port 8001
    """
    with quick_imports():
        from keyturn.app import create_worker_app
        from keyturn.cli.running import serving
        from keyturn.event_loop import WORKER_TURN, run, until_signalled

    here = installation()
    settings = here.settings(sending=True)
    _observe(settings)
    _require_ready(here, settings)

    async def work() -> None:
        async with here.parts(settings) as parts, contextlib.AsyncExitStack() as stack:
            if port is not None:
                bound = listen(host, port)
                local = ip_address(bound.getsockname()[0]).is_loopback
                await stack.enter_async_context(serving(create_worker_app(parts, local=local), bound))
                click.echo(f"Health checks: http://{address_of(bound)}/health/ready", err=True)
            await parts.work()

    click.echo("The worker is running. Press Ctrl-C to stop it.", err=True)
    run(until_signalled(work()), WORKER_TURN)


def _seconds(_: click.Context, __: click.Parameter, given: float) -> float:
    if isnan(given):  # which is in every range
        raise click.BadParameter("it is not a number.")
    return given


_bound = partial(
    click.option, metavar="SECONDS", type=click.FloatRange(0, 86_400), callback=_seconds, show_default=True
)


@click.command()
@click.option("--plan", is_flag=True, help="Only print the steps. Nothing is changed.")
@click.option("--sql", is_flag=True, help="Only print the SQL, for a database administrator to run.")
@_bound("--lock-timeout", default=10, help="How long to wait for a lock on a table of PostgreSQL. 0: without end.")
@_bound("--statement-timeout", default=3600, help="How long a statement may take in PostgreSQL. 0: without end.")
def migrate(*, plan: bool, sql: bool, lock_timeout: float, statement_timeout: float) -> None:
    """Create or update Keyturn's tables.

    You can run it again at any time, and on several machines at once. Your app's tables stay as they are. All steps
    are one transaction: if one of them fails, or the command is killed, nothing is changed.

    \b
    Example:  keyturn migrate --plan
    """
    from keyturn.database.migration_progress import Progress
    from keyturn.database.migrations import Bounds, head, migration_sql, planned
    from keyturn.database.migrations import migrate as migrate_database
    from keyturn.event_loop import run

    if plan and sql:
        raise click.UsageError("--plan and --sql exclude each other.")
    here = installation()
    settings = here.settings(sending=False)
    bounds, line = Bounds(lock_timeout, statement_timeout), StatusLine()
    progress = Progress(line.show, every=1 if line.in_place else 5)

    async def work() -> None:
        async with here.database(settings) as database:
            with quick_imports():
                if sql:
                    done = (await migration_sql(database, bounds)).rstrip("\n")
                elif plan:
                    done = _plan_text(*await planned(database))
                else:
                    try:
                        before = await migrate_database(database, bounds, progress)
                    finally:
                        line.show("")
                    done = _update_text(before, head())
        # Without steps, --sql prints no SQL.
        click.echo(done or f"The database is already at revision {head()}.", err=sql and not done)

    run(work())
    if missing := here.missing_settings():
        click.echo(f"keyturn: {missing}", err=True)


def _update_text(before: str | None, after: str) -> str:
    if before == after:
        return ""
    return f"Updated the database from revision {muted(before or 'none')} to {accent(after)}."


def _plan_text(before: str | None, steps: "Sequence[Step]") -> str:
    if not steps:
        return ""
    lines = [f"From revision {before or 'none'} to {steps[-1].revision}, in one transaction:"]
    return "\n".join(lines + [f"  {accent(step.revision)}  {step.title}" for step in steps])


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
    from keyturn.telemetry.logs import configure_logs
    from keyturn.telemetry.tracing import start_export

    configure_logs(settings.logs.level, settings.logs.format)
    start_export()


def _require_ready(here: Installation, settings: Settings) -> None:
    """Raise before anything starts, so that users see a sentence for each fault and not a lifespan's traceback.

    Raises DatabaseUnready if the migrations were not run, and the store's own error if the accounts are not ready.
    """
    from keyturn.accounts.store_factory import accounts_for, hash_doubt
    from keyturn.database.migrations import ahead_text, is_ahead, require_current
    from keyturn.event_loop import run
    from keyturn.reset.proofs.second_step.step_factory import check_second_step

    async def check() -> None:
        async with here.database(settings) as database:
            found = await require_current(database)
            if is_ahead(found):
                click.echo(f"keyturn: {ahead_text(found)}. It works, but install that version here soon", err=True)
            accounts = accounts_for(settings, database)
            try:
                await accounts.require_ready()
                if doubt := await hash_doubt(settings, accounts):
                    click.echo(f"keyturn: {doubt}", err=True)
                await check_second_step(settings, database)
            finally:
                await accounts.close()

    run(check())
