"""Programs that the tests of deploy/ need."""

import subprocess

import pytest
from tests.programs import leave_out, require_program


@pytest.fixture(scope="session")
def bwrap() -> str:
    program = require_program("bwrap", "bubblewrap")
    require_program("systemd-analyze", "systemd")  # it knows the groups of system calls
    tried = subprocess.run(
        [program, "--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return program if tried.returncode == 0 else leave_out(f"bwrap does not work here: {tried.stderr.strip()}")


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Return the program's path. Its package also has promtool."""
    return require_program("prometheus", "prometheus")


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    return require_program("systemd-analyze", "systemd")
