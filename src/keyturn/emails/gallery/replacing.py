"""A file written so that whoever reads it meanwhile finds the old one or the new one, and nothing between."""

import os
import tempfile
from pathlib import Path


def replace_file(file: Path, content: bytes) -> None:
    """Write a file, readable by whoever could read the one that it replaces (POSIX rename). Raises OSError."""
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
