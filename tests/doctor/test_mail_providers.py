"""What each provider's API says of the key and the sender, over real HTTP. No mail is sent."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.mail.providers.ports import closed_port
from tests.mail_providers import mailgun, postmark, sendgrid, ses
from tests.mail_providers.server import ProviderServer
from tests.resend_server.answers import PROXY_PAGE, Answer, Trouble

from keyturn.doctor.examination import check_provider
from keyturn.finding import Finding
from keyturn.mail.providers.mailgun import MailgunSettings
from keyturn.mail.providers.postmark import PostmarkSettings
from keyturn.mail.providers.sendgrid import SendGridSettings
from keyturn.mail.providers.ses import SesSettings
from keyturn.settings import MailSettings, Secret, Settings

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
]


def only(name: str) -> pytest.MarkDecorator:
    """Ask one provider alone."""
    return pytest.mark.parametrize("running", [one for one in PROVIDERS if one.name == name], indirect=True, ids=[name])


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
    assert found.mend


@pytest.mark.parametrize("trouble", [PROXY_PAGE, Answer(429, {}), Answer(500, {})], ids=lambda one: str(one.status))
async def test_a_provider_in_trouble_is_no_verdict(provider: Provider, server: ProviderServer, trouble: Answer) -> None:
    server.coming.append(trouble)
    (found,) = await check(provider, server.url)

    assert found.verdict == "warn"
    assert found.message.startswith("could not be checked")


async def test_something_else_at_the_address_fails(provider: Provider, server: ProviderServer) -> None:
    server.coming.append(Answer(200, html="<h1>It works!</h1>"))
    (found,) = await check(provider, server.url)

    assert found.verdict == "fail"
    assert "is not the API of" in found.message


@pytest.mark.parametrize("is_cut", [True, False])
async def test_nobody_at_the_address_fails(provider: Provider, server: ProviderServer, is_cut: bool) -> None:
    server.coming.append(Trouble.DROP)
    (found,) = await check(provider, server.url if is_cut else f"http://127.0.0.1:{closed_port()}")

    assert found.verdict == "fail"
    assert "cannot be reached" in found.message


@only("postmark")
async def test_a_sandbox_delivers_nothing(provider: Provider, server: postmark.PostmarkServer) -> None:
    server.server = {"ID": 1, "Name": "Trying", "DeliveryType": "Sandbox"}
    (warned,) = await check(provider, server.url)

    assert warned.verdict == "warn"
    assert "Trying is a sandbox" in warned.message


@only("postmark")
@pytest.mark.parametrize(("environment", "verdict"), [("production", "warn"), ("development", "ok")])
async def test_the_token_for_tests_sends_nothing(
    provider: Provider, server: postmark.PostmarkServer, environment: str, verdict: str
) -> None:
    (found,) = await check(provider, server.url, postmark.TEST_TOKEN, environment)

    assert found.verdict == verdict
    assert server.requests == []


@only("sendgrid")
@pytest.mark.parametrize(
    ("scopes", "verdict", "said"),
    [
        (["mail.send"], "ok", "may not list the account's domains"),
        (["whitelabel.read"], "fail", "the key may not send"),
        ([], "fail", "the key may not send"),
    ],
)
async def test_what_a_key_may_do_is_said(
    provider: Provider, server: sendgrid.SendGridServer, scopes: list[str], verdict: str, said: str
) -> None:
    server.scopes = scopes
    (found,) = await check(provider, server.url)

    assert found.verdict == verdict
    assert said in found.message


@only("sendgrid")
@pytest.mark.parametrize(
    ("domains", "said"),
    [({}, "is not authenticated"), ({"northwind.example": False}, "is not authenticated yet")],
)
async def test_a_domain_that_is_not_authenticated_is_a_warning(
    provider: Provider, server: sendgrid.SendGridServer, domains: dict[str, bool], said: str
) -> None:
    server.domains = domains
    _, found = await check(provider, server.url)

    assert (found.verdict, found.message) == ("warn", f"northwind.example {said}")
    assert "Authenticate the domain" in found.mend


@only("mailgun")
async def test_a_key_of_mailguns_that_may_only_send_is_fine(provider: Provider, server: mailgun.MailgunServer) -> None:
    (found,) = await check(provider, server.url, mailgun.SENDING_KEY)

    assert (found.verdict, found.message) == ("ok", f"the key works for the domain {mailgun.DOMAIN}")
    assert server.accepted == {}


@only("mailgun")
async def test_a_domain_of_the_other_region_is_named(provider: Provider, server: mailgun.MailgunServer) -> None:
    (found,) = await check(provider, server.url, domain="mg.northwind.eu")

    assert found.verdict == "fail"
    assert "https://api.eu.mailgun.net" in found.mend


@only("mailgun")
@pytest.mark.parametrize("state", ["unverified", "disabled"])
async def test_a_domain_that_may_not_send_is_named(
    provider: Provider, server: mailgun.MailgunServer, state: str
) -> None:
    server.domains = {mailgun.DOMAIN: state}
    _, found = await check(provider, server.url)

    assert (found.verdict, found.message) == ("fail", f"the domain {mailgun.DOMAIN} is {state}")


@only("ses")
async def test_a_key_of_awss_that_may_only_send_is_fine(provider: Provider, server: ses.SesServer) -> None:
    server.account = None
    (found,) = await check(provider, server.url)

    assert found.verdict == "ok"
    assert "may not see the account" in found.message


@only("ses")
async def test_a_key_id_that_aws_does_not_know_is_refused(provider: Provider, server: ses.SesServer) -> None:
    (found,) = await check(provider, server.url, access_key_id="AKIANOBODYS012345678")

    assert found.verdict == "fail"
    assert "403 UnrecognizedClientException" in found.message


@only("ses")
@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({"SendingEnabled": False}, "fail", "the account may not send in eu-west-1"),
        ({"ProductionAccessEnabled": False}, "warn", "the account is in the sandbox"),
        ({"SendQuota": {"MaxSendRate": 1.0}}, "warn", "SES accepts 1 mails a second, but ses.rate is 14"),
    ],
)
async def test_what_the_account_may_not_is_named(
    provider: Provider, server: ses.SesServer, changes: dict[str, Any], verdict: str, said: str
) -> None:
    server.account = {**ses.ACCOUNT, **changes}
    found = [one for one in await check(provider, server.url) if one.verdict != "ok"]

    assert [(one.verdict, said in one.message) for one in found] == [(verdict, True)]
    assert found[0].mend


@only("ses")
@pytest.mark.parametrize(
    ("domains", "verdict", "said"),
    [
        ({}, "warn", "the account has no domain northwind.example in eu-west-1"),
        ({"northwind.example": False}, "fail", "not verified"),
    ],
)
async def test_a_domain_that_is_not_verified_is_named(
    provider: Provider, server: ses.SesServer, domains: dict[str, bool], verdict: str, said: str
) -> None:
    server.domains = domains
    _, found = await check(provider, server.url)

    assert found.verdict == verdict
    assert said in found.message
