"""The story of an intrusion: a thief reads the mailbox, and has a passkey, a token and a link of his own."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.accounts.table.app import running_app
from tests.databases import SqliteFiles
from tests.spec.inbox import token_in
from tests.spec.service import ADA, problem, running
from tests.webhooks.test_ended import OWN, TABLES, THIEFS, fill, left, over, press, sign_in

from keyturn.settings import LimitSettings

pytestmark = pytest.mark.long


async def test_a_thief_in_the_mailbox_is_out_after_not_me_and_the_owners_new_password(
    sqlite: SqliteFiles, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    settings = over(sqlite, url, limits=LimitSettings(mailbox_cooldown=timedelta(0)), sign_in_url="{base_url}/login")
    async with running_app(url, TABLES) as database, running(settings) as service:
        # The thief has a passkey and a token in the app, asks for a link, chooses a password, and signs in.
        await fill(database)
        assert problem(await service.reset(await service.link(), THIEFS)) == "200"
        await sign_in(database)
        assert await left(database) == (2, 1, 1)
        kept = await service.link()
        await service.deliver()

        # The owner, who can read the mailbox, too, says: this was not me. All that the thief has ends.
        await press(service)
        assert await left(database) == (0, 0, 0)
        assert not await service.works(kept)

        # The owner uses the recovery link, and is in again.
        recovery = token_in(service.inbox.sent_to(ADA, "password_reset")[-1])
        assert problem(await service.reset(recovery, OWN)) == "200"
        await service.deliver()
        assert await left(database) == (0, 0, 0)
        assert await service.knows(OWN)
        assert not await service.knows(THIEFS)
