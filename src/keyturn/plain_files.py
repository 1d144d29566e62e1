"""Reads files of untrusted folders in bounded time and memory, and replaces files atomically."""

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

LARGEST = 64_000_000
"""Bytes read from a file, unless the caller sets another limit."""

DEEPEST = 64
"""Levels of folders that are walked. Deeper ones would exceed Python's recursion limit."""


def read_plain_file(file: str | Path, most: int = LARGEST) -> bytes:
    """Return the content of a file.

    Raises OSError, also if it is not a plain file or is larger than `most`.

    Opening a FIFO waits for a writer, perhaps forever, and a device may have no end (CWE-67). A
    file in /proc may be longer than its size says. So the kind is checked before and after opening,
    and reading stops after `most` bytes.
    """
    # Before opening, because opening a device may already do something.
    _require_plain(Path(file).stat(), file)
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        # After opening, because the path may lead to another file by now.
        status = os.fstat(handle)
        _require_plain(status, file)
        if status.st_size > most:
            raise _too_long(file, most)
        content = _read_up_to(handle, most + 1, status.st_size)
    finally:
        os.close(handle)
    if len(content) > most:
        raise _too_long(file, most)
    return content


def _too_long(file: str | Path, most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {most / 1_000_000:g} MB", os.fspath(file))


def _read_up_to(handle: int, most: int, size: int) -> bytes:
    """Return the content of an open file, `most` bytes of a longer one.

    `size`: what the system says; a file of that size takes a single call.
    """
    content = os.read(handle, size + 1)
    while len(content) not in (size, most):
        more = os.read(handle, most - len(content))
        if not more:
            break
        content += more
    return content


def read_plain_text(
    file: str | Path, most: int = LARGEST, *, encoding: str = "utf-8", errors: str = "strict"
) -> str:
    """Return the text of a file with universal newlines. Raises OSError and UnicodeDecodeError."""
    text = read_plain_file(file, most).decode(encoding, errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def walk(folder: str | Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield what `os.walk` yields, at most DEEPEST folders deep."""
    top = os.fspath(folder)
    for above, below, names in os.walk(top):
        if above[len(top) :].count(os.sep) >= DEEPEST:
            below.clear()
        yield above, below, names


def paths_below(folder: Path) -> Iterator[Path]:
    """Yield the paths of all entries in and below a folder that are not folders."""
    for above, _, names in walk(folder):
        for name in names:
            yield Path(above, name)


def printable_name(name: str) -> str:
    r"""Return a file name in printable form: bytes that are not UTF-8 become `\xe9`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def has_printable_name(name: str) -> bool:
    """Tell whether a file name is UTF-8. Python keeps other bytes as lone surrogates (PEP 383)."""
    return name.isascii() or not any("\udc80" <= character <= "\udcff" for character in name)


def leads_out(path: str | Path, bounds: Path | None) -> bool:
    """Tell whether a path leads out of the bounds, if any, or into a repository's `.git`, which may
    hold tokens.
    """
    if bounds is None:
        return False
    try:
        real = Path(os.path.realpath(path))
    except ValueError:  # a name with a NUL byte, which is invalid in file names
        return True
    return not real.is_relative_to(bounds) or ".git" in real.relative_to(bounds).parts


def _require_plain(status: os.stat_result, file: str | Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(file))
    if not stat.S_ISREG(status.st_mode):
        reason = "it is not a regular file, but a pipe, a socket or a device"
        raise OSError(errno.EINVAL, reason, os.fspath(file))


def user_cache_folder(purpose: str) -> Path:
    """Return our folder for a purpose in the user's cache folder (XDG Base Directory
    Specification).
    """
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not caches.is_absolute():
            caches = Path.home() / ".cache"
    return caches / "keyturn" / purpose


def make_private_folder(folder: Path) -> Path:
    """Make the folder and its missing parents (0700). Raises OSError."""
    missing = []
    for above in (folder, *folder.parents):
        if above.exists():
            break
        missing.append(above)
    for above in reversed(missing):
        above.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file")
    return folder


def make_private_file(file: Path, content: bytes = b"", *, sync: bool = False) -> None:
    """Make the file (0600 from its first moment). Raises OSError; FileExistsError if it exists.

    `sync`: wait until the content is on the disk.
    """
    handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        if sync:
            opened.flush()
            os.fsync(handle)


def add_private_file(file: Path, content: bytes) -> None:
    """Make the file (0600) and its missing folders, so that it is whole from its first moment.

    Raises OSError.
    """
    make_private_folder(file.parent)
    _write_whole(file, content, sync=False)


def replace_file(file: Path, content: bytes) -> None:
    """Replace a file atomically, with the permissions of the old one. Raises OSError."""
    permissions = 0o644
    if file.exists():
        permissions = file.stat().st_mode & 0o7777
    _write_whole(file, content, permissions=permissions, sync=True)


def _write_whole(file: Path, content: bytes, *, permissions: int | None = None, sync: bool) -> None:
    """Write a file beside it first, and rename that one, which is atomic (POSIX rename).

    `permissions`: None for those of a private file, without a call of chmod: some mounts refuse it.
    `sync`: a power cut leaves either the old content or the new one, and never an empty file.
    """
    half = file.with_name(f".{secrets.token_hex(8)}.half")
    try:
        make_private_file(half, content, sync=sync)
        if permissions is not None:
            half.chmod(permissions)
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
