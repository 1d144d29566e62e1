"""What Prometheus reads at /metrics, and who else does not."""

import asyncio

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.driver.database import lose_database
from tests.driver.elsewhere import Readable
from tests.driver.reporting import HARD, WITH_WEBHOOK, deliver_all, provider_id, report
from tests.driver.service import (
    ADA,
    BEARER,
    CHANGE,
    LOGIN,
    METRICS_TOKEN,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    REQUEST,
    RESET,
    VALIDATE,
    Service,
    Start,
    problem,
    running,
    settings_for,
)
from tests.driver.statements import statements_sent
from tests.servers.databases import ON_SQLITE, Databases

from keyturn import Account, SendRefused, SendRetryable

pytestmark = pytest.mark.any_database

METRICS = "/metrics"
HERE, ELSEWHERE = "127.0.0.1", "198.18.0.1"
OTHERS = [
    {"Authorization": said}
    for said in (
        *("Bearer wrong", f"Basic {METRICS_TOKEN}", METRICS_TOKEN),
        *("Bearer ", f"Bearer {METRICS_TOKEN}x", "Bearer \u00e9"),
    )
]


async def figures(service: Service) -> dict[str, float]:
    """Return every sample by its name and labels, as in `keyturn_requests_total{request,accepted}`."""
    return samples(await service.anywhere().get(METRICS, headers=BEARER))


