"""Four of the five have their table in PostgreSQL: the same story there, with a uuid where it is one."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.driver.inbox import Inbox, token_in
from tests.driver.service import running
from tests.processes.sources.adopted import EXAMPLES, settings_of
from tests.processes.sources.test_in_common import DOCUMENTS, FORMER, NEW

pytestmark = pytest.mark.long

CHANGED = {
    "waibuk": {"password"},
    "ivory-mirro": {"password", *FORMER},
    "easemail": {"is_temp_password", "temp_password_expires_at", "updated_at"},
    "nextjs-app": {"password", *FORMER, "updatedAt"},
}


@pytest.fixture(params=CHANGED)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def app(name: str, postgresql_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgresql_url)
    for script in ("schema.sql", "accounts.sql"):
        await connection.execute((EXAMPLES / name / script).read_text("utf-8"))
    yield connection
    await connection.close()


async def test_a_link_is_mailed_and_sets_a_new_password_in_the_apps_own_table(
    name: str, app: asyncpg.Connection, postgresql_url: str, environ: dict[str, str]
) -> None:
    settings = settings_of(name, postgresql_url, **environ)
    table, email = settings.accounts.table.table, DOCUMENTS[name].email
    query = f'SELECT * FROM "{table}" WHERE email = $1'  # noqa: S608 - a name in the example
    before = dict(await app.fetchrow(query, email))
    async with running(settings, inbox=Inbox()) as keyturn:
        await keyturn.ask_and_deliver(email.upper())
        (mail,) = keyturn.inbox.sent_to(email)
        answer = await keyturn.reset(token_in(mail), NEW)
    after = dict(await app.fetchrow(query, email))

    assert answer.status_code == 200, answer.text
    changed = {column for column in after if after[column] != before[column]}
    assert {after[column] for column in changed.intersection(FORMER)} <= {None}
    assert changed == CHANGED[name]
