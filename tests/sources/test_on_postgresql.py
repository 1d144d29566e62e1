"""Four of the five have their table in PostgreSQL: the same story there, with a uuid where it is one."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.driver.inbox import Inbox, token_in
from tests.driver.service import REQUEST, RESET, Service, running
from tests.driver.supabase_server import SupabaseServer
from tests.serving import serving
from tests.sources.adopted import EXAMPLES, PASSWORD, settings_of

from keyturn import Settings

pytestmark = pytest.mark.long

SOMEBODY = {
    "waibuk": "school@waibuk.test",
    "ivory-mirro": "former@ivory.test",
    "easemail": "ada@easemail.test",
    "nextjs-app": "former@next.test",
}
NEW = "Lighthouse-7-loud"


@pytest.fixture(params=SOMEBODY)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def app(name: str, postgresql_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection of the app's own, to its own table."""
    connection = await asyncpg.connect(postgresql_url)
    for script in ("schema.sql", "accounts.sql"):
        await connection.execute((EXAMPLES / name / script).read_text("utf-8"))
    yield connection
    await connection.close()


@pytest.fixture
async def settings(name: str, postgresql_url: str, app: asyncpg.Connection) -> AsyncIterator[Settings]:
    supabase = SupabaseServer(service_role_key="your_service_role_key")
    if name == "easemail":
        for row in await app.fetch("SELECT id, email FROM users"):
            supabase.users.add(row["email"], PASSWORD, id=str(row["id"]))
    with serving(supabase) as address:
        environ = {"KEYTURN_ACCOUNTS_SUPABASE_URL": address} if name == "easemail" else {}
        yield settings_of(name, postgresql_url, **environ)


@pytest.fixture
async def keyturn(settings: Settings) -> AsyncIterator[Service]:
    async with running(settings, inbox=Inbox()) as keyturn:
        yield keyturn


async def test_a_link_is_mailed_and_sets_a_new_password_in_the_apps_own_table(
    name: str, app: asyncpg.Connection, settings: Settings, keyturn: Service
) -> None:
    table, email = settings.accounts.table.table, SOMEBODY[name]
    query = f'SELECT * FROM "{table}" WHERE email = $1'  # noqa: S608 - a name in the example
    before = dict(await app.fetchrow(query, email))
    assert (await keyturn.anywhere().post(REQUEST, json={"email": email.upper()})).status_code == 202
    await keyturn.deliver()
    (mail,) = keyturn.inbox.sent_to(email)
    answer = await keyturn.anywhere().post(RESET, json={"token": token_in(mail), "newPassword": NEW})
    after = dict(await app.fetchrow(query, email))

    assert answer.status_code == 200, answer.text
    changed = {column for column in after if after[column] != before[column]}
    former = {"resetPasswordToken", "resetPasswordExpires"}
    assert (
        changed
        == {
            "waibuk": {"password"},
            "ivory-mirro": {"password", *former},
            "easemail": {"is_temp_password", "temp_password_expires_at", "updated_at"},
            "nextjs-app": {"password", *former, "updatedAt"},
        }[name]
    )
