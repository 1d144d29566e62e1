"""What an attacker learns from the time of a reset request, and of a ping right after it, over the
socket.

It measures `keyturn serve` with default settings and the worker that it starts. The rank test of
Mann and Whitney compares each kind of address with an unknown address, and user names with unknown
ones. AUC is the share of pairs in which the kind took longer: 0.5 means no difference. `told` is
how often the best single threshold is right. That threshold is fitted to the same samples, so
`told` is too high rather than too low.

    uv run python -m benchmarks.timing [--samples 2000] [--database sqlite|postgresql] [--names]
"""

import asyncio
import http.client
import json
import os
import random
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from sqlalchemy import Connection, insert, text

from benchmarks.processes import answering, page
from keyturn.probe.attacks.requests import rank_test
from keyturn.service.accounts.builtin import AccountRow
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.migrations import migrate

KINDS = ("known", "disabled", "provider", "cooled down", "unknown")
NAMES = ("known name", "disabled name", "unknown name")
PAUSE = 0.025
"""Seconds between samples.

A mail takes the worker less, so it can delay the ping but not the next request.
"""

_REQUEST, _PING = "/api/auth/request-password-reset", "/health/live"

Samples = Mapping[str, tuple[list[int], list[int]]]
"""The nanoseconds of the requests and of the pings after them, by kind of address."""


@click.command()
@click.option("--samples", default=2000, show_default=True, help="Samples of each kind.")
@click.option(
    "--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True
)
@click.option(
    "--worker", type=click.Choice(["child", "inside", "none"]), default="child", show_default=True
)
@click.option(
    "--names",
    is_flag=True,
    help="Read the accounts from a table with user names, and ask for names, too.",
)
def main(samples: int, database: str, worker: str, *, names: bool) -> None:
    """Time requests, and print a row for each kind of address."""
    kinds, more = KINDS + (NAMES if names else ()), _TABLE if names else {}
    with TemporaryDirectory(prefix="keyturn-") as folder, _database(database, folder) as url:
        asyncio.run(_fill(url, samples))
        with _serve(url, folder, worker, more) as (port, _):
            found = _measure(port, samples, kinds)
    click.echo(f"{database}, worker {worker}, {samples} samples of each kind, medians in ms")
    click.echo(
        f"{'':<15}{'request':>9}{'AUC':>8}{'p':>9}{'told':>8}{'ping':>12}{'AUC':>8}{'p':>9}{'told':>8}"
    )
    for kind in kinds:
        unknown = found["unknown name" if kind in NAMES else "unknown"]
        row = "".join(_cells(mine, other) for mine, other in zip(found[kind], unknown, strict=True))
        click.echo(f"{kind:<15}{row}")


def _cells(mine: Sequence[int], unknown: Sequence[int]) -> str:
    test = rank_test(mine, unknown)
    middle = sorted(mine)[len(mine) // 2] / 1e6
    told = _share_told(mine, unknown)
    return f"{middle:>9.2f}{test.area:>8.3f}{test.p:>9.2g}{told:>8.1%}   "


def _share_told(mine: Sequence[int], unknown: Sequence[int]) -> float:
    """Return how often the best single threshold tells the two apart."""
    mine_in_order = sorted(mine)
    unknown_in_order = sorted(unknown)
    farthest = 0.0
    for threshold in (*mine, *unknown):
        share_of_mine = bisect_left(mine_in_order, threshold) / len(mine)
        share_of_unknown = bisect_left(unknown_in_order, threshold) / len(unknown)
        farthest = max(farthest, abs(share_of_mine - share_of_unknown))
    return 0.5 + farthest / 2


def _measure(port: int, samples: int, kinds: Sequence[str]) -> Samples:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(samples):
        _post(client, f"cooled-{number}@example.test")
        time.sleep(PAUSE)
    order = [(kind, number) for kind in kinds for number in range(samples)]
    random.Random(1).shuffle(order)  # noqa: S311 - shuffles, and makes no secret
    found: Samples = {kind: ([], []) for kind in kinds}
    for kind, number in order:
        name = {"cooled down": "cooled", "unknown": "nobody"}.get(kind, kind.replace(" ", "-"))
        identifier = f"{name}-{number}" if kind in NAMES else f"{name}-{number}@example.test"
        start = time.perf_counter_ns()
        _post(client, identifier)
        middle = time.perf_counter_ns()
        client.request("GET", _PING)
        client.getresponse().read()
        found[kind][0].append(middle - start)
        found[kind][1].append(time.perf_counter_ns() - middle)
        time.sleep(PAUSE)
    return found


def _post(client: http.client.HTTPConnection, email: str) -> None:
    client.request(
        "POST", _REQUEST, json.dumps({"email": email}), {"Content-Type": "application/json"}
    )
    answer = client.getresponse()
    answer.read()
    if answer.status != http.client.ACCEPTED:
        raise SystemExit(f"the answer was {answer.status}")


@contextmanager
def _database(kind: str, folder: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/timing.db"
        return
    from tests.servers.databases import running_postgres

    with running_postgres() as server:
        yield server.empty()


_TABLE = {
    "KEYTURN_ACCOUNTS_STORE": "table",
    "KEYTURN_ACCOUNTS_TABLE_TABLE": "keyturn_accounts",
    "KEYTURN_ACCOUNTS_TABLE_NAME": "name",
    "KEYTURN_ACCOUNTS_TABLE_ACTIVE": "active",
    "KEYTURN_ACCOUNTS_TABLE_PROVIDER": "provider",
    "KEYTURN_ACCOUNTS_TABLE_IDENTIFIERS": "email,name",
    "KEYTURN_SIGN_IN_URL": "https://app.example.test/login",
}
"""The settings that read the same accounts as an app's table, whose column `name` has the user
names.
"""


async def _fill(url: str, samples: int) -> None:
    database = Database(url)
    await migrate(database)
    rows = [
        {
            "id": f"{name}-{number}",
            "email": f"{name}-{number}@example.test",
            "name": f"{name}-{number}",
            "password_hash": "x",
            "provider": "Google" if name == "provider" else "",
            "kind": "",
            "locale": "",
            "active": not name.startswith("disabled"),
            "created_at": now(),
        }
        for name in ("known", "disabled", "provider", "cooled", "known-name", "disabled-name")
        for number in range(samples)
    ]

    def fill(connection: Connection) -> None:
        connection.execute(insert(AccountRow), rows)
        for column in ("email", "name"):  # as an app's table has them
            connection.execute(
                text(f"CREATE INDEX by_{column} ON keyturn_accounts (lower({column}))")
            )

    await database.transact(fill)
    await database.close()


def _serve(
    url: str, folder: str, worker: str, more: Mapping[str, str]
) -> AbstractContextManager[tuple[int, int]]:
    environment = {
        **os.environ,
        "KEYTURN_ENVIRONMENT": "development",
        "KEYTURN_DATABASE_URL": url,
        "KEYTURN_SERVER_WORKER": worker,
        "KEYTURN_MAIL_TRANSPORT": "capture",
        "KEYTURN_LIMITS_REQUEST": "100000/second",
        "KEYTURN_LIMITS_OVERALL": "100000/second",
        **more,
    }
    return answering(
        "serve", folder=Path(folder), ready=partial(page, path=_PING), environment=environment
    )


if __name__ == "__main__":
    main()
