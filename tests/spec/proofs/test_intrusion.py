"""The story of an intrusion: a thief reads the mailbox, and has a passkey, a token and a link of his own."""

from pathlib import Path

import pytest
from tests.accounts.table.app import running_app
from tests.databases import SqliteFiles
from tests.spec.inbox import token_in
from tests.spec.proofs.test_help_desk import NO_COOLDOWN, asked_in_vain, redeemed
from tests.spec.service import ADA, problem, running
from tests.webhooks.test_ended import OWN, TABLES, THIEFS, fill, left, over, press, sign_in

from keyturn.settings import HelpDeskSettings

pytestmark = pytest.mark.long


async def test_a_thief_in_the_mailbox_is_out_after_not_me_and_the_owner_gets_in_by_the_help_desk(
    sqlite: SqliteFiles, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    settings = over(
        sqlite, url, help_desk=HelpDeskSettings(enabled=True), limits=NO_COOLDOWN, sign_in_url="{base_url}/login"
    )
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

        # The recovery link lies in the mailbox that the thief reads. The owner rather calls the help desk.
        recovery = token_in(service.inbox.sent_to(ADA, "password_reset")[-1])
        assert await service.works(recovery)
        token = await redeemed(service)
        assert not await service.works(recovery)
        assert problem(await service.reset(token, OWN)) == "200"
        await service.deliver()

        # The mailbox lets nobody in any more, and the owner's password does.
        assert await asked_in_vain(service)
        assert await left(database) == (0, 0, 0)
        assert await service.knows(OWN)
        assert not await service.knows(THIEFS)
