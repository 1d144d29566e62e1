"""An app whose people are in Supabase Auth adopts Keyturn by its guide."""

from pathlib import Path

import httpx2
import pytest
from tests.processes.adoption.guides import Guide
from tests.processes.adoption.story import EMAIL, NEW, OLD, beside, reset_password
from tests.servers.serving import held_ports, serving
from tests.servers.supabase import SupabaseServer

pytestmark = pytest.mark.long


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

        assert token(project, "refresh_token", refresh_token=session["refresh_token"]).status_code == 400
        assert token(project, "password", email=EMAIL, password=OLD).status_code == 400
        assert token(project, "password", email=EMAIL, password=NEW).status_code == 200


def token(project: str, grant: str, **given: str) -> httpx2.Response:
    """Ask for a session as supabase-js does."""
    return httpx2.post(f"{project}/auth/v1/token?grant_type={grant}", json=given, headers={"apikey": "anon-key"})
