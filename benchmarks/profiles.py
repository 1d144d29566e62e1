"""Where the interpreter's processor time goes: py-spy samples each endpoint and the worker under load.

It samples the thread that holds the interpreter's lock, so work of a database or of bcrypt outside it is not shown.
A sample belongs to the innermost package that `_LABELS` names, so calls into the standard library count for the caller.
"""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.comparison.entering import Field, field
from benchmarks.load import finish_load, run_load, start_load
from benchmarks.load.messages import Order
from benchmarks.peers.running import keyturn_worker
from benchmarks.plan import ENGINES, Plan
from benchmarks.progress import Tell
from benchmarks.report import Report, Table

ENDPOINTS = {"known": "request", "validate": "validate", "reset": "reset"}
WORKER = {"known": "worker, mails", "unknown": "worker, unknown"}

_CONNECTIONS = 16
_RATE = 250
"""Samples a second."""

_WARM_UP = 50
"""Messages that a worker delivers before it is measured: the first one imports modules for all."""

_START = 3.0
"""Seconds that py-spy may take to start."""

_LABELS = {
    "sqlalchemy": "SQLAlchemy",
    "advanced_alchemy": "SQLAlchemy",
    "aiosqlite": "database drivers",
    "asyncpg": "database drivers",
    "sqlite3": "database drivers",
    "litestar": "Litestar",
    "uvicorn": "uvicorn, httptools",
    "httptools": "uvicorn, httptools",
    "asyncio": "event loop",
    "uvloop": "event loop",
    "keyturn": "Keyturn",
    "jinja2": "Jinja, MJML",
    "mjml": "Jinja, MJML",
    "babel": "Babel, gettext",
    "gettext.py": "Babel, gettext",
    "cryptography": "cryptography",
    "logging": "logs",
    "prometheus_client": "metrics",
    "email": "MIME",
}
_LAST = "the rest"
_FILE = re.compile(r"\(([^():]+):\d+\)$")


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of one kind of work on one engine.

    `samples`: by package.
    `modules`: by module of Keyturn, the twelve with the most samples.
    """

    engine: str
    work: str
    samples: dict[str, int]
    modules: dict[str, int]


def measure(plan: Plan, tell: Tell) -> Report:
    """Profile each endpoint and the worker. Raises SystemExit if py-spy may not trace processes (ptrace(2))."""
    found = list[Profile]()
    for engine in plan.engines:
        for profile in _profiles(engine, plan, tell):
            tell(f"{ENGINES[engine]}, {profile.work}: {sum(profile.samples.values())} samples")
            found.append(profile)
    return Report(tables={f"profile-{engine}": _table(found, engine) for engine in plan.engines}, data=found)


def _profiles(engine: str, plan: Plan, tell: Tell) -> Iterator[Profile]:
    """Profile each endpoint, and the worker on an outbox with messages of one kind only."""
    with field(engine, ["keyturn"], plan.unknown, tell) as here:
        for operation, work in ENDPOINTS.items():
            load = start_load(_order(here, operation, seconds=2 * plan.seconds + _START), here.cores.load)
            yield _recorded(here, work, here.peers["keyturn"].pid, plan)
            finish_load(load)
    for operation, work in WORKER.items():
        with field(engine, ["keyturn"], plan.unknown, tell) as here:
            run_load(_order(here, operation, most=_WARM_UP), here.cores.load)
            with keyturn_worker(here.peers["keyturn"], here.cores.server) as (worker, begin):
                run_load(_order(here, operation, most=plan.unknown), here.cores.load)
                begin()
                yield _recorded(here, work, worker, plan)


def _order(here: Field, operation: str, *, seconds: float = 0, most: int = 0) -> Order:
    keyturn = here.peers["keyturn"]
    return Order(
        ports=[keyturn.port],
        requests=str(keyturn.requests(operation)),
        connections=_CONNECTIONS,
        seconds=seconds,
        most=most,
    )


def _recorded(here: Field, work: str, pid: int, plan: Plan) -> Profile:
    file = here.peers["keyturn"].folder / "stacks"
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or "py-spy"
    command = [program, "record", "--gil", "--format", "raw", "--rate", str(_RATE), "--output", str(file)]
    duration = max(round(2 * plan.seconds), 1)
    done = subprocess.run(
        [*command, "--duration", str(duration), "--pid", str(pid)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"py-spy could not look at the process:\n{done.stderr[-500:]}")
    stacks = [line.rpartition(" ") for line in file.read_text("utf-8").splitlines()]
    samples, modules = Counter[str](), Counter[str]()
    for stack, _, count in stacks:
        files = [found[1] for frame in stack.split(";") if (found := _FILE.search(frame))]
        samples[label_of(files)] += int(count)
        modules[next((one for one in reversed(files) if one.startswith("keyturn/")), "")] += int(count)
    return Profile(engine=here.engine, work=work, samples=dict(samples), modules=dict(modules.most_common(12)))


def label_of(files: Sequence[str]) -> str:
    """Return the label of the package that a sample counts for. `files` are its stack, the innermost last."""
    for file in reversed(files):
        if label := _LABELS.get(file.partition("/")[0]):
            return label
    return _LAST


def _table(found: Sequence[Profile], engine: str) -> Table:
    here = [one for one in found if one.engine == engine]
    labels = sorted(
        {label for one in here for label in one.samples},
        key=lambda label: (label == _LAST, -sum(one.samples.get(label, 0) for one in here)),
    )
    rows = [[label, *(_share(one, label) for one in here)] for label in labels]
    title = f"{ENGINES[engine]}: where the interpreter's time goes"
    return Table(title=title, headers=["", *(one.work for one in here)], rows=rows)


def _share(one: Profile, label: str) -> str:
    return f"{one.samples.get(label, 0) / max(sum(one.samples.values()), 1):.0%}"
