"""docs/reliability.md, "PostgreSQL fails over": what a standby that lost the last second means for users."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.driver.elsewhere import Elsewhere
from tests.driver.routes import REQUEST
from tests.driver.service import NEW_PASSWORD, NO_COOLDOWN, NOBODY, PASSWORD, Service, problem, running, settings_for
from tests.programs import require_program
from tests.servers.mail_providers.answers import Mail
from tests.servers.mail_providers.resend import API_KEY, ResendServer
from tests.worlds.reliability.postgresql_pair import Pair, running_pair

from keyturn import Account, AccountStore

pytestmark = pytest.mark.long

ADA, BO, CY, DI = "ada@northwind.test", "bo@northwind.test", "cy@northwind.test", "di@northwind.test"


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Start a primary and a standby; `indirect` True makes the primary wait for the standby."""
    postgres = require_program("postgres", "postgresql")
    with running_pair(postgres, is_synchronous=getattr(request, "param", False)) as pair:
        yield pair


@asynccontextmanager
async def serving(
    pair: Pair, resend: ResendServer, store: AccountStore | None = None, *, patience: timedelta = timedelta(seconds=20)
) -> AsyncIterator[Service]:
    """Run a service that sends through Resend, with four accounts. Its worker runs when a test calls `deliver`.

    `store`: accounts in another system, in place of the four.
    `patience`: how long it waits for a database. Tests in which none answers wait that long.
    """
    settings = settings_for(
        pair.url,
        database={"url": pair.url, "timeout": patience},
        mail={"transport": "resend", "from": "Northwind School <no-reply@northwind.example>"},
        resend={"api_url": resend.url, "api_key": API_KEY, "rate": 1000},
        limits=NO_COOLDOWN,
    )
    async with running(settings, accounts=store, sends=True) as service:
        for email in () if store else (ADA, BO, CY, DI):
            await service.add(email)
        yield service


def mails_to(resend: ResendServer, email: str) -> list[Mail]:
    return [mail for mail in resend.accepted if mail.fields["to"] == [email]]


def templates(resend: ResendServer, email: str) -> list[str]:
    return [
        tag["value"] for mail in mails_to(resend, email) for tag in mail.fields["tags"] if tag["name"] == "template"
    ]


def newest_token(resend: ResendServer, email: str) -> str:
    text = mails_to(resend, email)[-1].fields["text"]
    (token,) = re.findall(r"/(?:reset-password|secure-your-account)/([\w-]{43})", text)
    return str(token)


async def link(service: Service, resend: ResendServer, email: str) -> str:
    await service.ask(email)
    await service.deliver()
    return newest_token(resend, email)


async def fail_over(pair: Pair, service: Service) -> None:
    await pair.lose_primary()
    await pair.promote()
    await answers_again(service)


async def answers_again(service: Service) -> None:
    while (await service.anywhere().get("/health/ready")).status_code != 200:
        pass


async def test_what_was_replicated_and_limits_go_on_under_the_new_primary(pair: Pair, resend: ResendServer) -> None:
    async with serving(pair, resend) as service:
        token = await link(service, resend, ADA)
        await service.ask(BO)
        client = service.at("198.51.100.7")
        answers = [(await client.post(REQUEST, json={"email": NOBODY})).status_code for _ in range(4)]
        assert answers == [202, 202, 202, 429]
        await pair.lose_what_follows()
        await fail_over(pair, service)

        assert (await client.post(REQUEST, json={"email": NOBODY})).status_code == 429
        await service.deliver()
        assert len(mails_to(resend, BO)) == 1
        assert (await service.reset(token)).status_code == 200
        await service.deliver()
        assert templates(resend, ADA) == ["password_reset", "password_changed"]


async def test_a_request_of_the_lost_second_is_gone_and_its_user_asks_again(pair: Pair, resend: ResendServer) -> None:
    async with serving(pair, resend, patience=timedelta(seconds=2)) as service:
        await pair.lose_what_follows()
        await service.ask(DI)
        await pair.lose_primary()
        assert problem(await service.anywhere().post(REQUEST, json={"email": DI})) == "503 unavailable"
        await pair.promote()
        await answers_again(service)
        await service.deliver()
        assert mails_to(resend, DI) == []
        assert await service.works(await link(service, resend, DI))


async def test_a_mail_of_the_lost_second_is_sent_again_and_a_reset_is_undone(pair: Pair, resend: ResendServer) -> None:
    async with serving(pair, resend) as service:
        token = await link(service, resend, CY)
        await service.ask(BO)
        await pair.lose_what_follows()
        assert (await service.reset(token)).status_code == 200
        await service.deliver()
        lost, button = newest_token(resend, BO), newest_token(resend, CY)
        await fail_over(pair, service)
        assert not await service.works(lost)
        assert await service.knows(PASSWORD, CY)
        assert await service.press(button) == "400 security-link-dead"

        assert (await service.reset(token, NEW_PASSWORD)).status_code == 200
        assert not await service.works(token)
        await service.deliver()
        assert templates(resend, CY) == ["password_reset", "password_changed", "password_changed"]
        assert len(mails_to(resend, BO)) == 2
        assert await service.works(newest_token(resend, BO))
        assert {(message.state, message.reason) for message in await service.messages()} == {("sent", None)}


async def test_a_lost_reset_stays_elsewhere_and_its_link_works_again(pair: Pair, resend: ResendServer) -> None:
    store = Elsewhere(Account(id="cy", email=CY))
    async with serving(pair, resend, store) as service:
        token = await link(service, resend, CY)
        await pair.lose_what_follows()
        assert (await service.reset(token)).status_code == 200
        await fail_over(pair, service)
        assert store.passwords == {"cy": NEW_PASSWORD}
        assert await service.works(token)
        await service.deliver()
        assert templates(resend, CY) == ["password_reset"]


@pytest.mark.parametrize("pair", [True], indirect=True)
async def test_a_synchronous_standby_loses_nothing_that_was_answered(pair: Pair, resend: ResendServer) -> None:
    async with serving(pair, resend, patience=timedelta(seconds=2)) as service:
        await service.ask(ADA)
        await pair.cut_off()
        assert problem(await service.anywhere().post(REQUEST, json={"email": DI})) == "503 unavailable"
        await fail_over(pair, service)
        await service.deliver()
        assert len(mails_to(resend, ADA)) == 1
        assert mails_to(resend, DI) == []
