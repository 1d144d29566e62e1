"""The tests of `just newest` and `just oldest`: their own list with any flags, or the given paths."""

import os
import subprocess
import sys

import pytest
from tests.versions import CHECKOUT, OPTIONS, TESTS

pytestmark = pytest.mark.long

ONE = "tests/mail/providers/test_smtp.py"


@pytest.mark.parametrize(
    ("given", "files"),
    [
        (["-k", "test_smtp or test_migrate"], {ONE, "tests/cli/test_migrate.py", "tests/emails/inbox/test_smtp.py"}),
        (["tests/test_packaging.py"], {"tests/test_packaging.py"}),
    ],
    ids=["flags are added", "paths replace"],
)
def test_flags_are_added_and_paths_replace(given: list[str], files: set[str]) -> None:
    assert collected(given) == files


def collected(given: list[str]) -> set[str]:
    command = [sys.executable, "-m", "pytest", *OPTIONS, *given, "-n", "0", "--collect-only"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    found = subprocess.run(command, cwd=CHECKOUT, env=environment, check=True, capture_output=True, text=True)
    return {line.partition("::")[0] for line in found.stdout.splitlines() if "::" in line}


def test_every_file_that_is_named_is_there() -> None:
    assert [path for path in TESTS if not (CHECKOUT / path).exists()] == []
