"""serve, worker, migrate: the commands for production."""

import contextlib
import os
from ipaddress import ip_address
from pathlib import Path

import click

from keyturn.cli.installation import Installation, installation
from keyturn.cli.terminal import PORT, accent, muted
from keyturn.hosts import local_port
from keyturn.quick_imports import quick_imports
from keyturn.settings import FILE_NAME, Settings


@click.command()
@click.option("--host", show_default="server.host, 127.0.0.1", help="Address to listen on.")
@click.option("--port", show_default="server.port, 8000", type=PORT, help="Port to listen on; 0 takes a free one.")
@click.option("--no-worker", is_flag=True, help="Answer requests only; run `keyturn worker` beside it.")
def serve(host: str | None, port: int | None, no_worker: bool) -> None:
    """Run the API, the hosted pages and a worker."""
    with quick_imports():
        from keyturn.app import create_app
        from keyturn.cli.running import address_of, listen
        from keyturn.cli.running import serve as serve_app
        from keyturn.event_loop import run
        from keyturn.parts import Parts
        from keyturn.reset.limits.counting_alone import counting_alone

    here = installation()
    settings = here.settings(sending=True)
    _observe(settings)
    _require_ready(here, settings)
    parts = Parts(settings)
    app = create_app(settings, parts=parts, worker=not no_worker)
    wanted = settings.server.port if port is None else port
    bound = listen(host or settings.server.host, wanted, "--port or server.port", "--host or server.host")

    def announce() -> None:
        click.echo(_describe_installation(settings), err=True)
        if elsewhere := _links_elsewhere(settings, wanted):
            click.echo(f"keyturn: {elsewhere}", err=True)
        click.echo(f"Keyturn answers on http://{address_of(bound)}", err=True)

    async def work() -> None:
        async with counting_alone(parts.database, settings.limits.storage_url):
            await serve_app(app, bound, announce, limits=settings.server)

    run(work())


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to answer /health and /metrics on.")
@click.option("--port", type=PORT, help="Answer /health and /metrics on this port; 0 takes a free one.")
def worker(host: str, port: int | None) -> None:
    """Run a worker alone: it sends the mails that were promised. Any number may share one PostgreSQL."""
    with quick_imports():
        from keyturn.app import create_worker_app
        from keyturn.cli.running import address_of, listen, serving
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
                click.echo(f"Its health is at http://{address_of(bound)}/health/ready", err=True)
            await parts.work()

    click.echo("Keyturn works its outbox off. Ctrl-C ends it.", err=True)
    run(until_signalled(work()), WORKER_TURN)


@click.command()
def migrate() -> None:
    """Bring the database to the newest revision. Safe to run again, and from several machines at once."""
    from keyturn.database.migrations import head
    from keyturn.database.migrations import migrate as migrate_database
    from keyturn.event_loop import run

    here = installation()
    settings = here.settings(sending=False)

    async def work() -> None:
        async with here.database(settings) as database:
            with quick_imports():
                before = await migrate_database(database)
        if before == head():
            click.echo(f"The database is at revision {head()} already.")
        else:
            click.echo(f"The database went from {muted(before or 'none')} to {accent(head())}.")

    run(work())
    if missing := here.missing_settings():
        click.echo(f"keyturn: {missing}", err=True)


def _describe_installation(settings: Settings) -> str:
    """Return a description of the accounts and the settings in use."""
    table = f" ({settings.accounts.table.table})" if settings.accounts.store == "table" else ""
    file = Path(os.environ.get("KEYTURN_CONFIG") or FILE_NAME).absolute()
    read = f"from {file}" if file.is_file() else f"of the environment alone, as there is no {file}"
    return f"Accounts: the store {settings.accounts.store}{table}. Settings: {read}"


def _links_elsewhere(settings: Settings, port: int) -> str:
    """Return a warning if links lead to another port of this machine than `port`; "" if a proxy may listen there.

    Port 0 means a free port, which a `base_url` cannot name in advance.
    """
    linked = local_port(settings.base_url)
    if port == 0 or linked in (None, port) or settings.server.trusted_proxies:
        return ""
    return (
        f"links lead to {settings.base_url}, and it listens on port {port}: set server.port to {linked}, or correct"
        " base_url"
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
    from keyturn.accounts.choosing import accounts_for, hash_doubt
    from keyturn.database.migrations import ahead_text, is_ahead, require_current
    from keyturn.event_loop import run
    from keyturn.reset.proofs.second_step.choosing import check_second_step

    async def check() -> None:
        async with here.database(settings) as database:
            found = await require_current(database)
            if is_ahead(found):
                click.echo(
                    f"keyturn: {ahead_text(found)}: it works with it, until that one is installed here", err=True
                )
            accounts = accounts_for(settings, database)
            try:
                await accounts.require_ready()
                if doubt := await hash_doubt(settings, accounts):
                    click.echo(f"keyturn: {doubt}", err=True)
                await check_second_step(settings, database)
            finally:
                await accounts.close()

    run(check())
