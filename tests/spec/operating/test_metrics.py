"""What Prometheus reads at /metrics, and who else does not."""

import asyncio
import re
from itertools import product

import pytest
from tests.driver.database import lose_database
from tests.driver.elsewhere import Readable
from tests.driver.operator import OPERATING
from tests.driver.reporting import HARD, WITH_WEBHOOK, deliver_all, provider_id, report
from tests.driver.routes import CHANGE, LOGIN, REQUEST, RESET, VALIDATE
from tests.driver.service import (
    ADA,
    BEARER,
    GRACE,
    METRICS_TOKEN,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
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


async def test_requests_are_counted_once_by_what_became_of_them_and_every_hash_is_timed(
    start: Start,
) -> None:
    service = await start(limits={"request": "2/minute"})
    client = service.at(ELSEWHERE)
    for email in (ADA, NOBODY, ADA, "no address"):
        await client.post(REQUEST, json={"email": email})
    assert (await client.post(REQUEST, data={"email": ADA})).status_code == 415
    body = {"token": "x" * 43, "newPassword": NEW_PASSWORD, "confirmPassword": "something else"}
    assert problem(await client.post(RESET, json=body)) == "400 invalid-input"
    token = await service.link()
    assert await service.works(token)
    for _ in range(2):
        await service.reset(token)
    await service.check("x" * 43)
    await service.sign_in(password=NEW_PASSWORD)
    await service.anywhere().post(LOGIN, json={"email": ADA, "password": "wrong"})
    assert {
        name: count for name, count in (await service.figures("requests_total")).items() if count
    } == {
        "request,accepted": 3,
        "request,limited": 1,
        "request,malformed": 2,
        "reset,malformed": 1,
        "validate,accepted": 1,
        "validate,link_invalid": 1,
        "reset,accepted": 1,
        "reset,link_used": 1,
        "login,accepted": 1,
        "login,credentials_rejected": 1,
    }
    found = await service.figures()
    assert found["password_hash_seconds_count"] == 3
    assert found["password_hash_seconds_sum"] > 0


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
        found = await service.figures()
    assert problem(answer) == "503 unavailable"
    assert answer.headers["retry-after"] == "5"
    assert found[f"requests_total{{{kind},unavailable}}"] == 1
    assert f"requests_total{{{kind},failed}}" not in found


async def test_messages_are_counted_by_what_became_of_them_and_timed_from_their_promise(
    service: Service,
) -> None:
    service.inbox.failures.extend(
        [SendRetryable("busy", retry_after=60), SendRefused("422 validation_error")]
    )
    for email in (ADA, NOBODY, GRACE):
        await service.ask(email)
    await service.deliver()
    await service.ask((await service.add("zoe@northwind.test")).email)
    service.let_time_pass(seconds=50)
    await service.deliver()
    found = await service.figures("messages_total")
    outcomes = {
        outcome: found[f"reset_requested,{outcome}"]
        for outcome in ("sent", "dropped", "retried", "dead")
    }
    assert outcomes == {"sent": 1, "dropped": 1, "retried": 1, "dead": 1}
    assert (await service.figures("delivery_seconds_count"))["reset_requested"] == 1
    assert 50 <= (await service.figures("delivery_seconds_sum"))["reset_requested"] < 60


@ON_SQLITE
async def test_documented_kinds(start: Start) -> None:
    """Each kind of message that the metrics count is in the table of docs/operating.md, and no
    other is.
    """
    service = await start(working=True)  # which counts each kind from zero
    await service.ask()
    async with asyncio.timeout(10):
        await service.inbox.arrived.wait()
    counted = {name.partition(",")[0] for name in await service.figures("messages_total")}
    table = OPERATING.read_text("utf-8").partition("| kind | message |\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()]
    documented = set(re.findall(r"`(\w+)`", " ".join(cells)))
    assert documented == {kind for kind in counted if not kind.startswith("webhook_")}
    assert "`webhook_...`" in table


async def test_the_outbox_s_depth_and_age_are_read_by_one_statement_and_a_webhook_is_no_mail(
    start: Start,
) -> None:
    one = await start(webhooks={"url": "http://127.0.0.1:9/", "secret": "whsec_" + "A" * 32})
    other = await start()
    await one.ask_and_deliver()
    one.let_time_pass(minutes=59)
    await one.ask(NOBODY)
    one.let_time_pass(minutes=1)
    with statements_sent() as statements:
        found = await other.figures()
    assert len([text for text in statements if "outbox" in text]) == 1
    assert found["outbox_waiting"] == 2
    assert 3600 <= found["outbox_oldest_seconds"] < 3610
    assert 60 <= found["outbox_oldest_mail_seconds"] < 70
    other.let_time_pass(minutes=60)
    await other.deliver()
    settled = await other.figures()
    assert (settled["outbox_waiting"], settled["outbox_oldest_seconds"]) == (0, 0)


async def test_a_mailbox_that_gets_no_more_mail_is_counted_once_by_its_reason(start: Start) -> None:
    service = await start(resend=WITH_WEBHOOK)
    await service.ask_and_deliver()
    bounce = report("bounced", await provider_id(service), **HARD)
    await deliver_all(service, bounce, bounce)
    assert await service.figures("suppressions_total") == {
        "bounced": 1,
        "complained": 0,
        "suppressed": 0,
    }


async def test_a_process_says_whether_it_is_ready_as_its_health_does(database_url: str) -> None:
    store = Readable(Account(id="u-1", email=ADA))
    async with running(settings_for(database_url), accounts=store) as service:
        assert (await service.figures())["ready"] == 1
        answer = await service.anywhere().get(METRICS, headers=BEARER)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert answer.headers["cache-control"] == "no-store"
        store.is_away = True
        service.let_time_pass(seconds=2)
        assert (await service.figures())["ready"] == 0
        assert problem(await service.anywhere().get("/health/ready")) == "503 unavailable"


async def test_no_client_can_make_a_series(service: Service, start: Start) -> None:
    other = await start()
    before = set(await service.figures())
    await asyncio.gather(*(service.ask(f"somebody{number}@northwind.test") for number in range(20)))
    await service.anywhere().post(REQUEST + "/x", json={"email": ADA})
    new = {
        name
        for name in set(await service.figures()) - before
        if not name.endswith("_created{request,accepted}")
    }
    assert new == {"requests_total{request,accepted}"}
    assert not new & set(await other.figures()), "two apps in one process do not add up"


async def test_without_a_database_other_figures_stay(
    service: Service, databases: Databases, database_url: str
) -> None:
    await lose_database(service, databases.drop, database_url)
    found = await service.figures()
    assert found["process_resident_memory_bytes"] > 0
    assert found["ready"] == 0
    assert str(found["outbox_waiting"]) == "nan"


async def test_the_token_opens_the_figures_anywhere_and_nothing_else_does(
    service: Service, start: Start
) -> None:
    right, without = BEARER["Authorization"], await start(metrics={"token": ""})
    wrong = (
        "Bearer wrong",
        f"Basic {METRICS_TOKEN}",
        METRICS_TOKEN,
        f"{right}x",
        "Bearer \u00e9",
        "Bearer ",
        None,
    )
    for address, said in product((HERE, ELSEWHERE), (right, *wrong)):
        headers = [] if said is None else [(b"authorization", said.encode())]
        answer = await service.at(address).get(METRICS, headers=headers)
        assert answer.status_code == (200 if said == right else 404), said
        assert ("outbox_waiting" in answer.text) == (said == right)
        assert (await without.at(address).get(METRICS, headers=headers)).status_code == 404
