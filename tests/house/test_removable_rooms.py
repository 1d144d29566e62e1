"""The room rule, proven: without a room's files and its lines in rooms.py, the specification of all else holds.

A test that turns the room on or calls it is told that this copy has none: it is skipped. All of them can be taken out.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.house.checkout import CHECKOUT

pytestmark = [pytest.mark.nightly, pytest.mark.long, pytest.mark.timeout(3600)]


class Room(NamedTuple):
    """A room's files below src/keyturn/service, its name in rooms.py, and how pytest leaves out its own tests."""

    files: tuple[str, ...]
    line: str = ""
    without: tuple[str, ...] = ()


SKIPPING = """
import pytest
from keyturn.errors import KeyturnError

@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    try:
        return (yield)
    except KeyturnError as refused:
        if "this copy of Keyturn has no" in str(refused):
            pytest.skip(str(refused))
        raise

pytest_runtest_call = pytest_runtest_setup
"""

LINKS = "tests/spec/links"
ROOMS = {
    "breach check": Room(("reset/passwords/breaches.py",), "breaches"),
    "challenge": Room(("reset/proofs/challenge.py",), "challenge"),
    "code": Room(("reset/proofs/codes.py",), "codes"),
    "inviting": Room(("inviting",), "inviting"),
    "LDAP": Room(("accounts/ldap",)),
    "second step": Room(("reset/proofs/second_step",), "second_step"),
    "securing": Room(
        ("securing",),
        "securing",
        (
            *(f"--ignore={LINKS}/test_{name}.py" for name in ("securing", "factor_additions")),
            *("-k", "not malformed_token and not safeguards_of_an_account and not press_ends"),
        ),
    ),
    "SMS": Room(
        ("reset/proofs/second_step/sms.py",),
        without=(
            f"--ignore={LINKS}/test_factor_additions.py",
            *("-k", "not by_message and not more_messages and not so_many_messages"),
        ),
    ),
    "Supabase": Room(("accounts/supabase.py", "reset/proofs/second_step/supabase.py")),
    "webhooks": Room(("webhooks",), "webhooks"),
}


@pytest.mark.parametrize("name", ROOMS)
def test_without_a_room_the_rest_of_the_specification_holds(name: str, tmp_path: Path) -> None:
    room, service = ROOMS[name], tmp_path / "src/keyturn/service"
    for part in ("email_templates", "frontend", "migrations", "pyproject.toml"):
        (tmp_path / part).symlink_to(CHECKOUT / part)
    shutil.copytree(CHECKOUT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for file in room.files:
        place = service / file
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    if room.line:
        rooms = service / "rooms.py"
        kept = [line for line in rooms.read_text("utf-8").splitlines(keepends=True) if room.line not in line]
        rooms.write_text("".join(kept), "utf-8")
    (tmp_path / "without_a_room.py").write_text(SKIPPING, "utf-8")

    options = ("-n", "0", "-p", "no:cacheprovider", "-p", "without_a_room", "tests/spec", *room.without)
    told = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'src'}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-5_000:]
    assert re.search(r"\d{3,} passed", told.stdout)
