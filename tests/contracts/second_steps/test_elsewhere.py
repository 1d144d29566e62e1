"""Second factors that Keyturn does not keep: in an app's own table, in a step of an app's own, and
a code by SMS.
"""

import base64
import json
import re
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from sqlalchemy import delete, select
from tests.driver.elsewhere import Elsewhere
from tests.driver.inbox import text_in_file
from tests.driver.second_factors import (
    SEED,
    STEP,
    account_of,
    builtin_factors,
    code_of,
    reset_with,
    wrong_code,
)
from tests.driver.service import (
    ADA,
    NEW_PASSWORD,
    PASSWORD,
    Service,
    hash_of,
    problem,
    running,
    settings_for,
)
from tests.servers.serving import send_answer, serving_here

from keyturn.errors import KeyturnError, SettingsInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.limits import LimitRow
from keyturn.service.one_time_secrets import SecretRow
from keyturn.service.problems.proofs import Factor
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.reset.proofs.second_step.port import Accepted, SecondStep, SecondStepTry
from keyturn.service.reset.proofs.second_step.totp import base32
from keyturn.service.reset.records.audit import AuditRow
from keyturn.service.settings import Settings

LIMITS = {"mailbox_cooldown": "0s", "mailbox_daily": 100}

on_sqlite = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

Started = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def app_database(tmp_path: Path) -> Path:
    """Make an app's database: Ada has a row, and devices in a table of their own, as django-otp has
    them.
    """
    file = tmp_path / "app.db"
    write(
        file,
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password TEXT, secret TEXT, "
        "phone TEXT)",
    )
    write(file, 'CREATE TABLE otp_totp_totpdevice (user_id INTEGER, "key" TEXT, confirmed BOOLEAN)')
    write(file, "INSERT INTO users (id, email, password) VALUES (7, ?, ?)", ADA, hash_of(PASSWORD))
    return file


