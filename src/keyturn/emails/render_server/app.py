"""The render server's HTTP: who may use it, how much may wait, and how faults are said."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from litestar import Litestar, MediaType, Request, Response, Router, get, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath, JSONBody

from keyturn.emails.engines.not_drawn import CannotDraw
from keyturn.emails.mails import Mails, RenderedMail
from keyturn.emails.render_server import jobs
from keyturn.emails.render_server.jobs import (
    CheckedMail,
    MailRequest,
    TemplateInfo,
)
from keyturn.emails.renderers import LimitExceeded, Limits, Runner
from keyturn.emails.renderers.limits import OutOfTime
from keyturn.emails.studio.access import HEADERS, programs_only
from keyturn.emails.studio.api.problems import problem, problem_handlers
from keyturn.errors import DataUnfit, TemplateInvalid
from keyturn.settings.sentences import plain_message

_LARGEST = 2_000_000
"""Bytes of a request's body."""

_DEEPEST = 16
"""Parts of a path in a request: each makes a folder."""

_MOST_WAITING = 64
"""Requests that wait for a renderer. More are refused, since their clients would wait too long."""

_R = TypeVar("_R")


class RenderQueue:
    """Has the work done by the renderers, as many at a time as there are. `workers`: their number."""

    def __init__(self, runner: Runner[Mails], workers: int) -> None:
        self._runner = runner
        self._free = asyncio.Semaphore(workers)
        self._waiting = 0

    async def do(self, job: Callable[..., _R], *given: Any) -> _R:
        """Return the job's result. Raises what the job raises, LimitExceeded, and HTTPException for a full queue."""
        return await self._in_turn(lambda: self._runner.run(job, *given))

    async def do_with_files(self, job: Callable[[Mails, MailRequest, Path | None], _R], mail: MailRequest) -> _R:
        """Do a job on a mail, with the request's files in a folder of their own.

        This process removes the folder, since a renderer that passes a limit is killed.
        """

        def work() -> _R:
            if not mail.files:
                return self._runner.run(job, mail, None)
            with tempfile.TemporaryDirectory(prefix="keyturn-") as folder:
                _write(Path(folder), mail.files)
                return self._runner.run(job, mail, Path(folder))

        return await self._in_turn(work)

    async def _in_turn(self, work: Callable[[], _R]) -> _R:
        if self._waiting >= _MOST_WAITING:
            raise HTTPException(status_code=503, detail="All renderers are busy.", headers={"retry-after": "1"})
        self._waiting += 1
        try:
            async with self._free:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a request. Raises ValidationException for a path that is not within the folder (CWE-22)."""
    for name, text in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
            raise ValidationException(detail=f"files: {name!r} is not a path within a folder")
        if len(path.parts) > _DEEPEST:
            raise ValidationException(detail=f"files: a path has more than {_DEEPEST} parts")
        try:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise ValidationException(detail=f"files: {name!r} cannot be written: {error}") from None


@get("/templates", summary="List the templates")
async def templates(queue: NamedDependency[RenderQueue]) -> list[str]:
    return await queue.do(Mails.names)


@get("/templates/{template:path}", summary="Describe a template and its data")
async def template(template: FromPath[Path], queue: NamedDependency[RenderQueue]) -> TemplateInfo:
    return await queue.do(jobs.describe, template.as_posix().removeprefix("/"))


@post("/render", status_code=200, summary="Render a mail")
async def render(data: JSONBody[MailRequest], queue: NamedDependency[RenderQueue]) -> RenderedMail:
    return await queue.do_with_files(jobs.render, data)


@post("/check", status_code=200, summary="Check a mail")
async def check(data: JSONBody[MailRequest], queue: NamedDependency[RenderQueue]) -> CheckedMail:
    return await queue.do_with_files(jobs.check, data)


@get("/livez", media_type=MediaType.TEXT, include_in_schema=False, sync_to_thread=False)
def alive() -> str:
    return "ok"


def create_render_app(
    runner: Runner[Mails], *, workers: int, limits: Limits, host: str = "127.0.0.1", token: str = ""
) -> Litestar:
    """Return the app. `workers`: how many renderers work at a time. `limits`: of each job, for its error messages.

    `host`: where it listens. `token`: what programs must send; "" if only this machine can reach it.
    """
    queue: list[RenderQueue] = []

    def one_queue() -> RenderQueue:
        if not queue:
            queue.append(RenderQueue(runner, workers))
        return queue[0]

    return Litestar(
        [
            Router("/api", route_handlers=[templates, template, render, check], guards=[programs_only(host, token)]),
            alive,
        ],
        dependencies={"queue": Provide(one_queue, sync_to_thread=False)},
        exception_handlers={
            **problem_handlers("The render server"),
            HTTPException: _answer_refusal,
            DataUnfit: lambda _, error: problem(400, f"data: {error}"),
            TemplateInvalid: _answer_invalid,
            # Without the place of the files: clients need not learn where the server keeps them.
            CannotDraw: lambda _, error: problem(422, f"The folder contains{str(error).partition(' contains')[2]}"),
            LimitExceeded: lambda _, error: problem(422, _exceeded(error, limits)),
        },
        openapi_config=OpenAPIConfig(
            title="Keyturn render server",
            version=version("keyturn"),
            path="/api/openapi",
            render_plugins=[JsonRenderPlugin(path="/json")],
        ),
        request_max_body_size=_LARGEST,
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        logging_config=None,
    )


def _answer_refusal(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    faults = [_fault(one) for one in error.extra or () if isinstance(one, dict)]
    return problem(error.status_code, "; ".join(faults) or error.detail, error.headers)


def _fault(one: dict[str, Any]) -> str:
    """Return a fault of the body, which Litestar calls `data`: so is a member of it called."""
    if one.get("key") != "data":
        return f"{one.get('key', '')}: {one['message']}"
    return "the body is empty" if one["message"] == "'data'" else f"the body: {plain_message(one['message'])}"


def _answer_invalid(_: Request[Any, Any, Any], error: TemplateInvalid) -> Response[Any]:
    return problem(422, str(error), file=error.path, line=error.line)


def _exceeded(error: LimitExceeded, limits: Limits) -> str:
    of_limit = {
        "time": str(OutOfTime(limits.seconds)),
        "memory": f"it takes more memory than {limits.megabytes} MB",
        "crash": "its process crashed",
    }
    return f"The mail was not rendered: {of_limit[error.limit]}."
