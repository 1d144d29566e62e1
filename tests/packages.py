"""What an app of a test needs that Keyturn does not, from npm or PyPI: installed once, and kept in
a cache.

It is no part of the project's own environment, where pydantic would change how Litestar starts and
what it knows.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.programs import leave_out, require_program

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keyturn-tests"
_NPM = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0")
_PATIENCE = 180
"""Seconds for an installation."""


def install_packages(app: Path) -> dict[str, str]:
    """Make the packages found that the app's manifest names; return the variables that it must be
    run with.

    Skips the test where the registry cannot be reached, and fails it in CI.
    """
    if (app / "package.json").exists():
        npm = [require_program("npm", "npm"), "install", *_NPM]
        (app / "node_modules").symlink_to(_cached(app / "package.json", npm) / "node_modules")
    if (app / "requirements.txt").exists():
        uv = shutil.which(os.environ.get("UV", "uv")) or leave_out(
            "there is no uv here, which installs packages"
        )
        pip = [
            uv,
            "pip",
            "install",
            "--python",
            sys.executable,
            "--target",
            ".",
            "-r",
            "requirements.txt",
        ]
        return {"PYTHONPATH": str(_cached(app / "requirements.txt", pip))}
    return {}


def _cached(manifest: Path, command: Sequence[str]) -> Path:
    """Return the folder in which the command has installed what the manifest names."""
    digest = hashlib.sha256(manifest.read_bytes() + sys.version.encode()).hexdigest()
    folder = _CACHE / digest[:16]
    if folder.exists():
        return folder
    _CACHE.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=_CACHE) as making:
        inside = Path(making) / "inside"
        inside.mkdir()
        shutil.copy(manifest, inside)
        try:
            done = subprocess.run(
                command, cwd=inside, check=False, capture_output=True, text=True, timeout=_PATIENCE
            )
        except subprocess.TimeoutExpired:
            leave_out(f"{Path(command[0]).name} installed nothing within {_PATIENCE} seconds")
        if done.returncode:
            leave_out(
                f"{Path(command[0]).name} could not install the packages of an app: is its "
                "registry in reach?"
            )
        with suppress(OSError):  # another process was quicker
            inside.rename(folder)
    return folder
