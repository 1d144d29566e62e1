"""The floor of a stored request: the bare driver, with one durable transaction, or one SELECT by key."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import msgspec
from litestar import Litestar, post
from litestar.params import JSONBody

from benchmarks.load.messages import Request
from benchmarks.peers import email_of, unknown, write_requests
from keyturn.cli.running import serve
from keyturn.cli.sockets import address_of, listen
from keyturn.event_loop import run

TABLE = "CREATE TABLE asked (id BIGINT PRIMARY KEY, email VARCHAR(254) NOT NULL)"

Execute = Callable[[str, int, str], Awaitable[object]]
"""Runs a statement in a transaction of its own, with an id and, unless it is empty, an address."""


class RequestBody(msgspec.Struct):
    email: str


def create_app(execute: Execute) -> Litestar:
    @post("/request", status_code=202)
    async def request(data: JSONBody[RequestBody]) -> dict[str, bool]:
        await execute("INSERT INTO asked (id, email) VALUES ($1, $2)", _number(), data.email)
        return {"success": True}

    @post("/validate", status_code=200)
    async def validate(data: JSONBody[RequestBody]) -> dict[str, bool]:
        await execute("SELECT email FROM asked WHERE id = $1", len(data.email), "")
        return {"valid": True}

    return Litestar([request, validate], openapi_config=None, logging_config=None)


def _number() -> int:
    return int.from_bytes(os.urandom(7), "big")


def _on_sqlite(url: str) -> Execute:
    """Return a function that runs statements in one thread, since SQLite has one writer."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), check_same_thread=False, isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", TABLE):
        connection.execute(statement)
    thread = ThreadPoolExecutor(1)

    async def execute(statement: str, number: int, email: str) -> object:
        values = (number, email) if email else (number,)
        return await asyncio.get_running_loop().run_in_executor(
            thread, lambda: connection.execute(statement, values).fetchall()
        )

    return execute


async def _on_postgresql(url: str) -> Execute:
    pool = await asyncpg.create_pool(url, min_size=10, max_size=10)
    await pool.execute(TABLE)

    async def execute(statement: str, number: int, email: str) -> object:
        return await pool.fetch(statement, number, *([email] if email else []))

    return execute


async def main(folder: Path, url: str, count: int) -> None:
    execute = await _on_postgresql(url) if url.startswith("postgresql") else _on_sqlite(url)
    write_requests(
        folder,
        known=[_post("/request", email_of(number)) for number in range(count)],
        unknown=[_post("/request", unknown(number)) for number in range(count)],
        validate=[_post("/validate", email_of(number)) for number in range(count)],
    )
    bound = listen("127.0.0.1", 0)
    await serve(create_app(execute), bound, lambda: print(f"http://{address_of(bound)}", flush=True))


def _post(path: str, email: str) -> Request:
    return Request(path=path, body=msgspec.json.encode({"email": email}).decode())


if __name__ == "__main__":
    run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
