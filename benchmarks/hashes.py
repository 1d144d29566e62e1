"""What bcrypt at cost 12 takes in each implementation that can be had as a dependency, in rounds that take turns.

PyPI's `bcrypt` is the crate of that name; the crate's rivals come in no wheel. libxcrypt is what Debian's libcrypt.so.1
is, called with ctypes, which lets other threads run. `bcrypt` 3.2.2, the last in C, comes with `uv run --with` and is
left out where there is no uv or no network.
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


class Hashed(msgspec.Struct, frozen=True, kw_only=True):
    """The milliseconds of processor time that a hash took in each round."""

    title: str
    milliseconds: Sequence[float]


def measure(plan: Plan, tell: Tell) -> Report:
    """Make hashes on the server's core with each implementation, several times by turns."""
    core, said = Cores.of_machine().server, list[str]()
    this = ["-m", "benchmarks.hashes"]
    commands = {f"bcrypt {version('bcrypt')} (Rust)": [sys.executable, *this, "bcrypt"]}
    if libxcrypt():
        commands["libxcrypt, by ctypes"] = [sys.executable, *this, "libxcrypt"]
    else:
        said.append("libxcrypt was left out: there is no libcrypt here that knows $2b$.")
    if in_c := _uv_with(_IN_C):
        commands["bcrypt 3.2.2 (C)"] = [*in_c, *this, "bcrypt"]
    else:
        said.append("bcrypt 3.2.2 was left out: uv could not fetch it.")
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
        said=said,
        data=[Hashed(title=title, milliseconds=each) for title, each in found.items()],
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
    """Return the command of a Python that has it, beside what this one has; nothing where there is none."""
    if not shutil.which("uv"):
        return []
    command = ["uv", "run", "--quiet", "--no-sync", "--with", requirement, "python"]
    try:
        subprocess.run([*command, "-c", "import bcrypt"], cwd=ROOT, check=True, capture_output=True, timeout=_LONGEST)
    except (subprocess.SubprocessError, OSError):
        return []
    return command


def libxcrypt() -> Hash | None:
    """Return the system's crypt(3) where it knows bcrypt, else None."""
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
    """Print the milliseconds of processor time that each of so many hashes took."""
    make = libxcrypt() if implementation == "libxcrypt" else bcrypt.hashpw
    assert make
    salt = bcrypt.gensalt(COST)
    before = time.process_time()
    for _ in range(count):
        make(PASSWORD.encode(), salt)
    sys.stdout.write(str((time.process_time() - before) / count * 1000))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