def write(file: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute(statement, values)
        database.commit()


@pytest.fixture
def started(app_database: Path, database_url: str) -> Started:
    @asynccontextmanager
    async def start(**table: Any) -> AsyncIterator[Service]:
        users = {"url": f"sqlite:///{app_database}", "table": "users", "password": "password"}
        settings = settings_for(
            database_url,
            accounts={"store": "table", "table": users},
            sign_in_url="{base_url}/login",
            second_step={"source": "table", "table": table},
        )
        async with running(settings) as service:
            yield service

    return start


OTHER = [{"method": "other", "hint": ""}]


@on_sqlite
async def test_the_seed_of_a_column_is_asked_for_or_a_recovery_code(
    started: Started, app_database: Path
) -> None:
    write(app_database, "UPDATE users SET secret = 'no seed at all'")
    async with started(totp="secret") as service:
        token = await service.link()
        answer = await reset_with(service, token, "totp", "123456")
        assert (problem(answer), answer.json()["methods"]) == ("401 second-step-required", OTHER)
        write(app_database, "UPDATE users SET secret = ?", base32(SEED).lower())
        assert problem(await reset_with(service, token)) == "401 second-step-required"
        assert (
            problem(await reset_with(service, token, "totp", wrong_code()))
            == "401 second-step-rejected"
        )
        assert problem(await reset_with(service, token, "totp", code_of())) == "200"
        assert await service.knows(NEW_PASSWORD)
        code, *_ = await builtin_factors(service).mint_codes("7")
        assert (
            problem(await reset_with(service, await service.link(), "recovery_code", code)) == "200"
        )


@on_sqlite
async def test_a_seed_in_a_table_of_devices_counts_once_it_is_confirmed(
    started: Started, app_database: Path
) -> None:
    for account, confirmed in ((8, 1), (7, 0)):
        write(
            app_database,
            "INSERT INTO otp_totp_totpdevice VALUES (?, ?, ?)",
            account,
            SEED.hex(),
            confirmed,
        )
    django = {"table": "otp_totp_totpdevice", "account": "user_id", "totp": "key", "format": "hex"}
    async with started(**django, active="confirmed") as service:
        token = await service.link()
        for confirmed, answered in ((1, "401 second-step-required"), (0, "200")):
            write(
                app_database,
                "UPDATE otp_totp_totpdevice SET confirmed = ? WHERE user_id = 7",
                confirmed,
            )
            assert problem(await reset_with(service, token)) == answered


@on_sqlite
async def test_an_account_whose_id_the_factors_column_cannot_hold_is_not_one_without_factors(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "factors.db"
    write(file, "CREATE TABLE devices (user_id INTEGER, secret TEXT)")
    step = {
        "source": "table",
        "table": {"table": "devices", "account": "user_id", "totp": "secret"},
    }
    accounts = {"table": {"url": f"sqlite:///{file}"}}
    async with running(settings_for(database_url, accounts=accounts, second_step=step)) as service:
        await service.add(ADA)  # whose id is a UUID
        answer = await reset_with(service, await service.link())
        assert (problem(answer), answer.json()["methods"]) == ("401 second-step-required", OTHER)
    assert "second_step.unreadable" in caplog.text


@on_sqlite
async def test_a_column_that_is_not_there_is_a_fault_and_later_a_503(
    started: Started, app_database: Path
) -> None:
    with pytest.raises(KeyturnError, match="did not start"):
        async with started(totp="secrets"):
            pass
    async with started(totp="secret") as service:
        token = await service.link()
        write(app_database, "ALTER TABLE users RENAME COLUMN secret TO moved")
        assert problem(await reset_with(service, token)) == "503 unavailable"


class ByHeart(SecondStep):
    """A second step of an app's own: a word, which everybody has."""

    async def factors(self, account: Account) -> Sequence[Factor]:
        return [Factor("recovery_code")] if account.email == ADA else []

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        if trial.code == "away":
            raise AccountsUnready("nobody is there")
        return Accepted() if trial.code == "lighthouse" else None


def by_heart(settings: Settings) -> ByHeart:
    assert settings.second_step.source.endswith("by_heart")
    return ByHeart()


@on_sqlite
async def test_a_step_of_an_apps_own_is_asked_if_its_factory_makes_one(database_url: str) -> None:
    async with running(
        settings_for(database_url, second_step={"source": f"{__name__}:by_heart"})
    ) as own:
        await own.add(ADA)
        token = await own.link()
        assert problem(await reset_with(own, token, "recovery_code", "away")) == "503 unavailable"
        rejected = await reset_with(own, token, "recovery_code", "harbour")
        assert (problem(rejected), rejected.json()["triesLeft"]) == ("401 second-step-rejected", 4)
        assert problem(await reset_with(own, token, "recovery_code", "lighthouse")) == "200"

    with pytest.raises(
        SettingsInvalid,
        match=r"second_step\.source: .* returned str, which does not inherit from Sec",
    ):
        async with running(settings_for(database_url, second_step={"source": "builtins:repr"})):
            pass


@pytest.fixture
async def refusing(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Service, Elsewhere]]:
    """Start a service whose accounts are in a store that refuses the next password; Ada has every
    factor.
    """
    store = Elsewhere(Account(id="u-1", email=ADA))
    settings = settings_for(
        database_url,
        second_step={"source": "builtin", "sms": {"account": "AC1"}},
        limits=LIMITS,
        mail={"transport": "capture", "capture_dir": str(tmp_path / "messages")},
    )
    async with running(settings, accounts=store) as service:
        await builtin_factors(service).set_seed("u-1", SEED)
        await builtin_factors(service).set_phone("u-1", "+447700900123")
        store.refusals = [AccountsUnready("locked", not_changed=True)]
        yield service, store


@pytest.mark.parametrize("method", ["totp", "recovery_code", "sms"])
@pytest.mark.long
async def test_a_code_is_given_back_where_the_store_has_not_taken_the_password(
    refusing: tuple[Service, Elsewhere], method: str, tmp_path: Path
) -> None:
    service, store = refusing
    (recovery_code, *_) = await builtin_factors(service).mint_codes("u-1")
    token, other = await service.link(), await service.link()
    code = {"totp": code_of(later=STEP), "recovery_code": recovery_code, "sms": ""}[method]
    if method == "sms":
        await reset_with(service, token, "sms")
        (message,) = (tmp_path / "messages").glob("*.eml")
        code = text_in_file(message)[:6]
    for _ in range(18):
        await reset_with(service, await service.link(), "totp", wrong_code())
    await reset_with(service, other, "totp", wrong_code())
    refused = await reset_with(service, token, method, code)
    assert problem(refused) == "503 unavailable"
    assert not [
        outcome for outcome in await service.outcomes("second_step") if outcome.startswith("passed")
    ]
    await reset_with(
        service, other, "totp", wrong_code()
    )  # the last of the account's 20: they count on
    assert (
        problem(await reset_with(service, await service.link(), "totp", wrong_code()))
        == "429 too-many-requests"
    )
    await service.write(delete(LimitRow))
    assert (await reset_with(service, token, method, code)).status_code == 200
    assert store.passwords == {"u-1": NEW_PASSWORD}
    assert (await service.outcomes("second_step"))[-1] == f"passed_{method}"
    again = await reset_with(
        service, await service.link(), method, code, "a third password, please"
    )
    assert problem(again) == "401 second-step-rejected"


ACCOUNT, AUTH_TOKEN = "AC" + "0" * 32, "an Auth Token"


class TwilioServer:
    """`messages` are those that were taken.

    `coming` are the answers to the next requests: a status, and a code.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []
        self.coming: deque[tuple[int, int]] = deque()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, document = self._answer(scope, headers.get("authorization", ""), body)
        await send_answer(
            send, status, json.dumps(document).encode(), {"content-type": "application/json"}
        )

    def _answer(self, scope: Any, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if (scope["method"], scope["path"]) != (
            "POST",
            f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
        ):
            return 404, {
                "code": 20404,
                "message": "The requested resource was not found",
                "status": 404,
            }
        if (
            authorization
            != "Basic " + base64.b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode()
        ):
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}
        if self.coming:
            status, code = self.coming.popleft()
            return status, {"code": code, "message": "", "status": status}
        self.messages.append({name: value for name, (value,) in parse_qs(body.decode()).items()})
        return 201, {"sid": f"SM{len(self.messages):032}", "status": "queued", "error_code": None}


PHONE = "+447700900123"


@pytest.fixture
def twilio() -> TwilioServer:
    return TwilioServer()


@pytest.fixture
async def service_options(twilio: TwilioServer) -> AsyncIterator[dict[str, Any]]:
    async def with_phone(service: Service) -> None:
        await builtin_factors(service).set_phone((await account_of(service)).id, PHONE)

    async with serving_here(twilio) as url:
        sms = {"api_url": url, "account": ACCOUNT, "password": AUTH_TOKEN, "from": "+14155552671"}
        step = {"source": "builtin", "sms": sms}
        yield {"second_step": step, "limits": LIMITS, "mail": {}, "prepare": with_phone}


async def one_more(service: Service, token: str) -> httpx2.Response:
    """Ask for a message once an account may have another one."""
    service.let_time_pass(minutes=1)
    return await reset_with(service, token, "sms")


def code_in(message: dict[str, str]) -> str:
    found = re.match(r"(\d{6}) is your code", message["Body"])
    assert found, message
    return found[1]


@pytest.mark.long
async def test_a_code_comes_with_what_phones_need_and_sets_the_password(
    service: Service, twilio: TwilioServer
) -> None:
    token = await service.link()
    required = await reset_with(service, token)
    assert required.json()["methods"] == [{"method": "sms", "hint": "…23"}]
    assert twilio.messages == []
    sent = await reset_with(service, token, "sms")
    assert (problem(sent), sent.json()["sent"]) == ("401 second-step-required", "sms")
    (message,) = twilio.messages
    code = code_in(message)
    words = f"{code} is your code for a new Northwind School password. It works for 10 minutes."
    assert message == {
        "To": PHONE,
        "From": "+14155552671",
        "ValidityPeriod": "600",
        "Body": f"{words} Do not share it with anyone.\n\n@127.0.0.1 #{code}",
    }
    found = [await service.rows(select(row)) for row in (SecretRow, AuditRow)]
    assert PHONE not in repr(found)
    assert code not in [value for rows in found for row in rows for value in row.values()]
    assert (await account_of(service)).id in repr(found)
    assert (
        problem(await reset_with(service, token, "sms", str(int(code) ^ 1).zfill(6)))
        == "401 second-step-rejected"
    )
    assert (await reset_with(service, token, "sms", code)).status_code == 200
    assert await service.knows(NEW_PASSWORD)


async def test_a_code_is_for_one_link_for_ten_minutes_until_the_next(
    service: Service, twilio: TwilioServer
) -> None:
    token, other = await service.link(), await service.link()
    await reset_with(service, token, "sms")
    await one_more(service, token)
    first, second = map(code_in, twilio.messages)
    if first != second:
        assert problem(await reset_with(service, token, "sms", first)) == "401 second-step-rejected"
    assert problem(await reset_with(service, other, "sms", second)) == "401 second-step-rejected"
    service.let_time_pass(minutes=10)
    assert problem(await reset_with(service, token, "sms", second)) == "401 second-step-rejected"


@pytest.mark.long
async def test_a_phone_gets_few_messages_a_day_none_for_bad_passwords(
    service: Service, twilio: TwilioServer
) -> None:
    token = await service.link()
    assert (
        problem(await reset_with(service, token, "sms", password="password"))
        == "422 password-rejected"
    )
    answers = [await one_more(service, token) for _ in range(6)]
    assert [problem(one) for one in answers] == ["401 second-step-required"] * 5 + [
        "429 too-many-requests"
    ]
    assert 16_000 < answers[-1].json()["retryAfter"] <= 86_400 / 5
    assert len(twilio.messages) == 5


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_what_twilio_refuses_is_no_code_and_counts_as_none_and_a_lost_answer_is_one(
    service: Service, twilio: TwilioServer
) -> None:
    token = await service.link()
    twilio.coming += [(400, 21211), (429, 20429), (401, 20003)]
    for _ in range(3):
        assert problem(await reset_with(service, token, "sms")) == "503 unavailable"
    twilio.coming.append((500, 20500))  # the code may arrive, and works
    for _ in range(5):
        answer = await one_more(service, token)
        assert (problem(answer), answer.json()["sent"]) == ("401 second-step-required", "sms")
    assert await service.works(token)
