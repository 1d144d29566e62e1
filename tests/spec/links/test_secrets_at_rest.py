"""A reader of the database or the logs finds no token, no session and no password."""

import base64
import json
import logging
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from tests.driver.inbox import token_in
from tests.driver.logs import logging_as_json
from tests.driver.routes import LOGIN, ME, RESET, VALIDATE
from tests.driver.service import (
    ADA,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    Service,
    Start,
    change,
    problem,
)

from keyturn import SendFailed, SendRefused, SendRetryable

THIRD_PASSWORD = "nineteen silent anchors"
SHORTEST_MAIL = 1_000
"""Bytes, compressed and sealed."""

EVENTS = (
    "mail.sent",
    "mail.retried",
    "mail.dropped",
    "reset.completed",
    "password.changed",
    "sign_in.rejected",
)


@pytest.mark.long
async def test_after_the_whole_story_the_database_and_its_files_hold_no_secret(
    service: Service, database_url: str
) -> None:
    service.inbox.failures.append(SendRetryable("503"))
    secrets = await live_the_story(service)
    cells = await service.dump()
    token, secure, *_ = secrets
    digests = [sha256(link.encode()).digest() for link in (token, secure)]
    assert {ADA.encode(), b"link_mailed", b"reset_requested", *digests} <= {
        value for _, value in cells
    }
    assert places_of(secrets, cells) == []
    if database_url.startswith("sqlite:"):
        file = Path(str(make_url(database_url).database))
        bytes_on_disk = [
            (path.name, path.read_bytes()) for path in file.parent.glob(f"{file.name}*")
        ]
        assert any(ADA.encode() in content for _, content in bytes_on_disk)
        assert places_of(secrets, bytes_on_disk) == []


@pytest.mark.parametrize("failures", [(), (SendRefused("422"),)], ids=["sent", "dead"])
async def test_a_sealed_mail_is_erased_once_sent_or_dead(
    service: Service, failures: tuple[SendFailed, ...]
) -> None:
    service.inbox.failures.extend([SendRetryable("503"), *failures])
    await service.ask_and_deliver()
    token, cells = token_in(service.inbox.tries[0][1]), await service.dump()
    sealed = sealed_mail(cells)
    assert sealed
    assert places_of([token, "reset-password/", "Reset your"], cells) == []
    service.let_time_pass(minutes=5)
    await service.deliver()
    assert len(service.inbox.tries) == 2
    cells = await service.dump()
    assert sealed not in [value for _, value in cells]
    assert not sealed_mail(cells)


@pytest.mark.long
async def test_no_log_or_figure_holds_a_secret_or_an_address(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Every logger speaks, the libraries' too, which stay quiet in a process of its own."""
    service = await start(limits={"request": "100/minute"})
    service.inbox.failures.append(SendRetryable(f"no room for {ADA}"))
    with logging_as_json("debug") as logs:
        logging.root.addHandler(caplog.handler)
        known = logging.root.manager.loggerDict.values()
        for logger in (logging.root, *(one for one in known if isinstance(one, logging.Logger))):
            logger.setLevel(logging.DEBUG)
        await service.ask(NOBODY)
        secrets = await live_the_story(service)
        figures = await service.metrics()

    assert {*EVENTS} <= {line["event"] for line in logs}
    assert "keyturn_requests_total" in figures
    records = [
        record for record in caplog.records if record.name != "httpx2"
    ]  # the test's own client
    raw = "\n".join(logging.Formatter().format(record) for record in records)
    shown = [("logs", json.dumps(logs, ensure_ascii=False).encode()), ("figures", figures.encode())]
    assert places_of([*secrets, ADA, NOBODY, "$2b$"], shown) == []
    assert "reset.completed" in raw
    assert places_of(secrets, [("records", raw.encode())]) == []


async def test_a_key_that_a_process_makes_for_itself_is_shown_as_little_as_one_of_the_settings(
    start: Start,
) -> None:
    container = (await start(secret_key="")).container
    assert container.keys[0] not in repr(container.stores)


async def test_an_answer_never_repeats_a_token_or_a_password(service: Service) -> None:
    token = await service.link()
    client = service.anywhere()
    bodies: list[tuple[str, Any]] = [
        (VALIDATE, {"token": token}),
        (VALIDATE, {"token": token, "email": 5}),
        (RESET, {"token": token, "newPassword": "too short"}),
        (RESET, {"token": token, "newPassword": NEW_PASSWORD, "confirmPassword": "something else"}),
        (RESET, {"token": token, "newPassword": [NEW_PASSWORD]}),
        (LOGIN, {"email": ADA, "password": NEW_PASSWORD}),
        (RESET, {"token": token, "newPassword": NEW_PASSWORD}),
        (RESET, {"token": token, "newPassword": NEW_PASSWORD}),
    ]
    for route, body in bodies:
        answer = await client.post(route, json=body)
        shown = answer.text + repr(answer.headers)
        for secret in (token, NEW_PASSWORD, "too short", "something else"):
            assert secret not in shown, problem(answer)


async def live_the_story(service: Service) -> list[str]:
    """Do everything that can be done, well and badly; return the secrets that came up.

    If the first mail fails, it comes at the second try.
    """
    await service.ask_and_deliver()
    service.let_time_pass(minutes=5)
    await service.deliver()
    token = token_in(service.inbox.mails[0])
    assert (await service.check(token, email=ADA))["valid"]
    await service.anywhere().get(f"/reset-password/{token}?email={ADA}")
    await service.anywhere().post(
        RESET, content=f'{{"token": "{token}", "newPassword": "{NEW_PASSWORD}"'
    )
    assert (await service.reset(token)).status_code == 200
    assert (await service.reset(token)).status_code == 400
    secure = await service.newest(template="password_changed")
    client = await service.sign_in(ADA, NEW_PASSWORD)
    sessions = [*client.cookies.values()]
    await client.get(ME)
    assert not await service.knows("a wrong password, typed")
    assert await change(client, THIRD_PASSWORD, NEW_PASSWORD) == "200"
    await service.deliver()
    sessions += client.cookies.values()
    return [
        token,
        secure,
        *sessions,
        PASSWORD,
        NEW_PASSWORD,
        THIRD_PASSWORD,
        "a wrong password, typed",
    ]


def sealed_mail(cells: list[tuple[str, bytes]]) -> bytes:
    """Return the value that is as long as a mail; b"" if there is none."""
    long = [value for _, value in cells if len(value) > SHORTEST_MAIL]
    assert len(long) <= 1
    return long[0] if long else b""


def places_of(secrets: list[str], contents: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Return where a secret stands: as it is, in hex, in base64, or, of a token, the bytes that it
    encodes.
    """
    return [
        (place, secret)
        for secret in secrets
        for place, content in contents
        if any(form in content for form in forms_of(secret))
    ]


def forms_of(secret: str) -> Iterator[bytes]:
    plain = secret.encode()
    yield plain
    yield plain.hex().encode()
    yield base64.b64encode(plain)[:-4]
    if len(secret) == 43 and " " not in secret:
        yield base64.urlsafe_b64decode(plain + b"=")
