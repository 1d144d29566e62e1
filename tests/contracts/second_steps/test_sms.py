"""A code by SMS, from the request to Twilio's API and back."""

import base64
import json
import re
from collections import deque
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from sqlalchemy import select
from tests.driver.second_factors import account_of, builtin_factors, reset_with
from tests.driver.service import NEW_PASSWORD, Service, problem
from tests.servers.serving import send_answer, serving_here

from keyturn.service.reset.records.audit import AuditRow
from keyturn.service.secrets import SecretRow
from keyturn.service.settings import LimitSettings, MailSettings, SecondStepSettings, Secret, SmsSettings

ACCOUNT, PASSWORD = "AC" + "0" * 32, "an Auth Token"


class TwilioServer:
    """`messages` are those that were taken. `coming` are the answers to the next requests: a status, and a code."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []
        self.coming: deque[tuple[int, int]] = deque()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, document = self._answer(scope, headers.get("authorization", ""), body)
        await send_answer(send, status, json.dumps(document).encode(), {"content-type": "application/json"})

    def _answer(self, scope: Any, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if (scope["method"], scope["path"]) != ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"):
            return 404, {"code": 20404, "message": "The requested resource was not found", "status": 404}
        if authorization != "Basic " + base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode():
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
        sms = SmsSettings(api_url=url, account=ACCOUNT, password=Secret(PASSWORD), from_="+14155552671")
        step = SecondStepSettings(source="builtin", sms=sms)
        limits = LimitSettings(mailbox_cooldown=timedelta(0), mailbox_daily=100)
        yield {"second_step": step, "limits": limits, "mail": MailSettings(), "prepare": with_phone}


async def one_more(service: Service, token: str) -> httpx2.Response:
    """Ask for a message once an account may have another one."""
    service.let_time_pass(minutes=1)
    return await reset_with(service, token, "sms")


def code_in(message: dict[str, str]) -> str:
    found = re.match(r"(\d{6}) is your code", message["Body"])
    assert found, message
    return found[1]


@pytest.mark.long
async def test_a_code_comes_with_what_phones_need_and_sets_the_password(service: Service, twilio: TwilioServer) -> None:
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
    assert problem(await reset_with(service, token, "sms", str(int(code) ^ 1).zfill(6))) == "401 second-step-rejected"
    assert (await reset_with(service, token, "sms", code)).status_code == 200
    assert await service.knows(NEW_PASSWORD)


async def test_a_code_is_for_one_link_for_ten_minutes_until_the_next(service: Service, twilio: TwilioServer) -> None:
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
async def test_a_phone_gets_few_messages_a_day_none_for_bad_passwords(service: Service, twilio: TwilioServer) -> None:
    token = await service.link()
    assert problem(await reset_with(service, token, "sms", password="password")) == "422 password-rejected"
    answers = [await one_more(service, token) for _ in range(6)]
    assert [problem(one) for one in answers] == ["401 second-step-required"] * 5 + ["429 too-many-requests"]
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
