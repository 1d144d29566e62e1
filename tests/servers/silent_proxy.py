"""A proxy to PostgreSQL that can fall silent: connections stay open, but no bytes pass."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

SOCKET = ".s.PGSQL.5432"


class SilentProxy:
    """Forwards bytes between clients and a server's socket in both directions, unless it is
    `silent`.
    """

    def __init__(self, folder: Path) -> None:
        self._server = folder / SOCKET
        self.speaking = asyncio.Event()
        self.speaking.set()
        self.opened = 0
        self._pumps: set[asyncio.Task[None]] = set()

    def fall_silent(self) -> None:
        self.speaking.clear()

    def speak_again(self) -> None:
        """Let new connections through, and cut those from before the silence."""
        for pump in self._pumps:
            pump.cancel()
        self.speaking.set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        theirs, ours = await asyncio.open_unix_connection(str(self._server))
        pumps = {
            asyncio.create_task(self._pump(reader, ours)),
            asyncio.create_task(self._pump(theirs, writer)),
        }
        self._pumps |= pumps

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while data := await reader.read(65536):
                    await self.speaking.wait()
                    writer.write(data)
        finally:
            writer.close()

    async def close(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


@asynccontextmanager
async def silent_proxy(url: str) -> AsyncIterator[tuple[str, SilentProxy]]:
    """Yield the proxy, and the address of a database through it.

    The database's server is on a Unix socket.
    """
    address, _, folder = url.partition("?host=")
    with TemporaryDirectory(prefix="keyturn-") as own:
        proxy = SilentProxy(Path(folder))
        server = await asyncio.start_unix_server(proxy.connect, f"{own}/{SOCKET}")
        try:
            yield f"{address}?host={own}", proxy
        finally:
            server.close()
            await proxy.close()
