"""Finds the folder for what Keyturn keeps between two runs and can make again."""

import os
import stat
import sys
from pathlib import Path

from keyturn.plain_files import make_private_folder


def cache_folder(purpose: str) -> Path:
    """Return the folder for a purpose in the user's cache folder, which may be missing.

    By the XDG Base Directory Specification; `%LOCALAPPDATA%` on Windows, `~/Library/Caches` on macOS.
    """
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        configured = os.environ.get("XDG_CACHE_HOME", "")
        caches = Path(configured) if Path(configured).is_absolute() else Path.home() / ".cache"
    return caches / "keyturn" / purpose


def own_cache_folder(purpose: str) -> Path | None:
    """Return the folder, made if it was missing; None unless this user alone can write to it.

    It is for bytecode: what others wrote there would run as this user (CWE-502).
    """
    folder = cache_folder(purpose)
    try:
        make_private_folder(folder)
        status = folder.lstat()
    except OSError:
        return None
    if not hasattr(os, "getuid"):  # on Windows the folder is below the user's own, which is closed to others
        return folder
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
    return folder if is_own else None
