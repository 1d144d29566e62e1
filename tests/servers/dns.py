"""A nameserver for tests, on a UDP port of this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.name import Name


class DnsServer(asyncio.DatagramProtocol):
    """It knows what `add` told it, fails on every name in `failing` and below it, and keeps quiet
    where `silent`.
    """

    def __init__(self) -> None:
        self.address = ("", 0)
        self.failing: set[str] = set()
        self.silent = False
        self.asked: list[str] = []
        self._records: dict[tuple[str, str], list[str]] = {}
        self._transport: Any = None

    def add(self, name: str, kind: str, *values: str) -> None:
        self._records.setdefault((name, kind), []).extend(values)

    def txt(self, name: str, *texts: str) -> None:
        """Add TXT records; a long one is cut into strings of 255 bytes, as DNS requires."""
        for text in texts:
            parts = [text[start : start + 255] for start in range(0, len(text), 255)]
            self.add(name, "TXT", " ".join(f'"{part}"' for part in parts))

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text().rstrip(".")
        self.asked.append(f"{dns.rdatatype.to_text(question.rdtype)} {name}")
        if self.silent:
            return
        answer = dns.message.make_response(query)
        if any(_is_at_or_below(name, failing) for failing in self.failing):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif any(_is_at_or_below(known, name) for known, _ in self._records):
            self._fill(answer, question.name, dns.rdatatype.to_text(question.rdtype))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), peer)

    def _fill(self, answer: dns.message.Message, name: Name, kind: str) -> None:
        plain = name.to_text().rstrip(".")
        for type_ in ("CNAME", kind):
            if values := self._records.get((plain, type_)):
                records = dns.rrset.from_text_list(name, 300, "IN", type_, values)
                answer.answer.append(records)
                if type_ == "CNAME":
                    self._fill(answer, records[0].target, kind)
                    return


def _is_at_or_below(name: str, other: str) -> bool:
    return name == other or name.endswith(f".{other}")


@asynccontextmanager
async def running_dns() -> AsyncIterator[DnsServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(DnsServer, local_addr=("127.0.0.1", 0))
    server.address = transport.get_extra_info("sockname")
    yield server
    transport.close()
