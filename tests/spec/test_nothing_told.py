"""The whole story with every log, figure and span that there is, searched for what none of them may hold."""

import logging
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import update
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
from tests.test_tracing import Spans

from keyturn.database import now
from keyturn.errors import SendRetryable
from keyturn.logs import configure_logs
from keyturn.outbox.models import OutboxRow
from keyturn.settings import LimitSettings
from keyturn.tracing.spans import OpenTelemetry

THIRD_PASSWORD = "three patient lanterns"


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Let every logger speak, the libraries' too, which stay quiet in a process of its own; return what is written."""
    root = logging.getLogger()
    before = [(logger, logger.level, list(logger.handlers)) for logger in [root, *_loggers()]]
    configure_logs("debug")
    for logger in [root, *_loggers()]:
        logger.setLevel(logging.DEBUG)
    yield lambda: capsys.readouterr().err
    logging.captureWarnings(capture=False)
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def _loggers() -> list[logging.Logger]:
    return [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]


async def test_no_log_no_figure_and_no_span_holds_a_secret(database_url: str, logs: Callable[[], str]) -> None:
    spans = Spans()
    settings = settings_for(database_url, limits=LimitSettings(request="100/minute"))
    async with running(settings, tracing=OpenTelemetry(spans.provider)) as service:
        await service.add(ADA, name="Ada")
        service.inbox.failures.append(SendRetryable(f"no room for {ADA}", retry_after=0))
        await service.ask(NOBODY)
        token = await _after_a_failure(service)
        await service.check(token, email=ADA)
        await service.anywhere().get(f"/reset-password/{token}?email={ADA}")
        await service.anywhere().post(RESET, content=f'{{"token": "{token}", "newPassword": "{NEW_PASSWORD}"')
        assert (await service.reset(token)).status_code == 200
        assert (await service.reset(token)).status_code == 400
        await service.anywhere().post(LOGIN, json={"email": ADA, "password": PASSWORD})
        client = await service.sign_in(ADA, NEW_PASSWORD)
        session = next(iter(client.cookies.values()))
        await client.get(ME)
        change = {"currentPassword": NEW_PASSWORD, "newPassword": THIRD_PASSWORD}
        assert (await client.post(CHANGE, json=change)).status_code == 200
        await service.deliver()
        figures = (await service.at("127.0.0.1").get("/metrics")).text
        hashed = await service.parts.accounts.password_hash((await service.parts.accounts.list())[0].id)

    written = logs()
    for event in (
        "mail.sent",
        "mail.retried",
        "mail.dropped",
        "reset.completed",
        "password.changed",
        "sign_in.rejected",
    ):
        assert f'"event":"{event}"' in written
    assert "keyturn_requests_total" in figures
    assert "outbox.deliver" in spans.text()
    secrets = [token, session, ADA, NOBODY, PASSWORD, NEW_PASSWORD, THIRD_PASSWORD, hashed, settings.secret_key]
    for secret in filter(None, secrets):
        for text in (written, figures, spans.text()):
            assert secret not in text


async def _after_a_failure(service: Service) -> str:
    """Ask, fail once, and return the token of the mail that the next try sends."""
    await service.ask(ADA)
    await service.deliver()
    assert not service.inbox.mails
    await service.write(update(OutboxRow).values(available_at=now()))
    await service.deliver()
    return token_in(service.inbox.mails[0])
