"""Folders and files that settings name, made for their owner alone: links that work lie in them, and hashes.

What is there already keeps its rights, which somebody may have meant so.
"""

import os
from itertools import takewhile
from pathlib import Path


def make_private_folder(folder: Path) -> Path:
    """Make the folder, and those above it that are missing (0700). Raises OSError."""
    missing = takewhile(lambda above: not above.exists(), (folder, *folder.parents))
    for above in reversed(list(missing)):
        above.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file")
    return folder


def make_private_file(file: Path, content: bytes = b"") -> None:
    """Make the file (0600 from its first moment). Raises OSError; FileExistsError where it is there."""
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as opened:
        opened.write(content)
