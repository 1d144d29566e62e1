"""Finds the folder for what Keyturn keeps between two runs and can make again."""

import os
import sys
from pathlib import Path


def cache_folder(purpose: str) -> Path:
    """Return the folder for a purpose in the user's cache folder (XDG Base Directory Specification)."""
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        configured = os.environ.get("XDG_CACHE_HOME", "")
        caches = Path(configured) if Path(configured).is_absolute() else Path.home() / ".cache"
    return caches / "keyturn" / purpose
