"""Apps or databases for which docs/guides has no page adopt Keyturn by `keyturn init` alone.

`init` recognises their tables and columns, and a reset writes what the app's own code reads.
"""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.processes.adoption.story import Stack, tell_story
from tests.programs import leave_out, missing
from tests.servers.mariadb import MariadbServer

pytestmark = pytest.mark.long


def test_php_on_mariadb_signs_in_with_the_new_password(php: str, mariadb: MariadbServer, tmp_path: Path) -> None:
    if "pdo_mysql" not in subprocess.run([php, "-m"], capture_output=True, text=True, check=True).stdout:
        leave_out(missing("PHP's pdo_mysql", "php-mysql"))
    url = mariadb.empty()
    tell_story(
        Stack(
            name="php",
            starts=("sh", "app.sh"),
            sign_in="/login",
            environment={"PHP": php, "DATABASE_URL": url},
            database="${DATABASE_URL}",
            says="Development Server",
        ),
        tmp_path,
    )
    mariadb.drop(url)

    written = settings_in(tmp_path)
    assert written["accounts"]["table"] == {
        "url": "${DATABASE_URL}",
        "table": "members",
        "id": "id",
        "email": "mail",
        "password": "pw",
        "name": "display_name",
        "active": "not status = banned",
        "delete": ["sessions.member_id"],
        "set": {"pw_changed": "{now}", "must_change_pw": False},
    }
    assert written["hashing"] == {"format": "php", "cost": 10}


def settings_in(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "keyturn.toml").read_text("utf-8"))
