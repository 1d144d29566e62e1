"""Programs that a machine may lack: looked for in one place, and missed in one way."""

import os
import shutil

import pytest

PATH = os.environ.get("TEST_PROGRAMS") or os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
"""A server of Debian's lies where the shell of an ordinary user does not look. TEST_PROGRAMS is a path instead of it:
that of an empty folder shows what happens on a machine that has none of them."""


def require_program(name: str, package: str) -> str:
    """Return where the program is. Without it the test is skipped, and in CI, which installs it, fails."""
    if found := shutil.which(name, path=PATH):
        return found
    message = f"no {name} on this machine: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
