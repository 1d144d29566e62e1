"""Programs that the tests of deploy/ need."""

import pytest
from tests.programs import leave_out, require_program
from tests.servers.processes import run


@pytest.fixture(scope="session")
def bwrap() -> str:
    program = require_program("bwrap", "bubblewrap")
    require_program("systemd-analyze", "systemd")  # it knows the groups of system calls
    tried = run([program, "--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "true"])
    return (
        program
        if tried.returncode == 0
        else leave_out(f"bwrap does not work here: {tried.stderr.strip()}")
    )


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Return the path of promtool, which is in the package of Prometheus."""
    return require_program("promtool", "prometheus")


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    return require_program("systemd-analyze", "systemd")
