"""Units of deploy/systemd, and commands under bwrap as in a unit or container: no systemd runs
where tests run.
"""

import ctypes
import errno
import mmap
import os
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from tests.servers.processes import Running, output_of

CHECKOUT = Path(__file__).parents[3]
DEPLOY = CHECKOUT / "deploy"
UNITS = DEPLOY / "systemd"
NAMES = ("keyturn.service", "keyturn-worker.service")


class Unit:
    """The section [Service] of a hardened unit and of `added`, as in systemd.unit(5): an empty
    value removes others.
    """

    def __init__(self, name: str, added: str = "") -> None:
        self._values: dict[str, list[str]] = {}
        for file in (name, "hardened.conf"):
            self._read((UNITS / file).read_text("utf-8"))
        self._read(f"[Service]\n{added}")

    def _read(self, text: str) -> None:
        section = ""
        for line in text.splitlines():
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self._values[key] = [*self._values.get(key, []), value] if value else []

    def all(self, key: str) -> list[str]:
        return self._values.get(key, [])

    def one(self, key: str) -> str:
        return next(reversed(self.all(key)), "")


# Filters of system calls for `bwrap --add-seccomp-fd`, as systemd makes them of a unit, with
# libseccomp as well

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EQUAL, _MASKED_EQUAL = 4, 7
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
_LAST_FAMILY = 46
_SHM_EXEC = 0o100000


