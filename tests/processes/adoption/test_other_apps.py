"""Apps that are not run here by a guide: by `keyturn init` alone, by the commands of a guide, or at
Supabase Auth.
"""

import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import bcrypt
import httpx2
import pytest
from msgspec.structs import replace
from tests.driver.service import NEW_PASSWORD, problem, running
from tests.processes.adoption.story import (
    EMAIL,
    NEW,
    OLD,
    Guide,
    Stack,
    beside,
    reset_password,
    tell_story,
)
from tests.programs import leave_out, missing
from tests.servers.mariadb import MariadbServer
from tests.servers.processes import output_of
from tests.servers.serving import held_ports, serving
from tests.servers.supabase import SupabaseServer

from keyturn import read_settings
from keyturn.service.settings import BCRYPT_PREFIXES

pytestmark = pytest.mark.long


def test_php_on_mariadb_signs_in_with_the_new_password(
    php: str, mariadb: MariadbServer, tmp_path: Path
) -> None:
    if "pdo_mysql" not in output_of([php, "-m"]):
        leave_out(missing("PHP's pdo_mysql", "php-mysql"))
    url = mariadb.empty()
    app = Stack(name="php", starts=("sh", "app.sh"), sign_in="/login", says="Development Server")
    environment = {"PHP": php, "DATABASE_URL": url}
    tell_story(replace(app, environment=environment, database="${DATABASE_URL}"), tmp_path)
    mariadb.drop(url)

    written = tomllib.loads((tmp_path / "keyturn.toml").read_text("utf-8"))
    names = {
        "table": "members",
        "id": "id",
        "email": "mail",
        "password": "pw",
        "name": "display_name",
    }
    ends = {
        "ends": {"sessions.member_id": {"what": "sessions"}},
        "set": {"pw_changed": "{now}", "must_change_pw": False},
    }
    others = {"url": "${DATABASE_URL}", "active": "not status = banned"}
    assert written["accounts"]["table"] == names | ends | others
    assert written["hashing"] == {"format": "php", "cost": 10}


def test_supabase_s_own_sign_in_takes_the_new_password_and_its_sessions_end(tmp_path: Path) -> None:
    supabase = SupabaseServer()
    supabase.users.add(EMAIL, OLD)
    with held_ports(1) as (port,), serving(supabase) as project:
        keyturn = f"http://127.0.0.1:{port}"
        guide = Guide("supabase", keyturn=keyturn, supabase=project)
        followed = guide.follow(tmp_path, {})
        guide.assert_written(tmp_path / "keyturn.toml")
        supabase.service_role_key = followed["SUPABASE_SERVICE_ROLE_KEY"]
        session = token(project, "password", email=EMAIL, password=OLD).json()

        with beside(tmp_path, keyturn, followed) as service:
            reset_password(service)

        assert (
            token(project, "refresh_token", refresh_token=session["refresh_token"]).status_code
            == 400
        )
        assert token(project, "password", email=EMAIL, password=OLD).status_code == 400
        assert token(project, "password", email=EMAIL, password=NEW).status_code == 200


def token(project: str, grant: str, **given: str) -> httpx2.Response:
    address = f"{project}/auth/v1/token?grant_type={grant}"
    return httpx2.post(address, json=given, headers={"apikey": "anon-key"}, timeout=30)


ADA = "ada@northwind.example"
"""Has an account in the tables of each framework."""

SCHEMAS = Path(__file__).parents[2] / "commands" / "init" / "schemas"


@pytest.mark.parametrize(
    ("name", "schema", "file"),
    [
        ("laravel", "laravel", "database/database.sqlite"),
        ("rails", "rails-8", "storage/development.sqlite3"),
    ],
)
async def test_the_commands_of_a_guide_lead_to_the_settings_and_the_hashes_that_it_names(
    name: str, schema: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).parent.mkdir()
    with closing(sqlite3.connect(tmp_path / file)) as database:
        database.executescript((SCHEMAS / f"{schema}.sql").read_text("utf-8"))
    guide = Guide(name)
    environment = guide.follow(tmp_path, {})

    guide.assert_written(tmp_path / "keyturn.toml")
    monkeypatch.chdir(tmp_path)
    async with running(read_settings(tmp_path / "keyturn.toml", environment)) as keyturn:
        assert problem(await keyturn.reset(await keyturn.link(ADA))) == "200"
    column = guide.written["accounts"]["table"]["password"]
    with closing(sqlite3.connect(tmp_path / file)) as database:
        ((written,),) = database.execute(f"SELECT {column} FROM users")
    hashing = guide.written["hashing"]
    assert written.startswith(f"{BCRYPT_PREFIXES[hashing['format']]}{hashing['cost']}$")
    assert bcrypt.checkpw(NEW_PASSWORD.encode(), written.encode())


def test_the_code_for_php_is_php(php: str, tmp_path: Path) -> None:
    for name, code in Guide("laravel").files.items():
        (tmp_path / Path(name).name).write_text(code, "utf-8")
        output_of([php, "-l", str(tmp_path / Path(name).name)])
