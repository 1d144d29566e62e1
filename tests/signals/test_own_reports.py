"""One Keyturn tells another: its transmitter and its receiver understand each other."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.databases import Databases
from tests.serving import serving_here
from tests.signals.receiver import AUDIENCE, ISSUER, TOKEN, signals
from tests.signals.test_fetched_reports import drain
from tests.spec.service import ADA, PEOPLE, Service, Start, running, settings_for

from keyturn.reset.inviting import Campaign
from keyturn.reset.records.client import Client
from keyturn.reset.records.models import AuditRow
from keyturn.settings import Secret, SignalSettings, SignalTransmitter

pytestmark = pytest.mark.long

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


def hears(address: str, **fields: Any) -> SignalSettings:
    trusted: dict[str, Any] = {"issuer": ISSUER, "audiences": (AUDIENCE,), "jwks_url": f"{address}/signals/jwks.json"}
    transmitter = SignalTransmitter(**trusted, domains=("northwind.test",), ends_sessions=True, **fields)
    return SignalSettings(transmitters={"other": transmitter})


async def tell(sender: Service) -> None:
    """Let Ada reset her password at the sender, whose operator then asks her for another."""
    assert (await sender.reset(await sender.link())).is_success
    await sender.deliver()
    campaign = Campaign(name="november", operator=Client(operator="ops"), reason="A copy was stolen.")
    await sender.parts.operator_resets.ask(campaign, [ADA])
    await sender.deliver()
    await sender.deliver()


async def outcomes(receiver: Service) -> list[str]:
    rows = await receiver.rows(select(AuditRow.outcome).where(AuditRow.event == "mailbox_report"))
    return sorted(row["outcome"] for row in rows)


@ON_SQLITE
async def test_it_hears_what_it_fetches(start: Start, databases: Databases) -> None:
    polled = signals(other={"stream": "poll", "token": TOKEN})
    async with running(settings_for(url := databases.migrated(), signals=polled)) as sender:
        await _populate(sender)
        async with serving_here(sender.app) as address:
            receiver = await start(signals=hears(address, poll_from=f"{address}/signals/poll", token=TOKEN))
            client = await receiver.sign_in()
            await tell(sender)
            await drain(receiver)

            assert await outcomes(receiver) == ["noted", "sessions_ended"]
            assert (await client.get("/api/auth/me")).status_code == 401
            await drain(receiver)
            assert len(await outcomes(receiver)) == 2, "all events were acknowledged"
    databases.drop(url)


@ON_SQLITE
async def test_it_hears_what_is_pushed(start: Start, databases: Databases) -> None:
    secret = Secret("Bearer agreed-upon-by-both")
    other = {"push_to": Secret("http://127.0.0.1:9/"), "authorization": secret}
    async with running(settings_for(url := databases.migrated(), signals=signals(other=other))) as keys:
        async with serving_here(keys.app) as address:
            receiver = await start(signals=hears(address, authorization=secret))
            async with serving_here(receiver.app) as heard_at:
                other["push_to"] = Secret(f"{heard_at}/signals/events/other")
                async with running(settings_for(url, signals=signals(other=other))) as sender:
                    await _populate(sender)
                    await tell(sender)

        assert await outcomes(receiver) == ["noted", "sessions_ended"]
    databases.drop(url)


async def _populate(service: Service) -> None:
    await service.add(ADA, **PEOPLE[ADA])