class _Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp` (seccomp.h)."""

    _fields_ = [
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        *((name, ctypes.c_uint64) for name in ("a", "b")),
    ]


class _Filter:
    """A filter with a default action and rules.

    Unknown names of calls are left out, as systemd does.
    """

    def __init__(self, default: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(default)))

    def rule(self, call: str, action: int, *comparisons: _Comparison) -> None:
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return
        rows = (_Comparison * len(comparisons))(*comparisons)
        failed = self._library.seccomp_rule_add_array(
            self._context,
            ctypes.c_uint32(action),
            ctypes.c_int(number),
            ctypes.c_uint(len(comparisons)),
            rows,
        )
        assert not failed, (call, failed)

    def write(self, file: Path) -> Path:
        with file.open("wb") as opened:
            assert not self._library.seccomp_export_bpf(
                self._context, ctypes.c_int(opened.fileno())
            )
        self._library.seccomp_release(self._context)
        return file


def write_filters(unit: Unit, folder: Path) -> list[Path]:
    """Write one file for each filter of the unit.

    The list of allowed calls is last, because bwrap obeys it at once.
    """
    filters = []
    if unit.one("MemoryDenyWriteExecute") == "yes":
        filters.append(_no_new_code().write(folder / "memory.bpf"))
    if families := unit.one("RestrictAddressFamilies"):
        filters.append(_families(families.split()).write(folder / "families.bpf"))
    if unit.all("SystemCallFilter"):
        number = getattr(errno, unit.one("SystemCallErrorNumber"))
        calls = _Filter(_ERRNO | number)
        for name in allowed_calls(unit):
            calls.rule(name, _ALLOW)
        filters.append(calls.write(folder / "calls.bpf"))
    return filters


def allowed_calls(unit: Unit) -> set[str]:
    allowed: set[str] = set()
    for line in unit.all("SystemCallFilter"):
        named = {call for word in line.removeprefix("~").split() for call in _expanded(word)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def _expanded(word: str) -> Iterator[str]:
    """Yield the calls of a group such as `@system-service`, which this machine's systemd knows."""
    if not word.startswith("@"):
        yield word
        return
    for line in output_of(["systemd-analyze", "--no-pager", "syscall-filter", word]).splitlines()[
        1:
    ]:
        if not line.strip().startswith("#"):
            yield from _expanded(line.strip())


def _no_new_code() -> _Filter:
    made, denied = _Filter(_ALLOW), _ERRNO | errno.EPERM
    both = mmap.PROT_WRITE | mmap.PROT_EXEC
    made.rule("mmap", denied, _Comparison(2, _MASKED_EQUAL, both, both))
    for call in ("mprotect", "pkey_mprotect"):
        made.rule(call, denied, _Comparison(2, _MASKED_EQUAL, mmap.PROT_EXEC, mmap.PROT_EXEC))
    made.rule("shmat", denied, _Comparison(2, _MASKED_EQUAL, _SHM_EXEC, _SHM_EXEC))
    return made


def _families(allowed: Iterable[str]) -> _Filter:
    made, numbers = _Filter(_ALLOW), {_FAMILIES[name] for name in allowed}
    for family in set(range(_LAST_FAMILY)) - numbers:
        made.rule("socket", _ERRNO | errno.EAFNOSUPPORT, _Comparison(0, _EQUAL, family, 0))
    return made


UNKNOWN_USER = "54321"
_FIRST_FILE = 3
"""Number of the first open file that holds a filter."""


def isolated(
    variables: Mapping[str, str], mounts: Mapping[str, str], folder: str, state: Path | None
) -> Iterator[str]:
    """Yield bwrap's options for a command of `/opt/keyturn` by an unknown user without
    capabilities.

    The root is read-only, homes and /tmp are empty. `mounts`: files to read, with their places.
    `folder`: where it works, which is read-only unless `state` is behind it.
    """
    yield from (
        "--die-with-parent",
        "--new-session",
        "--unshare-all",
        "--share-net",
        "--cap-drop",
        "ALL",
    )
    yield from (
        "--uid",
        UNKNOWN_USER,
        "--gid",
        UNKNOWN_USER,
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
    )
    homes = [home for home in ("/home", "/root") if Path(home).is_dir()]
    for empty in ("/tmp", "/var/tmp", "/run", "/var/lib", *homes):  # noqa: S108 - in the sandbox
        yield from ("--tmpfs", empty)
    # What an operator installs: the program, the settings, the state. Python and the checkout may
    # be below /home.
    for place in (Path(sys.base_prefix), CHECKOUT):
        yield from ("--ro-bind", str(place), str(place))
    yield from ("--tmpfs", "/opt", "--ro-bind", sys.prefix, "/opt/keyturn", "--tmpfs", "/etc")
    for entry in sorted(Path("/etc").iterdir()):
        if entry.exists():
            yield from ("--ro-bind", str(entry), str(entry))
    yield from ("--bind", str(state), folder) if state else ("--dir", folder)
    for here, there in mounts.items():
        yield from ("--ro-bind", here, there)
    for read in ("/opt", "/etc", "/run", "/var/lib", *homes):
        yield from ("--remount-ro", read)
    yield from ("--chdir", folder, "--clearenv")
    for name, value in {"PATH": os.defpath, "LANG": "C.UTF-8", **variables}.items():
        yield from ("--setenv", name, value)


def child_of(process: int) -> int:
    (child,) = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    return int(child)


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A machine as a unit's process sees it.

    `settings`: keyturn.toml. `secrets`: the variables of EnvironmentFile.
    """

    bwrap: str
    unit: Unit
    folder: Path
    state: Path
    settings: Path
    secrets: Mapping[str, str]

    def words(self, command: Sequence[str]) -> list[str]:
        """Return the words that run a command as the unit does, with 1024 open files, as systemd
        starts it.
        """
        self.folder.mkdir(exist_ok=True)
        filters = list(enumerate(write_filters(self.unit, self.folder), _FIRST_FILE))
        opened = " ".join(f"{number}<{shlex.quote(str(file))}" for number, file in filters)
        script = f'ulimit -S -n 1024; exec {opened}; exec "$@"'
        seccomp = [word for number, _ in filters for word in ("--add-seccomp-fd", str(number))]
        folder = self.unit.one("WorkingDirectory").replace("%S", "/var/lib")
        assert folder == f"/var/lib/{self.unit.one('StateDirectory')}"
        variables = dict(line.split("=", 1) for line in self.unit.all("Environment"))
        options = isolated(
            {**variables, **self.secrets},
            {str(self.settings): "/etc/keyturn/keyturn.toml"},
            folder,
            self.state,
        )
        return ["sh", "-c", script, "sh", self.bwrap, *options, *seccomp, "--", *command]


def stop(running: Running) -> int:
    """Stop a unit's command as systemd does, with SIGTERM to its main process, and return its exit
    code.
    """
    os.kill(child_of(child_of(running.process.pid)), signal.SIGTERM)
    return running.process.wait(30)
