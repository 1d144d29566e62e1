"""The room rule, proven: without a room's files and its line in rooms.py, the specification of all else holds.

Challenge, code, second step, securing, inviting and webhooks cannot be taken out yet: `Parts` builds them by name.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.house.weight import CHECKOUT

pytestmark = [pytest.mark.nightly, pytest.mark.long, pytest.mark.timeout(3600)]


class Room(NamedTuple):
    """A room's files below src/keyturn/service, its name in rooms.py, and how pytest leaves out its own tests."""

    files: tuple[str, ...]
    line: str = ""
    without: tuple[str, ...] = ()


SPEC = "tests/spec"
ROOMS = {
    "breach check": Room(
        ("reset/passwords/breaches.py",),
        "breaches",
        (
            *(f"--ignore={SPEC}/links/test_{name}_passwords.py" for name in ("breached", "judged")),
            "-k",
            "not sent_twice",
        ),
    ),
    "LDAP": Room(("accounts/ldap",)),
    "SMS": Room(
        ("reset/proofs/second_step/sms.py",),
        without=(
            f"--ignore={SPEC}/links/test_factor_additions.py",
            *("-k", "not by_message and not more_messages and not so_many_messages"),
        ),
    ),
    "Supabase": Room(("accounts/supabase.py", "reset/proofs/second_step/supabase.py")),
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

    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", SPEC, *room.without],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-5_000:]
    assert re.search(r"\d{3,} passed", told.stdout)
