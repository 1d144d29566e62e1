"""Starts the chosen peers, each on an empty database of one engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.cores import Cores
from benchmarks.databases import running_databases
from benchmarks.peers.running import PEERS, Running, running
from benchmarks.plan import ENGINES
from benchmarks.report import Tell


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """The running peers on one engine.

    `database` is the process of the server they share, None for SQLite.
    """

    engine: str
    peers: Mapping[str, Running]
    database: int | None
    cores: Cores


@contextmanager
def field(engine: str, names: Sequence[str], accounts: int, tell: Tell) -> Iterator[Field]:
    """Start the peers on the server's core, each on an empty database."""
    cores = Cores.of_machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="keyturn-bench-")))
        databases = stack.enter_context(running_databases(engine, cores.database))
        peers: dict[str, Running] = {}
        for name in names:
            tell(f"{ENGINES[engine]}: {PEERS[name].title} starts")
            place = running(PEERS[name], folder / name, databases.empty(name), accounts, cores)
            peers[name] = stack.enter_context(place)
        yield Field(engine=engine, peers=peers, database=databases.pid, cores=cores)
