"""Where SQLite's file lies, before it is opened: opening makes an empty one where there is none."""

import stat
import sys
from pathlib import Path

from keyturn.database.urls import read_url

_MOUNTS = Path("/proc/self/mounts")

_NETWORK = frozenset(["9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb3", "smbfs"])
"""File systems that several machines share; the write-ahead log needs memory that all of its users share
(https://sqlite.org/wal.html)."""


def absolute(file: str) -> str:
    return str(Path(file).absolute())


def exists(file: str) -> bool:
    return Path(file).exists()


def missing(address: str) -> str:
    """Return the whole path of the file that the address of a database names, and that is not there; else ""."""
    url = read_url(address, "database.url").url
    file = absolute(str(url.database)) if url.get_backend_name() == "sqlite" and url.database else ""
    return file if file and not exists(file) else ""


def readable_by_others(file: str) -> bool:
    """Tell whether the file, in a folder that they can enter, is open to those who are neither its owner nor group.

    Windows keeps that elsewhere: there a mode says nothing.
    """
    path = Path(file)
    return sys.platform != "win32" and all(
        status.st_mode & bit for status, bit in ((path.stat(), stat.S_IROTH), (path.parent.stat(), stat.S_IXOTH))
    )


def network(file: str) -> str:
    """Return the type of the network file system that the file is on; "" where it is on none, or nobody can tell."""
    mounts = _MOUNTS.read_text("utf-8", "replace") if _MOUNTS.exists() else ""
    kind = file_system(Path(file).resolve(), mounts)
    return kind if kind in _NETWORK else ""


def file_system(file: Path, mounts: str) -> str:
    """Return the type of the file system that holds an absolute path; `mounts` is as in fstab(5)."""
    fields = [line.split() for line in mounts.splitlines()]
    points = [(point.replace("\\040", " "), kind) for _, point, kind, *_ in fields]
    holding = [mount for mount in points if file.is_relative_to(mount[0])]
    return max(holding, key=lambda mount: len(mount[0]), default=("", ""))[1]
