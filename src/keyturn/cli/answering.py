"""The processes of `serve`: one that answers requests, or several of them and one worker."""

import contextlib
import socket
import sys
from functools import partial

import msgspec
from litestar.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from keyturn.cli.connections import limits_of_process
from keyturn.cli.running import Call, serve, uvicorn_config
from keyturn.garbage import collect_seldom
from keyturn.service.app import create_app
from keyturn.service.child_worker.supervisor import supervised
from keyturn.service.container import Container
from keyturn.service.event_loop import run
from keyturn.service.limits import counting_alone
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import configure_logs


def answer(settings: Settings, bound: socket.socket, announce: Call, *, worker: bool) -> None:
    """Answer requests in this process.

    `announce`: called once requests are answered.
    `worker`: False starts no worker; otherwise `server.worker` decides.
    """
    container = Container(settings)
    app = create_app(settings, container=container, worker=worker)

    limits = limits_of_process(settings.server.trusted_proxies)

    async def work() -> None:
        with counting_alone(container.database, in_memory=settings.limits.in_memory):
            await serve(app, [bound], announce, limits=limits)

    run(work())


def answer_in_processes(
    settings: Settings, bound: socket.socket, announce: Call, count: int, *, worker: bool
) -> None:
    """Answer requests in `count` processes of uvicorn, and run one worker.

    `worker`: False starts no worker; otherwise `server.worker` decides whether there is one, always
    in a process of its own.

    /metrics of each process has the counts of all.
    """
    container = Container(settings)
    # If the settings have no key, all processes get the random one of this process.
    settings = msgspec.structs.replace(settings, secret_key=container.keys[0])
    limits = limits_of_process(settings.server.trusted_proxies)
    config = uvicorn_config(partial(_app_of_process, settings), limits, factory=True, workers=count)
    processes = Multiprocess(config, [bound])
    with contextlib.ExitStack() as stack:
        if worker and settings.server.worker != "none":
            stack.enter_context(supervised(container))
        announce()
        processes.run()
    exit_codes = {process.exitcode for process in processes.processes}
    if STARTUP_FAILURE in exit_codes:
        sys.exit(STARTUP_FAILURE)


def _app_of_process(settings: Settings) -> ASGIApp:
    configure_logs(settings.logs.level)
    app = create_app(settings, container=Container(settings), worker=False)
    collect_seldom(loaded=True)
    return app
