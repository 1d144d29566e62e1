"""How long users wait during an attack. Each attack runs alone against a `keyturn serve` process on loopback.

The attacker is a process of its own with four threads. A bystander loads one page after the other, each on a new
connection and from a new address. Compare the ratios within one run; a failure counts as the longest wait. The server
trusts X-Forwarded-For, and keeps its limits in memory and its data in SQLite, on the machine's other cores.
"""

import http.client
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import quantiles

import click
import msgspec

from benchmarks.attacks import ATTACKS
from benchmarks.processes import free_port

LONGEST = 10.0
"""Seconds after which a bystander gives up."""

_START = 60.0
_THREADS = 4


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """The waits of a bystander before and during an attack, in milliseconds, and the share of failed requests."""

    attack: str
    p50_before: float
    p50_during: float
    p99_before: float
    p99_during: float
    ratio_p50: float
    ratio_p99: float
    samples: int
    without_answer: float


def measure(attack: str, checkout: Path, seconds: float) -> Wait:
    """Start a server, measure it alone and then under the attack, and end it."""
    with tempfile.TemporaryDirectory() as folder, _serving(checkout, Path(folder)) as port:
        _waits(port, min(seconds, 2))  # warms up: late imports and compilations are not measured
        before, _ = _waits(port, seconds)
        attacker = multiprocessing.Process(target=_attack, args=(attack, port), daemon=True)
        attacker.start()
        try:
            during, missed = _waits(port, seconds)
        finally:
            attacker.kill()
            attacker.join()
    calm, storm = quantiles(before, n=100), quantiles(during, n=100)
    return Wait(
        attack=attack,
        p50_before=calm[49] * 1e3,
        p50_during=storm[49] * 1e3,
        p99_before=calm[98] * 1e3,
        p99_during=storm[98] * 1e3,
        ratio_p50=storm[49] / calm[49],
        ratio_p99=storm[98] / calm[98],
        samples=len(during),
        without_answer=missed / len(during),
    )


@contextmanager
def _serving(checkout: Path, folder: Path) -> Iterator[int]:
    port = free_port()
    environment = _environment(checkout, folder, port)
    keyturn = [sys.executable, "-m", "keyturn"]
    subprocess.run([*keyturn, "migrate"], cwd=folder, env=environment, check=True, capture_output=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*keyturn, "serve", "--port", str(port)], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + _START
        while _page(port, "198.18.0.1") is None:
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the server did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _environment(checkout: Path, folder: Path, port: int) -> Mapping[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("KEYTURN_")}
    return kept | {
        "PYTHONPATH": str(checkout / "src"),
        "KEYTURN_ENVIRONMENT": "development",
        "KEYTURN_SECRET_KEY": "0123456789abcdef" * 4,
        "KEYTURN_BASE_URL": f"http://127.0.0.1:{port}",
        "KEYTURN_DATABASE_URL": f"sqlite:///{folder}/keyturn.db",
        "KEYTURN_MAIL_TRANSPORT": "capture",
        "KEYTURN_SERVER_TRUSTED_PROXIES": "127.0.0.1",
    }


def _waits(port: int, seconds: float) -> tuple[list[float], int]:
    """Return the seconds of each page, at least two, and the number of pages that failed."""
    found: list[float] = []
    missed, until = 0, time.monotonic() + seconds
    for number in itertools.count():
        begun = time.monotonic()
        if begun > until and number >= 2:
            break
        status = _page(port, f"198.18.{number // 250 % 250}.{number % 250 + 1}")
        answered = status == http.client.OK
        missed += not answered
        found.append(time.monotonic() - begun if answered else LONGEST)
        time.sleep(0.005)
    return found, missed


def _page(port: int, client: str) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/forgot-password", headers={"X-Forwarded-For": client})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status
    connection.close()
    return None


def _attack(name: str, port: int) -> None:
    numbers = itertools.count()
    threads = [threading.Thread(target=_repeat, args=(ATTACKS[name], port, numbers)) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _repeat(attack: Callable[[int, int], None], port: int, numbers: Iterator[int]) -> None:
    while True:  # until the process is ended
        try:
            attack(port, next(numbers))
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(ATTACKS)))
@click.option(
    "--keyturn",
    "checkout",
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The checkout to attack.",
)
@click.option("--seconds", default=10.0, type=click.FloatRange(min=1), help="How long each attack lasts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array at the end.")
def main(names: tuple[str, ...], checkout: Path, seconds: float, as_json: bool) -> None:
    """Run all attacks, or those NAMES, and print users' waits: milliseconds before and during, and the ratio."""
    waits: list[Wait] = []
    if not as_json:
        click.echo(
            "| attack | p50 | p99 | ratio of p50 | ratio of p99 | without an answer |\n|---|---|---|---|---|---|"
        )
    for name in names or ATTACKS:
        wait = measure(name, checkout.resolve(), seconds)
        waits.append(wait)
        if not as_json:
            click.echo(
                f"| {name} | {wait.p50_before:.1f} → {wait.p50_during:.1f} | {wait.p99_before:.1f} →"
                f" {wait.p99_during:.1f} | {wait.ratio_p50:.1f} | {wait.ratio_p99:.1f} | {wait.without_answer:.0%} |"
            )
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(waits), indent=2))


if __name__ == "__main__":
    main()
