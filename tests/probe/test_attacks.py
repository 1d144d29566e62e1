"""Each attack finds its fault, and no other: a shop that is wrong in one thing, and Keyturn, in which nothing fails."""

import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.driver.service import running, settings_for
from tests.probe.faulty_app import ANN, BOB, Shop
from tests.serving import serving, serving_here

from keyturn.probe.attack import ATTACKS, Report, Verdict
from keyturn.probe.probe import Probe
from keyturn.probe.target import Patience, Target
from keyturn.studio.inbox.smtp_server import SmtpServer
from keyturn.studio.inbox.store import CapturedMails

pytestmark = pytest.mark.long

MEASURED = "times-differ"
UNTRIED = {MEASURED, "second-step-skipped", "link-not-https"}
"""What needs samples, a second factor, or a link that leads to another machine."""

PATIENCE = Patience(silence=0.3, samples=0)
MEASURING = Patience(silence=0.3)

FORMS: Mapping[str, Any] = {"change": "/account", "private": "GET /account"}
API: Mapping[str, Any] = {
    "request": 'POST /api/forgot {"email": "{email}"}',
    "reset": 'POST /api/reset {"token": "{token}", "password": "{password}"}',
    "sign_in": 'POST /api/login {"email": "{email}", "password": "{password}"}',
    "change": 'POST /api/password {"current": "{old}", "password": "{password}"}',
    "private": "GET /api/me",
}
WAYS = pytest.mark.parametrize("calls", [pytest.param(FORMS, id="forms"), pytest.param(API, id="api")])
EACH = pytest.mark.parametrize(
    "calls", [pytest.param(FORMS, id="forms"), pytest.param(API, id="api", marks=pytest.mark.nightly)]
)


def inbox(stack: AsyncExitStack) -> tuple[CapturedMails, int]:
    """Start an inbox, and return its mails and its port."""
    mails = CapturedMails()
    server = SmtpServer(stack.enter_context(socket.create_server(("127.0.0.1", 0))), mails)
    stack.enter_context(server.running())
    return mails, server.address[1]


async def probed(fault: str, calls: Mapping[str, Any], patience: Patience = PATIENCE, **named: Any) -> Report:
    async with AsyncExitStack() as stack:
        mails, port = inbox(stack)
        shop = Shop(port, fault, second_step=bool(named.get("second_step")))
        stack.enter_context(shop.sending())
        shop.base_url = stack.enter_context(serving(shop.app()))
        target = Target(url=shop.base_url, accounts=[ANN, BOB], **calls, **named)
        return await Probe(target, mails, patience).run()


def names(report: Report, verdict: Verdict) -> set[str]:
    return {outcome.attack.name for outcome in report.outcomes if outcome.verdict == verdict}


def story(report: Report) -> str:
    return "\n".join(f"{one.attack.name}: {one.verdict}: {one.why}" for one in report.outcomes)


@EACH
@pytest.mark.parametrize("fault", [name for name in ATTACKS if name not in {MEASURED, "second-step-skipped"}])
async def test_a_fault_fails_the_attack_of_its_name_alone(fault: str, calls: Mapping[str, Any]) -> None:
    report = await probed(fault, calls)

    assert names(report, Verdict.FAILED) == {fault}, story(report)
    assert names(report, Verdict.UNSURE) == set(), story(report)


@WAYS
async def test_nothing_fails_in_a_shop_without_a_fault(calls: Mapping[str, Any]) -> None:
    report = await probed("", calls)

    assert names(report, Verdict.PASSED) == ATTACKS.keys() - UNTRIED, story(report)


@WAYS
@pytest.mark.parametrize("fault", ["", "second-step-skipped"])
async def test_a_reset_signs_nobody_in_who_has_a_second_step(fault: str, calls: Mapping[str, Any]) -> None:
    report = await probed(fault, calls, second_step=True)

    assert names(report, Verdict.FAILED) == {fault} - {""}, story(report)
    assert ("second-step-skipped" in names(report, Verdict.PASSED)) == (not fault), story(report)


@pytest.mark.nightly
@WAYS
@pytest.mark.parametrize("fault", ["", MEASURED])
async def test_times_are_measured(fault: str, calls: Mapping[str, Any]) -> None:
    report = await probed(fault, calls, MEASURING)

    assert names(report, Verdict.FAILED) == {fault} - {""}, story(report)


@pytest.mark.any_database
async def test_keyturn_passes_every_attack(database_url: str) -> None:
    served: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await served["app"](scope, receive, send)

    async with AsyncExitStack() as stack:
        mails, port = inbox(stack)
        url = await stack.enter_async_context(serving_here(app))
        rates = dict.fromkeys(("request", "client", "login", "account"), "1000/minute")
        settings = settings_for(
            database_url,
            base_url=url,
            mail={"transport": "smtp", "from": "Northwind School <no-reply@northwind.example>"},
            smtp={"host": "127.0.0.1", "port": port, "security": "none"},
            limits={**rates, "mailbox_cooldown": "0s", "mailbox_daily": 15},
        )
        service = await stack.enter_async_context(running(settings, worker=True, sends=True))
        served["app"] = service.app
        for address in (ANN, BOB):
            await service.add(address)

        change = 'POST /api/auth/change-password {"currentPassword": "{old}", "newPassword": "{password}"}'
        report = await Probe(Target(url=url, accounts=[ANN, BOB], change=change), mails, PATIENCE).run()

    assert names(report, Verdict.FAILED) == set(), story(report)
    assert names(report, Verdict.PASSED) == ATTACKS.keys() - UNTRIED
