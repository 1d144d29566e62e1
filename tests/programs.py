"""Finds the machine's programs that tests need and no Python package includes.

`PROGRAMS_PATH` replaces `PATH` in this search. If it is empty, the search finds no program.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

MARKED = (
    "browser",
    "bwrap",
    "caddy",
    "mariadb",
    "nginx",
    "node",
    "php",
    "postgresql_with_tls",
    "prometheus",
    "replicated_postgresql",
    "samba",
    "slapd",
    "systemd_analyze",
)
"""Fixtures of such programs. Each gives its tests a mark of the same name."""


def require_program(name: str, package: str) -> str:
    """Return the path of a program. If it is missing, skip the test, or fail it in CI."""
    found = shutil.which(name, path=search_path())
    return found or leave_out(missing(name, package))


def leave_out(reason: str) -> NoReturn:
    """Skip the current test, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def missing(name: str, package: str) -> str:
    return f"there is no {name} here: apt-get install {package}"


def search_path() -> str:
    """Return the folders to search.

    Debian installs servers in folders outside an ordinary user's `PATH`.
    """
    servers = sorted(str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin"))
    usual = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", *servers])
    return os.environ.get("PROGRAMS_PATH", usual)
