"""A server that speaks LDAP and answers as a test says: late, not at all, half, or as Windows does."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.messages import BIND, EXTENDED, MODIFY, SEARCH, integer, octets, tlv

HANG, CUT, TLS = b"hang", b"cut", b"tls"
ID = "4ff9c4ae-5c6b-4c0e-9a3c-5a3f1f0e7c11"
DN = "cn=Ada,dc=northwind,dc=test"
ADA = {
    "mail": ["ada@northwind.test"],
    "entryUUID": [ID],
    "cn": ["Ada"],
    "supportedExtension": [messages.PASSWORD_MODIFY],
}
"""What every search finds, the one for the server's own description included."""

_NAMES = {BIND: "bind", SEARCH: "search", MODIFY: "modify", EXTENDED: "extended"}
_ANSWERS = {"bind": 0x61, "search": 0x65, "modify": 0x67, "extended": 0x78}

Answer = Callable[[], bytes]


def result(kind: str, code: int = 0, message: str = "") -> bytes:
    """Return the end of an answer, as an operation."""
    return tlv(_ANSWERS[kind], integer(code, 0x0A), octets(""), octets(message))


def entry(values: dict[str, list[str]], dn: str = DN) -> bytes:
    written = [tlv(0x30, octets(name), tlv(0x31, *map(octets, each))) for name, each in values.items()]
    return tlv(0x64, octets(dn), tlv(0x30, *written))


class FakeDirectory:
    """Answers each kind of request with success, and searches with Ada, unless `answers` has something else.

    `tls`: what begins with the answer TLS.

    `asked`: how many requests of each kind have arrived. `by_name`: its address at which TLS is asked for.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[bytes]] = {"search": [entry(ADA), result("search")]}
        self.asked: Counter[str] = Counter()
        self.url = self.by_name = ""
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._writers: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.asked["connection"] += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer_one(reader, writer):
                pass
        self._writers.discard(writer)
        writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        (_, number), (tag, _), *_ = messages.elements(await messages.next_message(reader))
        kind = _NAMES.get(tag)
        if kind is None:
            return False
        self.asked[kind] += 1
        for operation in self.answers.get(kind, [result(kind)]):
            if operation == CUT:
                return False
            if operation == HANG:
                await reader.read()
                return False
            if operation == TLS:
                await writer.start_tls(self.tls)
                break
            is_raw = operation.startswith(b"raw ")
            writer.write(operation[4:] if is_raw else tlv(0x30, integer(int.from_bytes(number)), operation))
        await writer.drain()
        return True


@asynccontextmanager
async def fake_directory() -> AsyncIterator[FakeDirectory]:
    directory = FakeDirectory()
    server = await asyncio.start_server(directory._serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    directory.url, directory.by_name = f"ldap://127.0.0.1:{port}", f"ldap://localhost:{port}"
    try:
        yield directory
    finally:
        server.close()
        for writer in directory._writers:
            writer.close()
        await server.wait_closed()
