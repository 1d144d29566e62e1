"""What each provider's API says of the key and the sender, over real HTTP. No mail is sent."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from tests.commands.doctor.production import DKIM, SPF, domain
from tests.contracts.mail_providers.http_providers import PROVIDERS
from tests.servers.mail_providers import mailgun, ses
from tests.servers.mail_providers.answers import PROXY_PAGE, Answer, Trouble
from tests.servers.mail_providers.resend import API_KEY, SENDING_KEY
from tests.servers.mail_providers.server import ProviderServer
from tests.servers.serving import NOWHERE

from keyturn.mail.port.check_result import CheckResult
from keyturn.service.doctor.mail_provider import check_provider
from keyturn.service.settings import MailSettings, SecretStr, Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=PROVIDERS)
def running(request: pytest.FixtureRequest) -> Iterator[tuple[str, ProviderServer]]:
    with PROVIDERS[request.param].running() as server:
        yield request.param, server


@pytest.fixture
def provider(running: tuple[str, ProviderServer]) -> str:
    return running[0]


@pytest.fixture
def server(running: tuple[str, ProviderServer]) -> ProviderServer:
    running[1].forget()
    return running[1]


async def check(
    provider: str, url: str, key: str = "", environment: str = "production", **changes: Any
) -> list[CheckResult]:
    one, sender = PROVIDERS[provider], changes.pop("sender", "accounts@northwind.example")
    section = msgspec.structs.replace(one.settings(url), **changes)
    # Resend's other key may list domains, of which its server has none.
    key = key or (SENDING_KEY if provider == "resend" else getattr(section, one.key))
    section = msgspec.structs.replace(section, **{one.key: SecretStr(key)})
    mail = MailSettings(transport=provider, from_=sender)
    settings = Settings(mail=mail, environment=environment, **{provider: section})  # type: ignore[arg-type]
    found = list(await check_provider(settings, provider))
    assert key not in repr(found)
    return found


async def test_a_right_key_and_a_sender_that_may_send_are_fine_and_a_wrong_key_fails(
    provider: str, server: ProviderServer
) -> None:
    found = await check(provider, server.url)
    assert {finding.verdict for finding in found} == {"ok"}
    assert "works" in found[0].message
    (wrong,) = await check(provider, server.url, "wr0ng-key-of-nobodys")
    assert (wrong.verdict, "refused" in wrong.message, bool(wrong.fix)) == ("fail", True, True)


@pytest.mark.parametrize(
    "trouble", [PROXY_PAGE, Answer(429, {}), Answer(500, {})], ids=lambda one: str(one.status)
)
async def test_a_provider_in_trouble_is_no_verdict(
    provider: str, server: ProviderServer, trouble: Answer
) -> None:
    server.coming.append(trouble)
    (found,) = await check(provider, server.url)
    assert (found.verdict, found.message.startswith("could not be checked")) == ("warn", True)


async def test_an_address_without_the_provider_fails(provider: str, server: ProviderServer) -> None:
    status = (
        404 if provider == "resend" else 200
    )  # Resend's client takes a 200 that is no JSON for a disturbance
    server.coming += [Answer(status, html="<h1>It works!</h1>"), Trouble.DROP]
    unreachable = "cannot be reached"
    for url, said in (
        (server.url, "is not the API of"),
        (server.url, unreachable),
        (NOWHERE, unreachable),
    ):
        (found,) = await check(provider, url)
        assert (found.verdict, said in found.message) == ("fail", True)


Case = tuple[str, str, str, Mapping[str, Any], dict[str, Any]]
"""What is found, and for it: what the provider's server holds, and what the settings have."""


def of(
    name: str,
    verdict: str,
    said: str,
    *,
    fix: str = "",
    state: Mapping[str, Any] = {},
    **changes: Any,
) -> tuple[str, Case]:
    return name, (verdict, said, fix, state, changes)


def one_domain(name: str = "northwind.example", **changes: Any) -> dict[str, Any]:
    return {"domains": [domain(name, **changes)]}


SANDBOX = {"ID": 1, "Name": "Trying", "DeliveryType": "Sandbox"}
OWN = "northwind.example"
DEAF = "Authenticate the domain"
ADD = 'Add to your DNS: TXT resend._domainkey "p=MIGf"; then press'
RECORDS = [SPF | {"status": "verified"}, DKIM | {"status": "pending"}]


@pytest.mark.parametrize(
    ("running", "case"),
    [
        of(
            "resend",
            "fail",
            "pending",
            state=one_domain(status="pending", records=RECORDS),
            key=API_KEY,
            fix=ADD,
        ),
        of(
            "resend",
            "fail",
            "",
            state={"domains": []},
            key=API_KEY,
            fix="https://resend.com/domains",
        ),
        of(
            "resend",
            "fail",
            "",
            state=one_domain(f"mail.{OWN}"),
            key=API_KEY,
            fix=f"an address in mail.{OWN}",
        ),
        of("resend", "warn", "click tracking", state=one_domain(click_tracking=True), key=API_KEY),
        of("resend", "warn", "only the owner", sender="onboarding@resend.dev", fix="mail.from"),
        of("postmark", "warn", "Trying is a sandbox", state={"server": SANDBOX}),
        of("sendgrid", "ok", "may not list the account's domains", state={"scopes": ["mail.send"]}),
        of("sendgrid", "fail", "the key may not send", state={"scopes": ["whitelabel.read"]}),
        of(
            "sendgrid",
            "warn",
            f"^{OWN} is not authenticated$",
            state={"domains": {OWN: False}},
            fix=DEAF,
        ),
        of(
            "mailgun",
            "ok",
            f"^the key works for the domain {mailgun.DOMAIN}$",
            key=mailgun.SENDING_KEY,
        ),
        of("mailgun", "fail", "", domain="mg.northwind.eu", fix="https://api.eu.mailgun.net"),
        of("ses", "ok", "may not see the account", state={"account": None}),
        of("ses", "fail", "403 UnrecognizedClientException", access_key_id="AKIANOBODYS012345678"),
        of(
            "ses",
            "fail",
            "may not send in eu-west-1",
            state={"account": ses.ACCOUNT | {"SendingEnabled": False}},
        ),
        of(
            "ses",
            "warn",
            "in the sandbox",
            state={"account": ses.ACCOUNT | {"ProductionAccessEnabled": False}},
        ),
        of(
            "ses",
            "warn",
            f"the account has no verified domain {OWN} in eu-west-1",
            state={"domains": {}},
        ),
        of("ses", "warn", "no verified domain", state={"domains": {OWN: False}}),
    ],
    indirect=["running"],
)
async def test_what_a_provider_says_of_the_key_the_account_and_the_domain_is_told(
    provider: str, server: ProviderServer, case: Case
) -> None:
    verdict, said, fix, state, changes = case
    for name, value in state.items():
        setattr(server, name, value)
    found = await check(provider, server.url, **changes)
    (told,) = [one for one in found if one.verdict != "ok"] or found

    assert re.search(said, told.message)
    assert (told.verdict, fix in told.fix, bool(told.fix)) == (verdict, True, verdict != "ok")
    assert not vars(server)["accepted"]
