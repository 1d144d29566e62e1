"""While the app's accounts cannot be reached, what was promised waits, for as long as for a provider."""

import logging

import pytest
from tests.driver.elsewhere import Elsewhere
from tests.driver.inbox import token_in
from tests.driver.service import ADA, Service, running, settings_for

from keyturn import Account

MORE_THAN_A_FAULT_GETS = 32


async def outlast(service: Service, store: Elsewhere, caplog: pytest.LogCaptureFixture) -> None:
    """Try more often than a fault of ours would be, and see that the message lives; then let the store come back."""
    store.is_away = True
    with caplog.at_level(logging.INFO):
        for _ in range(MORE_THAN_A_FAULT_GETS):
            await service.deliver()
            service.let_time_pass(minutes=10)
    (waiting,) = [message for message in await service.messages() if message.state == "waiting"]
    assert (waiting.reason, waiting.attempts) == ("accounts unready", MORE_THAN_A_FAULT_GETS)
    assert "Traceback" not in caplog.text
    store.is_away = False
    await service.deliver()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.long
async def test_no_request_and_no_confirmation_is_given_up(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA, name="Ada"))
    async with running(settings_for(database_url), accounts=store) as service:
        await service.ask()
        await outlast(service, store, caplog)
        (mail,) = service.inbox.sent_to(ADA, "password_reset")
        assert (await service.reset(token_in(mail))).status_code == 200
        await outlast(service, store, caplog)
        assert len(service.inbox.sent_to(ADA, "password_changed")) == 1
