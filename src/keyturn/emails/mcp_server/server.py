"""The tools that an agent sees, and the browser that takes its pictures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from pydantic import Field, ValidationError

from keyturn.emails.lint.browser.chromium import Chromium, MailToMeasure, NoBrowser, NotMeasured, running_chromium
from keyturn.emails.mails import Mails
from keyturn.emails.mcp_server import reading
from keyturn.emails.mcp_server.reading import InboxView, ListedMail, Mistakes
from keyturn.emails.renderers import LimitExceeded, Runner
from keyturn.errors import ExtraMissing, TemplateInvalid

_ABOUT = """Emails of a folder, as their readers see them. Begin with list_mails. Edit the templates with your own
tools, then call find_mistakes and render_mail again: each call reads the files anew."""

_BROKEN = "Parts of this mail cannot be rendered: they are missing in the picture, or are [[stand-ins]]."

_R = TypeVar("_R")

Template = Annotated[str, Field(description="a name from list_mails", max_length=300)]
SampleName = Annotated[str, Field(description="a name from list_mails; by default the first", max_length=300)]
Language = Annotated[str, Field(description="a language tag such as de", max_length=100)]
Width = Annotated[int, Field(description="the width of the screen, in CSS pixels", ge=240, le=1600)]


class _Window:
    """A browser, started with the first picture. All its work is done in one thread, as Playwright requires."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._open = ExitStack()
        self._chromium: Chromium | None = None

    async def do(self, work: Callable[[Chromium], _R]) -> _R:
        """Return the result of work in the browser. Raises ToolError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    def _do(self, work: Callable[[Chromium], _R]) -> _R:
        try:
            if self._chromium is None:
                self._chromium = self._open.enter_context(running_chromium())
            return work(self._chromium)
        except (ExtraMissing, NoBrowser, NotMeasured) as error:
            raise ToolError(str(error)) from error

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open.close)
        self._thread.shutdown()


class _Tools:
    """The tools. Their docstrings are what an agent reads."""

    def __init__(self, mails: Mails, runner: Runner[Mails]) -> None:
        self._seconds = mails.limits.seconds
        self._runner = runner
        self.window = _Window()

    async def list_mails(self) -> list[ListedMail]:
        """List the mails, with their samples and files."""
        return await self._ask(reading.list_mails)

    async def sample_data(self, template: Template, sample: SampleName = "") -> dict[str, Any]:
        """Return the data that a mail is rendered with."""
        return await self._ask(reading.data_of, template, sample)

    async def find_mistakes(self, template: Annotated[str, Field(max_length=300)] = "") -> list[Mistakes]:
        """Check a mail with all its samples and branches, the worst first; without a name, the first twenty mails."""
        return await self._ask(reading.find_mistakes, template, mails=reading.MOST_CHECKED)

    async def read_mail(self, template: Template, sample: SampleName = "", language: Language = "") -> InboxView:
        """Return the subject, the preheader and the text part of a mail."""
        return await self._ask(reading.inbox_view, template, sample, language)

    async def render_mail(
        self, template: Template, sample: SampleName = "", language: Language = "", width: Width = 600
    ) -> list[Image | str]:
        """Return the mail as a picture, with labelled boxes for images of other hosts. Beside it are errors."""
        mail = await self._mail(template, sample, language)
        picture = await self.window.do(lambda chromium: chromium.picture(mail.html, width))
        parts: list[Image | str] = [Image(data=picture, format="png")]
        return [*parts, f"{_BROKEN}\n{await self._faults(template)}"] if mail.stand_ins else parts

    async def line_at(
        self,
        template: Template,
        x: Annotated[int, Field(ge=0, le=1600)],
        y: Annotated[int, Field(ge=0, le=20_000)],
        sample: SampleName = "",
        language: Language = "",
        width: Width = 600,
    ) -> str:
        """Return the line of the template that drew a pixel of the picture, as file:line:column."""
        mail = await self._mail(template, sample, language)
        key = await self.window.do(lambda chromium: chromium.key_at(mail.html, width, x, y))
        if not key:
            raise ToolError("There is no part of the mail at this pixel.")
        return str(mail.place_of(key))

    async def _mail(self, template: str, sample: str, language: str) -> MailToMeasure:
        if mail := await self._ask(reading.for_browser, template, sample, language):
            return mail
        faults = await self._faults(template)
        said = f"{template} cannot be rendered.\n{faults}" if faults else f"{template} has no HTML: call read_mail."
        raise ToolError(said)

    async def _faults(self, template: str) -> str:
        try:
            return await self._ask(reading.faults_of, template, mails=reading.MOST_CHECKED)
        except ToolError as error:
            return str(error)

    async def _ask(self, job: Callable[..., _R], *given: Any, mails: int = 1) -> _R:
        """Return the result of a renderer's work. Raises ToolError, whose sentence the agent reads."""
        try:
            return await asyncio.to_thread(self._runner.run_for, self._seconds * mails, job, *given)
        except LookupError as error:
            raise ToolError(str(error.args[0])) from error
        except TemplateInvalid as error:
            raise ToolError(str(error)) from error
        except LimitExceeded as exceeded:
            raise ToolError(f"The mail takes too much {exceeded.limit}, so it was not rendered.") from exceeded


class _Tool(Tool):
    """Refuses arguments in one sentence. The SDK ignores unknown ones, and shows pydantic's report on others."""

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:
        allowed = self.parameters["properties"]
        if unknown := [one for one in arguments if one not in allowed]:
            raise self._refusal(f"has no argument {', '.join(unknown)}")
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if type(error) is not ToolError or not isinstance(error.__cause__, ValidationError):
                raise  # a subclass tells a fault of ours
            faults = [(one["loc"][0], one["type"], one["msg"]) for one in error.__cause__.errors()]
            missing = [f"needs the argument {name}" for name, kind, _ in faults if kind == "missing"]
            wrong = [f"cannot use {name}: {why}" for name, kind, why in faults if kind != "missing"]
            raise self._refusal(", and ".join(missing + wrong)) from error

    def _refusal(self, why: str) -> ToolError:
        allowed = ", ".join(self.parameters["properties"])
        return ToolError(f"{self.name} {why}. {f'Its arguments are {allowed}' if allowed else 'It has no arguments'}.")


def create_mcp_server(mails: Mails, runner: Runner[Mails]) -> MCPServer:
    """Return the server; `run` serves over input and output. `runner`: the renderers, which are already started."""
    tools = _Tools(mails, runner)

    @asynccontextmanager
    async def lifespan(_: MCPServer) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await tools.window.close()

    described = (tools.list_mails, tools.sample_data, tools.find_mistakes, tools.read_mail, tools.line_at)
    return MCPServer(
        "keyturn",
        instructions=_ABOUT,
        version=version("keyturn"),
        log_level="ERROR",
        lifespan=lifespan,
        tools=[
            *(_Tool.from_function(tool) for tool in described),
            _Tool.from_function(tools.render_mail, structured_output=False),  # a picture, and perhaps a sentence
        ],
    )
