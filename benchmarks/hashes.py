"""Measures bcrypt at cost 12 in each implementation that a project can depend on, in turn.

PyPI's `bcrypt` wraps the Rust crate of that name; no wheel wraps another crate. Debian's libcrypt.so.1 is libxcrypt,
which ctypes calls without the interpreter's lock. `uv run --with` installs `bcrypt` 3.2.2, the last version in C; it is
left out if there is no uv or no network.
"""

import ctypes
import ctypes.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from statistics import median

import bcrypt
import msgspec

from benchmarks.comparison.samples import figure
from benchmarks.cores import Cores, pinned
from benchmarks.peers import COST, PASSWORD
from benchmarks.peers.running import ROOT
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report, Table

Hash = Callable[[bytes, bytes], bytes]
"""Takes a password and a salt with its cost, and returns the hash."""

_IN_C = "bcrypt==3.2.2"
_LONGEST = 600.0
_DATA = 32768
"""Bytes of libxcrypt's struct crypt_data (crypt.h)."""


class HashTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The processor time of a hash in each round, in milliseconds."""

    title: str
    milliseconds: Sequence[float]


def measure(plan: Plan, tell: Tell) -> Report:
    """Hash on the server's core with each implementation in turn, once in each round."""
    core, notes = Cores.of_machine().server, list[str]()
    this = ["-m", "benchmarks.hashes"]
    commands = {f"bcrypt {version('bcrypt')} (Rust)": [sys.executable, *this, "bcrypt"]}
    if libxcrypt():
        commands["libxcrypt, by ctypes"] = [sys.executable, *this, "libxcrypt"]
    else:
        notes.append("libxcrypt was left out: there is no libcrypt here that knows $2b$.")
    if in_c := _uv_with(_IN_C):
        commands["bcrypt 3.2.2 (C)"] = [*in_c, *this, "bcrypt"]
    else:
        notes.append("bcrypt 3.2.2 was left out: uv could not fetch it.")
    found: dict[str, list[float]] = {title: [] for title in commands}
    for _ in range(plan.rounds):
        for title, command in commands.items():
            done = subprocess.run(
                pinned([*command, str(plan.hashes)], core), cwd=ROOT, check=True, capture_output=True, text=True
            )
            found[title].append(float(done.stdout))
            tell(f"{title}: {found[title][-1]:.1f} ms")
    return Report(
        tables={"hashes": _table(found)},
        notes=notes,
        data=[HashTimes(title=title, milliseconds=each) for title, each in found.items()],
    )


def _table(found: dict[str, list[float]]) -> Table:
    best = min(median(each) for each in found.values())
    rows = [
        [title, figure(median(each)), figure(1000 / median(each)), f"{best / median(each):.2f}"]
        for title, each in found.items()
    ]
    headers = ["", "CPU of a hash, ms", "a second and core", "share of the quickest"]
    return Table(title=f"bcrypt at cost {COST}", headers=headers, rows=rows)


def _uv_with(requirement: str) -> list[str]:
    """Return the command of a Python with the requirement added, or an empty list if uv cannot provide one."""
    if not shutil.which("uv"):
        return []
    command = ["uv", "run", "--quiet", "--no-sync", "--with", requirement, "python"]
    try:
        subprocess.run([*command, "-c", "import bcrypt"], cwd=ROOT, check=True, capture_output=True, timeout=_LONGEST)
    except (subprocess.SubprocessError, OSError):
        return []
    return command


def libxcrypt() -> Hash | None:
    """Return the system's crypt(3), or None if it does not know bcrypt."""
    name = ctypes.util.find_library("crypt")
    try:
        crypt = ctypes.CDLL(name).crypt_r
    except (OSError, AttributeError, TypeError):
        return None
    crypt.restype = ctypes.c_char_p

    def hashed(password: bytes, salt: bytes) -> bytes:
        return bytes(crypt(password, salt, ctypes.create_string_buffer(_DATA)) or b"")

    salt = bcrypt.gensalt(4)
    return hashed if hashed(b"a", salt) == bcrypt.hashpw(b"a", salt) else None


def main(implementation: str, count: int) -> None:
    """Make `count` hashes and print the processor time of one, in milliseconds."""
    make = libxcrypt() if implementation == "libxcrypt" else bcrypt.hashpw
    assert make
    salt = bcrypt.gensalt(COST)
    before = time.process_time()
    for _ in range(count):
        make(PASSWORD.encode(), salt)
    sys.stdout.write(str((time.process_time() - before) / count * 1000))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
