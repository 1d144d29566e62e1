"""The processes of `serve`: one that answers, or several with one worker beside them."""

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
    container = Container(settings)
    app = create_app(settings, container=container, worker=worker)

    async def work() -> None:
        with counting_alone(container.database, in_memory=settings.limits.in_memory):
            await serve(
                app, [bound], announce, limits=limits_of_process(settings.server.trusted_proxies)
            )

    run(work())


def answer_in_processes(
    settings: Settings, bound: socket.socket, announce: Call, count: int, *, worker: bool
) -> None:
    """Answer in uvicorn's processes, and run the one worker beside this one. /metrics of each
    answers for all.
    """
    container = Container(settings)
    # If no key is set, this process's own.
    settings = msgspec.structs.replace(settings, secret_key=container.keys[0])
    limits = limits_of_process(settings.server.trusted_proxies)
    config = uvicorn_config(partial(_app_of_process, settings), limits, factory=True, workers=count)
    processes = Multiprocess(config, [bound])
    with (
        supervised(container)
        if worker and settings.server.worker != "none"
        else contextlib.nullcontext()
    ):
        announce()
        processes.run()
    if any(process.exitcode == STARTUP_FAILURE for process in processes.processes):
        sys.exit(STARTUP_FAILURE)


def _app_of_process(settings: Settings) -> ASGIApp:
    configure_logs(settings.logs.level)
    app = create_app(settings, container=Container(settings), worker=False)
    collect_seldom(loaded=True)
    return app
