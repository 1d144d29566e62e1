"""Filters of system calls for `bwrap --add-seccomp-fd`, as systemd makes them of a unit, with libseccomp as well."""

import ctypes
import errno
import mmap
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.processes.deploy.units import Unit

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EQUAL, _MASKED_EQUAL = 4, 7
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
_LAST_FAMILY = 46
_SHM_EXEC = 0o100000


class _Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp` (seccomp.h)."""

    _fields_ = [
        *(("argument", ctypes.c_uint), ("operator", ctypes.c_int)),
        *(("first", ctypes.c_uint64), ("second", ctypes.c_uint64)),
    ]


class _Filter:
    """A filter with a default action and rules. Unknown names of calls are left out, as systemd does."""

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
            self._context, ctypes.c_uint32(action), ctypes.c_int(number), ctypes.c_uint(len(comparisons)), rows
        )
        assert not failed, (call, failed)

    def write(self, file: Path) -> Path:
        with file.open("wb") as opened:
            assert not self._library.seccomp_export_bpf(self._context, ctypes.c_int(opened.fileno()))
        self._library.seccomp_release(self._context)
        return file


def write_filters(unit: Unit, folder: Path) -> list[Path]:
    """Write one file for each filter of the unit. The list of allowed calls is last, because bwrap obeys it at once."""
    filters = []
    if unit.has("MemoryDenyWriteExecute"):
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
    listed = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", word], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines()[1:]:
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
