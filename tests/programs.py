"""Programs of the machine that tests want and that no Python package brings: they are looked for here alone.

`PROGRAMS_PATH` takes the place of `PATH` in that search; empty, it hides all of them.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def require_program(name: str, package: str) -> str:
    """Return the path of a program; where there is none the test is skipped, but fails in CI."""
    found = shutil.which(name, path=search_path())
    return found or leave_out(missing(name, package))


def leave_out(reason: str) -> NoReturn:
    """Skip the test that wants what is not here, but fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def missing(name: str, package: str) -> str:
    return f"there is no {name} here: apt-get install {package}"


def search_path() -> str:
    """Return the folders to search: a server of Debian's lies where the shell of an ordinary user does not look."""
    servers = sorted(str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin"))
    usual = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", *servers])
    return os.environ.get("PROGRAMS_PATH", usual)
