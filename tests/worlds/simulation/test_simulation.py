"""Worlds that a seed decides: they keep every promise, tell the same story twice, and miss a
safeguard.
"""

import os
import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def simulate(*flags: str) -> tuple[int, str]:
    """Return the exit code and the output of `just simulate`, without the time that it took."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.worlds.simulation", *flags],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return run.returncode, re.sub(r", in \d+ s\.\n$", "", run.stdout)


def test_worlds_keep_every_promise() -> None:
    """`just nightly` runs ten thousand, and takes out every safeguard."""
    status, told = simulate("--seeds", "40")
    assert status == 0, told
    assert told.startswith("40 worlds, "), told


def test_a_seed_tells_the_same_story_byte_by_byte() -> None:
    first, second = simulate("--seed", "3"), simulate("--seed", "3")
    assert first == second
    assert "Seed 3" in first[1]
    assert "is killed" in first[1]


def test_a_world_without_guarded_updates_breaks_a_promise_and_says_which() -> None:
    status, told = simulate("--seeds", "10", "--without", "used-links")
    assert status == 1
    assert "no link works twice: link used" in told
