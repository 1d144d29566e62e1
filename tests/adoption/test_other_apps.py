"""Apps or databases for which docs/guides has no page adopt Keyturn by `keyturn init` alone.

`init` recognises their tables and columns, and a reset writes what the app's own code reads.
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.adoption.story import Stack, tell_story
from tests.databases import PostgresServer
from tests.mariadb_server import MariadbServer
from tests.postgresql_with_tls import TlsServer
from tests.programs import leave_out, missing

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
            forgot="/forgot",
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
    assert written["hashing"] == {"prefix": "$2y$", "cost": 10}


def test_express_with_a_file_of_prisma_s_signs_in_with_the_new_password(node: str, tmp_path: Path) -> None:
    tell_story(
        Stack(
            name="prisma",
            starts=(node, "app.js"),
            sign_in="/login",
            forgot="/forgot",
            environment={"DATABASE_URL": "file:./dev.db"},
            database="${DATABASE_URL}",
        ),
        tmp_path,
    )

    written = settings_in(tmp_path)
    assert written["accounts"]["table"] == {
        "url": "${DATABASE_URL}",
        "table": "User",
        "id": "id",
        "email": "email",
        "password": "passwordHash",
        "name": "displayName",
        "delete": ["Session.userId"],
        "set": {"mustChangePassword": False, "passwordChangedAt": "{now}"},
    }
    assert written["hashing"] == {"prefix": "$2b$", "cost": 10}
    (must, changed, kind) = only_row(
        tmp_path / "prisma" / "dev.db",
        'SELECT "mustChangePassword", "passwordChangedAt", typeof("passwordChangedAt") FROM "User"',
    )
    assert (must, kind) == (0, "integer")
    assert time.time() - 300 < changed / 1000 <= time.time(), "Prisma stores times as milliseconds"


def test_a_table_with_german_names_gets_the_new_password(tmp_path: Path) -> None:
    tell_story(
        Stack(
            name="german",
            starts=(sys.executable, "app.py"),
            sign_in="/login",
            forgot="/forgot",
            database="sqlite:///schule.db",
        ),
        tmp_path,
    )

    written = settings_in(tmp_path)
    assert written["accounts"]["table"] == {
        "url": "sqlite:///schule.db",
        "table": "benutzer",
        "id": "nr",
        "email": "login_mail",
        "password": "kennwort_hash",
        "name": "vorname",
        "active": "not gesperrt",
        "delete": ["sitzungen.benutzer_nr"],
        "set": {"muss_kennwort_aendern": False, "kennwort_geaendert_am": "{now}"},
    }
    assert written["hashing"] == {"format": "argon2id"}
    (must, changed) = only_row(
        tmp_path / "schule.db", "SELECT muss_kennwort_aendern, kennwort_geaendert_am FROM benutzer"
    )
    assert must == 0
    at = datetime.strptime(changed, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert timedelta() <= datetime.now(UTC) - at < timedelta(minutes=5), "it is written as the column had it"


async def test_django_on_postgresql_with_tls_signs_in_with_the_new_password(
    postgresql_with_tls: TlsServer, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(postgresql_with_tls.address(), ssl=False)
    await connection.execute("CREATE DATABASE adopted")
    await connection.close()
    url = (
        f"{postgresql_with_tls.address(database='adopted')}?sslmode=verify-full&sslrootcert={postgresql_with_tls.root}"
    )
    await asyncio.to_thread(
        tell_story,
        Stack(
            name="django",
            starts=(sys.executable, "app.py"),
            sign_in="/accounts/login/",
            forgot="/accounts/password_reset/",
            environment={"DATABASE_URL": url},
            database="${DATABASE_URL}",
        ),
        tmp_path,
    )

    written = settings_in(tmp_path)
    assert written["database"]["url"] == "${DATABASE_URL}"
    assert written["accounts"]["table"]["table"] == "auth_user"


def test_fastapi_with_asyncpg_and_a_schema_signs_in_with_the_new_password(
    postgresql: PostgresServer, tmp_path: Path
) -> None:
    url = postgresql.empty()
    scheme, _, place = url.partition("://")
    assert scheme == "postgresql"
    tell_story(
        Stack(
            name="fastapi",
            starts=(sys.executable, "app.py"),
            sign_in="/login",
            forgot="/forgot",
            environment={"APP_SECRET": "own", "DATABASE_URL": f"postgresql+asyncpg://{place}"},
            database="${DATABASE_URL}",
        ),
        tmp_path,
    )
    postgresql.drop(url)

    written = settings_in(tmp_path)
    assert written["database"]["url"] == "${DATABASE_URL}"
    assert written["accounts"]["table"]["table"] == "shop.users"
    assert written["hashing"]["format"] == "argon2id"


def settings_in(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "keyturn.toml").read_text("utf-8"))


def only_row(file: Path, statement: str) -> tuple[Any, ...]:
    with closing(sqlite3.connect(file)) as database:
        (row,) = database.execute(statement)
        return tuple(row)
