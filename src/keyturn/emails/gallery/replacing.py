"""Atomic replacement of files."""

import os
import tempfile
from pathlib import Path


def replace_file(file: Path, content: bytes) -> None:
    """Replace a file atomically (POSIX rename), with the permissions of the old one. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=f".half{file.suffix}", dir=file.parent)
    half = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        half.chmod(file.stat().st_mode & 0o7777 if file.exists() else 0o644)
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
