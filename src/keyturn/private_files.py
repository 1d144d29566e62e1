"""Folders and files of the settings, readable by their owner alone: they hold working links and hashes.

Existing ones keep their permissions, which may be deliberate.
"""

import os
from itertools import takewhile
from pathlib import Path


def make_private_folder(folder: Path) -> Path:
    """Make the folder and its missing parents (0700). Raises OSError."""
    missing = takewhile(lambda above: not above.exists(), (folder, *folder.parents))
    for above in reversed(list(missing)):
        above.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file")
    return folder


def make_private_file(file: Path, content: bytes = b"") -> None:
    """Make the file (0600 from its first moment). Raises OSError; FileExistsError if it exists."""
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as opened:
        opened.write(content)
