"""What each provider's API says of the key and the sender, over real HTTP. No mail is sent."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.mail.providers.deployment import NOWHERE
from tests.mail_providers import mailgun, postmark, sendgrid, ses
from tests.mail_providers.server import ProviderServer
from tests.resend_server.answers import PROXY_PAGE, Answer, Trouble
from tests.resend_server.server import SENDING_KEY, running_resend

from keyturn.mail.port.finding import Finding
from keyturn.mail.providers.mailgun import MailgunSettings
from keyturn.mail.providers.postmark import PostmarkSettings
from keyturn.mail.providers.resend import ResendSettings
from keyturn.mail.providers.sendgrid import SendGridSettings
from keyturn.mail.providers.ses import SesSettings
from keyturn.service.doctor.examination import check_provider
from keyturn.service.settings import MailSettings, Secret, Settings

pytestmark = pytest.mark.slow

Check = Callable[..., Any]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Says how to run a provider, and the settings for an address and a key. `right` is one that is taken."""

    name: str
    running: Callable[[], Any]
    settings: Callable[[str, str], Any]
    right: str


PROVIDERS = [
    Provider(
        name="postmark",
        running=postmark.running_postmark,
        settings=lambda url, key: PostmarkSettings(server_token=Secret(key), api_url=url),
        right=postmark.TOKEN,
    ),
    Provider(
        name="sendgrid",
        running=sendgrid.running_sendgrid,
        settings=lambda url, key: SendGridSettings(api_key=Secret(key), api_url=url),
        right=sendgrid.KEY,
    ),
    Provider(
        name="mailgun",
        running=mailgun.running_mailgun,
        settings=lambda url, key: MailgunSettings(api_key=Secret(key), api_url=url, domain=mailgun.DOMAIN),
        right=mailgun.KEY,
    ),
    Provider(
        name="ses",
        running=ses.running_ses,
        settings=lambda url, key: SesSettings(
            region=ses.REGION, access_key_id=ses.KEY_ID, secret_access_key=Secret(key), api_url=url
        ),
        right=ses.SECRET_KEY,
    ),
    Provider(
        name="resend",
        running=running_resend,
        settings=lambda url, key: ResendSettings(api_key=Secret(key), api_url=url),
        right=SENDING_KEY,
    ),
]
NAMED = {one.name: one for one in PROVIDERS}


@pytest.fixture(scope="module", params=PROVIDERS, ids=lambda provider: provider.name)
def running(request: pytest.FixtureRequest) -> Iterator[tuple[Provider, ProviderServer]]:
    with request.param.running() as server:
        yield request.param, server


@pytest.fixture
def provider(running: tuple[Provider, ProviderServer]) -> Provider:
    return running[0]


@pytest.fixture
def server(running: tuple[Provider, ProviderServer]) -> ProviderServer:
    running[1].forget()
    return running[1]


async def check(
    provider: Provider, url: str, key: str = "", environment: str = "production", **changes: Any
) -> list[Finding]:
    section = msgspec.structs.replace(provider.settings(url, key or provider.right), **changes)
    mail = MailSettings(transport=provider.name, from_="accounts@northwind.example")
    settings = Settings(mail=mail, environment=environment, **{provider.name: section})  # type: ignore[arg-type]
    found = list(await check_provider(settings, provider.name))
    assert {finding.check for finding in found} == {provider.name}
    assert (key or provider.right) not in repr(found) or key == postmark.TEST_TOKEN
    return found


async def test_a_right_key_and_a_sender_that_may_send_are_fine(provider: Provider, server: ProviderServer) -> None:
    found = await check(provider, server.url)

    assert {finding.verdict for finding in found} == {"ok"}
    assert "works" in found[0].message


async def test_a_wrong_key_fails(provider: Provider, server: ProviderServer) -> None:
    (found,) = await check(provider, server.url, "wr0ng-key-of-nobodys")

    assert found.verdict == "fail"
    assert "refused" in found.message
    assert found.fix


@pytest.mark.parametrize("trouble", [PROXY_PAGE, Answer(429, {}), Answer(500, {})], ids=lambda one: str(one.status))
async def test_a_provider_in_trouble_is_no_verdict(provider: Provider, server: ProviderServer, trouble: Answer) -> None:
    server.coming.append(trouble)
    (found,) = await check(provider, server.url)

    assert found.verdict == "warn"
    assert found.message.startswith("could not be checked")


