"""While the app's accounts cannot be reached, what was promised waits, for as long as for a provider."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.driver.elsewhere import Elsewhere
from tests.driver.inbox import token_in
from tests.driver.service import ADA, Service, running, settings_for

from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.outbox.models import OutboxRow

MORE_THAN_A_FAULT_GETS = 32


async def outlast(service: Service, store: Elsewhere, caplog: pytest.LogCaptureFixture) -> None:
    """Try more often than a fault of ours would be, and see that the message lives; then let the store come back."""
    store.is_away = True
    row: Mapping[str, Any] = {}
    with caplog.at_level(logging.INFO):
        for _ in range(MORE_THAN_A_FAULT_GETS):
            await service.deliver()
            waiting = OutboxRow.state == "waiting"
            (row,) = await service.rows(select(OutboxRow.__table__).where(waiting))
            await service.write(update(OutboxRow).where(waiting).values(available_at=now()))
    assert (row["reason"], row["attempts"], row["faults"]) == ("accounts unready", MORE_THAN_A_FAULT_GETS, 0)
    assert "Traceback" not in caplog.text
    store.is_away = False
    await service.deliver()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.long
async def test_neither_a_request_nor_a_confirmation_is_given_up(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA, name="Ada"))
    async with running(settings_for(database_url), accounts=store) as service:
        await service.ask()
        await outlast(service, store, caplog)
        (mail,) = service.inbox.sent_to(ADA, "password_reset")

        assert (await service.reset(token_in(mail))).status_code == 200
        await outlast(service, store, caplog)
        assert len(service.inbox.sent_to(ADA, "password_changed")) == 1
