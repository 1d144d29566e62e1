"""VS Code as a website, with an extension that runs in Node: code-server, and what a person does in a window of it.

`CODE_SERVER` names its out/node/entry.js. CI has none, since its packages must be compiled (CONTRIBUTING.md).
"""

import asyncio
import os
import re
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from playwright.async_api import Error, Frame, Page, expect
from tests.adoption.story import free_ports
from tests.browsing import PATIENCE
from tests.programs import require_program

ENTRY = os.environ.get("CODE_SERVER", "")
_HOST = re.compile(rb"\r\nhost: (\d+)\.localhost:\d+", re.IGNORECASE)


async def forward(reader: StreamReader, writer: StreamWriter) -> None:
    """Forward PORT.localhost to 127.0.0.1:PORT: code-server wants a name for each port (VSCODE_PROXY_URI)."""
    head = await reader.readuntil(b"\r\n\r\n")
    host = _HOST.search(head)
    assert host
    there, back = await asyncio.open_connection("127.0.0.1", int(host[1]))
    head = head.replace(host[0], b"\r\nHost: 127.0.0.1:" + host[1]).replace(b"keep-alive", b"close")
    back.write(head)
    await asyncio.gather(pour(reader, back), pour(there, writer))


async def pour(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def code_server(extension: Path, home: Path, *, trusts: bool) -> AsyncIterator[str]:
    """Run VS Code with the extension, and yield its address. At the end it is told to stop, with its window open."""
    port, forwarded = free_ports(2)
    settings = home / "data" / "User" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"workbench.startupEditor": "none"}')  # a page of greetings takes the focus late
    command = [require_program("node", "nodejs"), ENTRY, "--config", str(home / "config.yaml")]
    command += ["--user-data-dir", str(home / "data"), "--extensions-dir", str(home / "extensions")]
    installing = await create_subprocess_exec(*command, "--install-extension", extension, stdout=DEVNULL)
    assert await installing.wait() == 0
    command += ["--auth", "none", "--bind-addr", f"127.0.0.1:{port}", "--disable-telemetry", "--disable-update-check"]
    command += ["--disable-workspace-trust"] if trusts else []
    environment = os.environ | {"VSCODE_PROXY_URI": f"http://{{{{port}}}}.localhost:{forwarded}/"}
    async with await asyncio.start_server(forward, "127.0.0.1", forwarded):
        running = await create_subprocess_exec(*command, env=environment, stdout=PIPE)
        assert running.stdout
        try:
            async with asyncio.timeout(30):
                while b"HTTP server listening" not in await running.stdout.readline():
                    pass
            yield f"http://127.0.0.1:{port}/?folder={home / 'shop'}"
        finally:
            running.terminate()  # alone: VS Code itself has to end what it has started
            await asyncio.wait_for(running.wait(), 30)


class Window:
    """A window of VS Code in a browser. Each step leaves a picture."""

    def __init__(self, page: Page, pictures: Path) -> None:
        self.page = page
        self.pictures = pictures

    async def picture(self, name: str) -> None:
        await self.page.wait_for_timeout(500)
        await self.page.screenshot(path=self.pictures / f"{name}.png")

    async def choose(self, key: str, text: str, row: str = "") -> None:
        """Type into the palette that a key opens, and choose its first row once that has a text."""
        await self.page.keyboard.press(key)
        field = self.page.locator(".quick-input-widget input[type=text]")
        await field.focus()
        await field.press_sequentially(text, delay=15)
        await expect(self.page.locator(".quick-input-list .monaco-list-row").first).to_contain_text(row or text)
        await self.page.keyboard.press("Enter")
        await expect(field).to_be_hidden()
        await self.page.wait_for_timeout(500)

    async def open(self, name: str) -> None:
        await self.choose("Control+p", name)
        await expect(self.page.locator(".tab.active", has_text=name)).to_be_visible()

    async def place(self, line: int, column: int) -> None:
        await self.choose("Control+g", f"{line}:{column}", f"line {line}")

    async def hover(self, text: str) -> None:
        await self.choose("F1", "Show or Focus Hover")
        await expect(self.page.locator(".monaco-hover", has_text=text).first).to_be_visible()

    async def previews(self, mail: str, text: str) -> None:
        """Wait for the preview to show a mail with a text."""
        async with asyncio.timeout(PATIENCE / 1000):
            while not any(
                [f"/frames/{mail}" in frame.url and text in await shown(frame) for frame in self.page.frames]
            ):
                await self.page.wait_for_timeout(300)
        assert any(f"/studio/templates/{mail}" in frame.url for frame in self.page.frames)


async def shown(frame: Frame) -> str:
    with suppress(Error):  # the frame has just been replaced
        return await frame.locator("body").inner_text()
    return ""


def commands_for(shop: Path) -> Sequence[str]:
    """Return the command lines of what runs for the folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # the process has ended
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if re.search(rf"keyturn (lsp|studio) {re.escape(str(shop))}", line)]
