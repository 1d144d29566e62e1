"""The files of this repository, as git tracks them."""

import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def files_of(place: str, ending: str = "") -> list[Path]:
    """Return the tracked files of a folder with all below it, of a file, or the files that
    `FOLDER/*` names.
    """
    command = ["git", "ls-files", "-z", f":(glob){place}" if "*" in place else place]
    listed = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [
        CHECKOUT / name for name in listed if name.endswith(ending) and (CHECKOUT / name).is_file()
    ]
