"""Resend's answers about the key and the domain, over real HTTP."""

from typing import Any

import msgspec
import pytest
from tests.resend_server.server import API_KEY, SENDING_KEY, ResendServer

from keyturn.mail.port.finding import Finding
from keyturn.mail.providers.resend import ResendSettings
from keyturn.service.doctor.examination import check_provider
from keyturn.service.settings import MailSettings, Secret, Settings

pytestmark = pytest.mark.slow

SPF = {"record": "SPF", "name": "send", "type": "TXT", "value": "v=spf1 include:amazonses.com ~all"}
DKIM = {"record": "DKIM", "name": "resend._domainkey", "type": "TXT", "value": "p=MIGf"}


def domain(name: str = "northwind.example", status: str = "verified", **changes: Any) -> dict[str, Any]:
    records = [{**record, "status": status} for record in (SPF, DKIM)]
    plain = {"id": f"id-{name}", "name": name, "status": status, "records": records, "click_tracking": False}
    return plain | changes


async def check(settings: Settings, key: str = API_KEY) -> list[Finding]:
    resend = ResendSettings(api_key=Secret(key), api_url=settings.resend.api_url)
    found = list(await check_provider(msgspec.structs.replace(settings, resend=resend), "resend"))
    assert {finding.check for finding in found} == {"resend"}
    assert key not in repr(found)
    return found


async def test_a_domain_that_is_not_verified_names_the_records_to_add(
    resend: ResendServer, production: Settings
) -> None:
    records = [{**SPF, "status": "verified"}, {**DKIM, "status": "pending"}]
    resend.domains.append(domain(status="pending", records=records))
    (found,) = await check(production)

    assert found.verdict == "fail"
    assert "pending" in found.message
    assert 'TXT resend._domainkey "p=MIGf"' in found.fix
    assert "spf1" not in found.fix


async def test_a_domain_that_the_account_does_not_have_fails(resend: ResendServer, production: Settings) -> None:
    (none,) = await check(production)
    resend.domains.append(domain("mail.northwind.example"))
    (other,) = await check(production)

    assert [none.verdict, other.verdict] == ["fail", "fail"]
    assert "https://resend.com/domains" in none.fix
    assert "an address in mail.northwind.example" in other.fix


async def test_click_tracking_would_show_the_links_to_resend(resend: ResendServer, production: Settings) -> None:
    resend.domains.append(domain(click_tracking=True))
    fine, found = await check(production)

    assert [fine.verdict, found.verdict] == ["ok", "warn"]
    assert "click tracking" in found.message


@pytest.mark.parametrize("key", [API_KEY, SENDING_KEY])
async def test_the_sandbox_reaches_nobody_else(production: Settings, key: str) -> None:
    sandbox = msgspec.structs.replace(production, mail=MailSettings(from_="onboarding@resend.dev"))
    warned, fine = await check(sandbox, key)

    assert [warned.verdict, fine.verdict] == ["warn", "ok"]
    assert "mail.from" in warned.fix
