from collections.abc import AsyncIterator, Iterator

import pytest
from tests.databases import SqliteFiles
from tests.serving import serving
from tests.sources.adopted import PASSWORD, Adopted, adopted

from keyturn.cli.demo.supabase_server import SupabaseServer


@pytest.fixture
def migrated(sqlite: SqliteFiles) -> Iterator[str]:
    url = sqlite.migrated()
    yield url
    sqlite.drop(url)


@pytest.fixture
def supabase() -> SupabaseServer:
    """Return EaseMail's project, with the users of its accounts.sql."""
    server = SupabaseServer(service_role_key="your_service_role_key")
    server.users.add("ada@easemail.test", PASSWORD, id="6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b7001")
    server.users.add("grace@easemail.test", PASSWORD, id="6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b7002")
    return server


@pytest.fixture
def variables(request: pytest.FixtureRequest, name: str) -> Iterator[dict[str, str]]:
    """Return what the app's variables are here: EaseMail's say where its project is."""
    if name != "easemail":
        yield {}
        return
    with serving(request.getfixturevalue("supabase")) as url:
        yield {"KEYTURN_ACCOUNTS_SUPABASE_URL": url}


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Return the app's name, which a test's `parametrize` says."""
    return str(request.param)


@pytest.fixture
async def app(name: str, migrated: str, variables: dict[str, str]) -> AsyncIterator[Adopted]:
    async with adopted(name, migrated, **variables) as app:
        yield app
