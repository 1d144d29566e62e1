"""The whole story with every log, figure and span that there is, searched for what none of them may hold."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import update
from tests.builtin_accounts import builtin_accounts
from tests.spec.inbox import token_in
from tests.spec.service import (
    ADA,
    CHANGE,
    LOGIN,
    ME,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    RESET,
    Service,
    running,
    settings_for,
)

from keyturn.database import now
from keyturn.errors import SendRetryable
from keyturn.outbox.models import OutboxRow
from keyturn.settings import LimitSettings
from keyturn.telemetry.logs import configure_logs

EVENTS = (
    "mail.sent",
    "mail.retried",
    "mail.dropped",
    "reset.completed",
    "password.changed",
    "sign_in.rejected",
)
THIRD_PASSWORD = "three patient lanterns"


@contextmanager
def every_record() -> Iterator[None]:
    """Let every logger speak, the libraries' too, which stay quiet in a process of its own."""
    root = logging.getLogger()
    before = [(logger, logger.level, list(logger.handlers)) for logger in [root, *_loggers()]]
    configure_logs("debug")
    for logger in [root, *_loggers()]:
        logger.setLevel(logging.DEBUG)
    yield
    logging.captureWarnings(capture=False)
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def _loggers() -> list[logging.Logger]:
    return [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]


@pytest.mark.long
async def test_no_log_and_no_figure_holds_a_secret(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(database_url, limits=LimitSettings(request="100/minute"))
    with every_record():
        async with running(settings) as service:
            secrets = await live_the_story(service)
            figures = (await service.at("127.0.0.1").get("/metrics")).text
    logs = capsys.readouterr().err

    for event in EVENTS:
        assert f'"event":"{event}"' in logs
    assert "keyturn_requests_total" in figures
    for secret in (*secrets, ADA, NOBODY, PASSWORD, NEW_PASSWORD, THIRD_PASSWORD):
        for told in (logs, figures):
            assert secret not in told


async def live_the_story(service: Service) -> list[str]:
    """Do everything that can be done, well and badly; return the secrets that came up."""
    await service.add(ADA, name="Ada")
    service.inbox.failures.append(SendRetryable(f"no room for {ADA}"))
    await service.ask(ADA)
    await service.ask(NOBODY)
    await service.deliver()
    await service.write(update(OutboxRow).values(available_at=now()))
    await service.deliver()
    token = token_in(service.inbox.mails[0])
    await service.check(token, email=ADA)
    await service.anywhere().get(f"/reset-password/{token}?email={ADA}")
    await service.anywhere().post(RESET, content=f'{{"token": "{token}", "newPassword": "{NEW_PASSWORD}"')
    assert (await service.reset(token)).status_code == 200
    assert (await service.reset(token)).status_code == 400
    await service.anywhere().post(LOGIN, json={"email": ADA, "password": PASSWORD})
    client = await service.sign_in(ADA, NEW_PASSWORD)
    sessions = list(client.cookies.values())
    await client.get(ME)
    change = {"currentPassword": NEW_PASSWORD, "newPassword": THIRD_PASSWORD}
    assert (await client.post(CHANGE, json=change)).status_code == 200
    await service.deliver()
    (account,) = await builtin_accounts(service.parts).list()
    password_hash = await builtin_accounts(service.parts).password_hash(account.id)
    assert password_hash
    return [token, password_hash, *sessions, *client.cookies.values()]