def samples(answer: httpx2.Response) -> dict[str, float]:
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["cache-control"] == "no-store"
    return {
        sample.name + (f"{{{','.join(sample.labels.values())}}}" if sample.labels else ""): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_requests_are_counted_once_by_what_became_of_them(start: Start) -> None:
    service = await start(limits={"request": "2/minute"})
    client = service.at(ELSEWHERE)
    for email in (ADA, NOBODY, ADA, "no address"):
        await client.post(REQUEST, json={"email": email})
    assert (await client.post(REQUEST, data={"email": ADA})).status_code == 415
    body = {"token": "x" * 43, "newPassword": NEW_PASSWORD, "confirmPassword": "something else"}
    assert problem(await client.post(RESET, json=body)) == "400 invalid-input"
    found = await figures(service)
    assert found["keyturn_requests_total{request,accepted}"] == 2
    assert found["keyturn_requests_total{request,limited}"] == 1
    assert found["keyturn_requests_total{request,malformed}"] == 2
    assert found["keyturn_requests_total{reset,malformed}"] == 1


async def test_links_are_counted_by_why_they_are_dead(service: Service) -> None:
    token = await service.link()
    assert await service.works(token)
    await service.reset(token)
    await service.reset(token)
    await service.check("x" * 43)
    found = await figures(service)
    assert found["keyturn_requests_total{validate,accepted}"] == 1
    assert found["keyturn_requests_total{validate,link_invalid}"] == 1
    assert found["keyturn_requests_total{reset,accepted}"] == 1
    assert found["keyturn_requests_total{reset,link_used}"] == 1


async def test_sign_ins_are_counted_and_every_hash_is_timed(service: Service) -> None:
    await service.sign_in()
    await service.anywhere().post(LOGIN, json={"email": ADA, "password": "wrong"})
    found = await figures(service)
    assert found["keyturn_requests_total{login,accepted}"] == 1
    assert found["keyturn_requests_total{login,credentials_rejected}"] == 1
    assert found["keyturn_password_hash_seconds_count"] == 2
    assert 0 < found["keyturn_password_hash_seconds_sum"] < 10


@ON_SQLITE
@pytest.mark.parametrize(
    ("route", "body", "kind"),
    [
        (VALIDATE, {}, "validate"),
        (RESET, {"newPassword": NEW_PASSWORD}, "reset"),
        (LOGIN, {"email": ADA, "password": PASSWORD}, "login"),
        (CHANGE, {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}, "change"),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" not in value else "",
)
@pytest.mark.long
async def test_accounts_that_are_away_make_a_service_unavailable_and_no_fault_of_ours(
    database_url: str, route: str, body: dict[str, str], kind: str
) -> None:
    store = Readable(Account(id="u-1", email=ADA))
    async with running(settings_for(database_url), accounts=store) as service:
        client, token = await service.sign_in(), await service.link()
        store.is_away = True
        answer = await client.post(route, json={"token": token, **body})
        found = await figures(service)
    assert problem(answer) == "503 unavailable"
    assert answer.headers["retry-after"] == "5"
    assert found[f"keyturn_requests_total{{{kind},unavailable}}"] == 1
    assert f"keyturn_requests_total{{{kind},failed}}" not in found


@ON_SQLITE
async def test_a_fault_of_ours_is_counted_as_failed(database_url: str) -> None:
    class Faulty(Readable):
        async def find(self, email: str) -> Account | None:
            raise KeyError(email)

    store = Faulty(Account(id="u-1", email=ADA))
    async with running(settings_for(database_url), accounts=store) as service:
        answer = await service.anywhere().post(LOGIN, json={"email": ADA, "password": PASSWORD})
        found = await figures(service)
    assert answer.status_code == 500
    assert found["keyturn_requests_total{login,failed}"] == 1


async def test_messages_are_counted_by_what_became_of_them(service: Service) -> None:
    service.inbox.failures.extend([SendRetryable("busy", retry_after=60), SendRefused("422 validation_error")])
    for email in (ADA, NOBODY, "grace@northwind.test"):
        await service.ask(email)
    await service.deliver()
    found = await figures(service)
    outcomes = {outcome: found.get(f"keyturn_messages_total{{reset_requested,{outcome}}}", 0) for outcome in OUTCOMES}
    assert outcomes == {"sent": 0, "dropped": 1, "retried": 1, "dead": 1}


OUTCOMES = ("sent", "dropped", "retried", "dead")


async def test_a_delivery_is_timed_from_its_promise(service: Service) -> None:
    await service.ask()
    service.let_time_pass(seconds=90)
    await service.deliver()
    found = await figures(service)
    assert found["keyturn_messages_total{reset_requested,sent}"] == 1
    assert found["keyturn_delivery_seconds_count{reset_requested}"] == 1
    assert 90 <= found["keyturn_delivery_seconds_sum{reset_requested}"] < 100


async def test_the_outboxs_depth_and_age_are_the_databases(start: Start) -> None:
    one, other = await start(), await start()
    await one.ask()
    one.let_time_pass(minutes=5)
    await one.ask(NOBODY)
    found = await figures(other)
    assert found["keyturn_outbox_waiting"] == 2
    assert 300 <= found["keyturn_outbox_oldest_seconds"] < 310
    await one.deliver()
    settled = await figures(other)
    assert (settled["keyturn_outbox_waiting"], settled["keyturn_outbox_oldest_seconds"]) == (0, 0)


async def test_a_webhook_that_waits_for_the_app_is_no_mail_that_waits(start: Start) -> None:
    service = await start(webhooks={"url": "http://127.0.0.1:9/", "secret": "whsec_" + "A" * 32})
    await service.ask_and_deliver()
    service.let_time_pass(minutes=59)
    await service.ask(NOBODY)
    service.let_time_pass(minutes=1)
    found = await figures(service)
    assert 3600 <= found["keyturn_outbox_oldest_seconds"] < 3610
    assert 60 <= found["keyturn_outbox_oldest_mail_seconds"] < 70


async def test_a_mailbox_that_gets_no_more_mail_is_counted_once_by_its_reason(start: Start) -> None:
    service = await start(resend=WITH_WEBHOOK)
    await service.ask_and_deliver()
    bounce = report("bounced", await provider_id(service), **HARD)
    await deliver_all(service, bounce, bounce)
    found = await figures(service)
    counted = {reason: found[f"keyturn_suppressions_total{{{reason}}}"] for reason in SUPPRESSIONS}
    assert counted == {"bounced": 1, "complained": 0, "suppressed": 0}


SUPPRESSIONS = ("bounced", "complained", "suppressed")


async def test_a_worker_counts_each_kind_and_outcome_from_zero(start: Start) -> None:
    service = await start(working=True)
    await service.ask()
    async with asyncio.timeout(10):
        await service.inbox.arrived.wait()
    found = await figures(service)
    assert found["keyturn_messages_total{reset_requested,dead}"] == 0
    assert found["keyturn_messages_total{password_changed,sent}"] == 0


async def test_a_process_says_whether_it_is_ready_as_its_health_does(database_url: str) -> None:
    store = Readable(Account(id="u-1", email=ADA))
    async with running(settings_for(database_url), accounts=store) as service:
        assert (await figures(service))["keyturn_ready"] == 1
        store.is_away = True
        service.let_time_pass(seconds=2)
        assert (await figures(service))["keyturn_ready"] == 0
        assert problem(await service.anywhere().get("/health/ready")) == "503 unavailable"


async def test_reading_the_figures_is_one_statement_beside_those_of_readiness(service: Service) -> None:
    with statements_sent() as statements:
        await figures(service)
    assert len([text for text in statements if "keyturn_outbox" in text]) == 1


async def test_two_apps_in_one_process_do_not_add_up(start: Start) -> None:
    one, other = await start(), await start()
    await one.ask()
    assert "keyturn_requests_total{request,accepted}" in await figures(one)
    assert "keyturn_requests_total{request,accepted}" not in await figures(other)


async def test_no_client_can_make_a_series(service: Service) -> None:
    before = set(await figures(service))
    await asyncio.gather(*(service.ask(f"somebody{number}@northwind.test") for number in range(20)))
    await service.anywhere().post(REQUEST + "/x", json={"email": ADA})
    new = {name for name in set(await figures(service)) - before if not name.endswith("_created{request,accepted}")}
    assert new == {"keyturn_requests_total{request,accepted}"}


async def test_where_the_database_is_gone_the_other_figures_stay(
    service: Service, databases: Databases, database_url: str
) -> None:
    await lose_database(service, databases.drop, database_url)
    found = await figures(service)
    assert found["process_resident_memory_bytes"] > 0
    assert found["keyturn_ready"] == 0
    assert str(found["keyturn_outbox_waiting"]) == "nan"


@pytest.mark.parametrize("address", [HERE, ELSEWHERE])
async def test_the_token_opens_the_figures_from_anywhere(service: Service, address: str) -> None:
    for sent in (BEARER, {}, *OTHERS):
        headers = [(name.encode(), said.encode()) for name, said in sent.items()]
        answer = await service.at(address).get(METRICS, headers=headers)
        assert answer.status_code == (200 if sent == BEARER else 404), sent
        assert ("keyturn_outbox_waiting" in answer.text) == (sent == BEARER)


async def test_without_a_token_no_client_reads_them_not_even_here(start: Start) -> None:
    service = await start(metrics={"token": ""})
    for sent in ({}, {"Authorization": "Bearer "}, BEARER):
        assert (await service.at(HERE).get(METRICS, headers=sent)).status_code == 404
