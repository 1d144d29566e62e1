"""Starts the chosen peers, each on an empty database of one engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec.structs import replace

from benchmarks.cores import Cores
from benchmarks.databases import running_databases
from benchmarks.peers.running import PEERS, Running, running
from benchmarks.plan import ENGINES, Plan
from benchmarks.progress import Tell


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """The running peers on one engine. `database` is the process of the server they share, None for SQLite."""

    engine: str
    peers: Mapping[str, Running]
    database: int | None
    cores: Cores


def choose_peers(plan: Plan, among: Sequence[str], *, always: Sequence[str] = ()) -> list[str]:
    """Return the names of the requested peers."""
    return [name for name in among if name in plan.peers or name in always or not plan.peers]


@contextmanager
def field(engine: str, names: Sequence[str], accounts: int, tell: Tell, *, pinned: bool = True) -> Iterator[Field]:
    """Start the peers, each on an empty database. With `pinned`, those that allow it run on the server's core only."""
    cores = Cores.of_machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="keyturn-bench-")))
        databases = stack.enter_context(running_databases(engine, cores.database))
        peers: dict[str, Running] = {}
        for name in names:
            tell(f"{ENGINES[engine]}: {PEERS[name].title} starts")
            peer = PEERS[name] if pinned else replace(PEERS[name], pinned=False)
            place = running(peer, folder / name, databases.empty(name), accounts, cores)
            peers[name] = stack.enter_context(place)
        yield Field(engine=engine, peers=peers, database=databases.pid, cores=cores)