async def test_something_else_at_the_address_fails(provider: Provider, server: ProviderServer) -> None:
    status = 404 if provider.name == "resend" else 200  # Resend's client takes a 200 that is no JSON for a disturbance
    server.coming.append(Answer(status, html="<h1>It works!</h1>"))
    (found,) = await check(provider, server.url)

    assert found.verdict == "fail"
    assert "is not the API of" in found.message


@pytest.mark.parametrize("is_cut", [True, False])
async def test_nobody_at_the_address_fails(provider: Provider, server: ProviderServer, is_cut: bool) -> None:
    server.coming.append(Trouble.DROP)
    (found,) = await check(provider, server.url if is_cut else NOWHERE)

    assert found.verdict == "fail"
    assert "cannot be reached" in found.message


def of(
    name: str, verdict: str, said: str, *, fix: str = "", state: dict[str, Any] | None = None, **changes: Any
) -> tuple[Provider, dict[str, Any], dict[str, Any], str, str, str]:
    """Return a case of one provider: what its server holds, what the settings have, and what is found then."""
    return NAMED[name], state or {}, changes, verdict, said, fix


def account(**changes: Any) -> dict[str, Any]:
    return {"account": ses.ACCOUNT | changes}


SANDBOX = {"ID": 1, "Name": "Trying", "DeliveryType": "Sandbox"}
OWN = "northwind.example"
DEAF = "Authenticate the domain"


@pytest.mark.parametrize(
    ("running", "state", "changes", "verdict", "said", "fix"),
    [
        of("postmark", "warn", "Trying is a sandbox", state={"server": SANDBOX}),
        of("sendgrid", "ok", "may not list the account's domains", state={"scopes": ["mail.send"]}),
        of("sendgrid", "fail", "the key may not send", state={"scopes": ["whitelabel.read"]}),
        of("sendgrid", "fail", "the key may not send", state={"scopes": []}),
        of("sendgrid", "warn", f"^{OWN} is not authenticated$", state={"domains": {}}, fix=DEAF),
        of("sendgrid", "warn", f"^{OWN} is not authenticated yet$", state={"domains": {OWN: False}}, fix=DEAF),
        of("mailgun", "ok", f"^the key works for the domain {mailgun.DOMAIN}$", key=mailgun.SENDING_KEY),
        of("mailgun", "fail", "", domain="mg.northwind.eu", fix="https://api.eu.mailgun.net"),
        *(
            of("mailgun", "fail", f"^the domain {mailgun.DOMAIN} is {word}$", state={"domains": {mailgun.DOMAIN: word}})
            for word in ("unverified", "disabled")
        ),
        of("ses", "ok", "may not see the account", state={"account": None}),
        of("ses", "fail", "403 UnrecognizedClientException", access_key_id="AKIANOBODYS012345678"),
        of("ses", "fail", "the account may not send in eu-west-1", state=account(SendingEnabled=False)),
        of("ses", "warn", "the account is in the sandbox", state=account(ProductionAccessEnabled=False)),
        of("ses", "warn", f"the account has no domain {OWN} in eu-west-1", state={"domains": {}}),
        of("ses", "fail", "not verified", state={"domains": {OWN: False}}),
    ],
    indirect=["running"],
)
async def test_what_a_provider_says_of_the_key_the_account_and_the_domain_is_told(
    provider: Provider,
    server: ProviderServer,
    state: dict[str, Any],
    changes: dict[str, Any],
    verdict: str,
    said: str,
    fix: str,
) -> None:
    for name, value in state.items():
        setattr(server, name, value)
    found = await check(provider, server.url, **changes)
    (told,) = [one for one in found if one.verdict != "ok"] or found

    assert told.verdict == verdict
    assert re.search(said, told.message)
    assert fix in told.fix
    assert bool(told.fix) is (verdict != "ok")
    assert vars(server)["accepted"] == {}


@pytest.mark.parametrize("running", [NAMED["postmark"]], indirect=True)
@pytest.mark.parametrize(("environment", "verdict"), [("production", "warn"), ("development", "ok")])
async def test_the_token_of_postmark_for_tests_sends_nothing(
    provider: Provider, server: ProviderServer, environment: str, verdict: str
) -> None:
    (found,) = await check(provider, server.url, postmark.TEST_TOKEN, environment)

    assert found.verdict == verdict
    assert server.requests == []
