from collections.abc import AsyncIterator, Iterator

import pytest
from tests.processes.sources.adopted import PASSWORD, SERVICE_ROLE_KEY, Adopted, adopted
from tests.servers.serving import serving
from tests.servers.supabase import SupabaseServer


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Return the app that the test's module names in NAME."""
    return str(request.module.NAME)


@pytest.fixture
def supabase(name: str) -> SupabaseServer:
    server = SupabaseServer(service_role_key=SERVICE_ROLE_KEY)
    for number, person in enumerate(("ada", "grace") if name == "easemail" else (), 1):
        server.users.add(f"{person}@easemail.test", PASSWORD, id=f"6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b700{number}")
    return server


@pytest.fixture
def environ(name: str, supabase: SupabaseServer) -> Iterator[dict[str, str]]:
    with serving(supabase) as url:
        yield {"KEYTURN_ACCOUNTS_SUPABASE_URL": url} if name == "easemail" else {}


@pytest.fixture
async def app(name: str, sqlite_url: str, environ: dict[str, str]) -> AsyncIterator[Adopted]:
    async with adopted(name, sqlite_url, **environ) as app:
        yield app
