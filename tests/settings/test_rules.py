"""What must hold between settings: production, addresses, links, limits."""

import pytest
from tests.settings.reading import ENOUGH, Faults, Read

from keyturn.hosts import is_loopback


def test_production_needs_a_secret_key(faults: Faults) -> None:
    found = faults(KEYTURN_SECRET_KEY="")

    assert set(found) == {"KEYTURN_SECRET_KEY"}
    assert "32 or more random characters" in found["KEYTURN_SECRET_KEY"]


def test_development_does_not(read: Read) -> None:
    assert read(KEYTURN_SECRET_KEY="", KEYTURN_ENVIRONMENT="development").secret_key == ""


@pytest.mark.parametrize("environment", ["production", "development"])
def test_a_short_secret_key_is_no_key_anywhere(faults: Faults, environment: str) -> None:
    found = faults(KEYTURN_SECRET_KEY="x" * 31, KEYTURN_ENVIRONMENT=environment)

    assert found == {"KEYTURN_SECRET_KEY": "shorter than 32 characters"}


@pytest.mark.parametrize("name", ["base_url", "reset_url", "forgot_url", "sign_in_url"])
def test_production_needs_https(faults: Faults, read: Read, name: str) -> None:
    url = "http://account.example.org" + ("/{token}" if name == "reset_url" else "")

    assert "must be https" in faults(f'{name} = "{url}"')[name]
    assert read(f'environment = "development"\n{name} = "{url}"')


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.8.9.1", "[::1]:8000", "localhost", "school.localhost"])
def test_http_on_this_machine_is_fine_in_production(read: Read, host: str) -> None:
    assert read(KEYTURN_BASE_URL=f"http://{host}").base_url == f"http://{host}"
    assert is_loopback(f"http://{host}")


@pytest.mark.parametrize("host", ["127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "8.8.8.8", "[::2]"])
def test_what_only_looks_like_this_machine_is_not_it(faults: Faults, host: str) -> None:
    assert set(faults(KEYTURN_BASE_URL=f"http://{host}")) == {"base_url"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "account.example.org",
        "ftp://a.example",
        "https://",
        "https://a.example/?x=1",
        "https://a.example/#x",
        "http://[::1",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_cannot_be_the_base_url(faults: Faults, url: str) -> None:
    assert (
        faults(KEYTURN_BASE_URL=url)["base_url"] == f"must be an address like https://account.example.org, not {url!r}"
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "{base_url}/reset-password/{token}",
        "{base_url}/reset?token={token}&email={email}",
        "https://app.example/reset#token={token}",
        "https://app.example/{{literal}}/{token}",
    ],
)
def test_a_link_can_have_any_of_these_shapes(read: Read, pattern: str) -> None:
    assert read(KEYTURN_RESET_URL=pattern).reset_url == pattern


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{base_url}/reset-password", "needs the placeholder {token}"),
        ("{base_url}/{token}/{user}", "has an unknown placeholder {user}: use one of base_url, email, token"),
        ("{base_url}/{token}/{0}", "has an unknown placeholder {0}: use one of base_url, email, token"),
        ("{base_url}/{token}/{}", "has an unknown placeholder {}: use one of base_url, email, token"),
        ("{base_url}/{token", "has a brace without its pair"),
        ("{base_url}/{token:d}", "has a placeholder with a format: write only the name in the braces"),
        ("{base_url}/{token!r}", "has a placeholder with a format: write only the name in the braces"),
        ("//app.example/{token}", "must begin with {base_url} or https://, not '//app.example/{token}'"),
        ("javascript:{token}", "must begin with {base_url} or https://, not 'javascript:{token}'"),
    ],
)
def test_a_link_that_would_not_work_is_a_fault(faults: Faults, pattern: str, why: str) -> None:
    assert faults(KEYTURN_RESET_URL=pattern) == {"reset_url": why}


@pytest.mark.parametrize("name", ["forgot_url", "sign_in_url"])
def test_only_the_reset_link_holds_a_token(faults: Faults, name: str) -> None:
    found = faults(f'{name} = "{{base_url}}/{{token}}"')

    assert found == {name: "has an unknown placeholder {token}: use one of base_url"}


def test_sending_through_resend_needs_its_key_and_a_sender(faults: Faults) -> None:
    found = faults(bare=True, KEYTURN_SECRET_KEY="x" * 32)

    assert set(found) == {"RESEND_API_KEY", "mail.from"}


def test_sending_over_smtp_needs_a_host_and_a_sender(faults: Faults) -> None:
    found = faults(bare=True, KEYTURN_SECRET_KEY="x" * 32, KEYTURN_MAIL_TRANSPORT="smtp")

    assert set(found) == {"smtp.host", "mail.from"}


def test_a_second_transport_needs_what_a_first_one_would(faults: Faults) -> None:
    assert faults(KEYTURN_MAIL_FALLBACK="smtp") == {"smtp.host": "missing: mail.fallback is smtp"}


def test_a_second_transport_is_another_one(faults: Faults) -> None:
    assert faults(KEYTURN_MAIL_FALLBACK="resend") == {"mail.fallback": "must be another provider than mail.transport"}


@pytest.mark.parametrize(
    "secret", ["whsec_c2hvcnQ=", "whsec_no base64", "c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz", "whsec_"]
)
def test_a_signing_secret_is_one_of_resends(faults: Faults, secret: str) -> None:
    found = faults(KEYTURN_RESEND_WEBHOOK_SECRET=secret)

    assert set(found) == {"resend.webhook_secret"}
    assert secret not in found["resend.webhook_secret"] or secret == "whsec_"


def test_a_good_signing_secret_is_taken(read: Read) -> None:
    secret = "whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz"

    assert read(KEYTURN_RESEND_WEBHOOK_SECRET=secret).resend.webhook_secret == secret


@pytest.mark.parametrize(
    "origin",
    [
        "https://*",
        "https://*.example.org",
        "*",
        "https://app@example.org",
        "https://a.example/",
        "https://h:port",
        "https://App.example.org",
        "https://app.example.org:443",
        "http://localhost:80",
        "null",
    ],
)
def test_an_origin_is_one_and_stands_for_no_others(faults: Faults, origin: str) -> None:
    found = faults(KEYTURN_SERVER_ALLOWED_ORIGINS=origin)

    assert found == {"server.allowed_origins": f"must be an origin such as https://app.example.org, not {origin}"}


@pytest.mark.parametrize(
    "origin", ["https://app.example.org", "http://localhost:5173", "http://[::1]:8080", "capacitor://localhost"]
)
def test_origins_as_browsers_write_them_are_taken(read: Read, origin: str) -> None:
    assert read(KEYTURN_SERVER_ALLOWED_ORIGINS=origin).server.allowed_origins == (origin,)


def test_capturing_needs_neither(read: Read) -> None:
    settings = read(bare=True, KEYTURN_SECRET_KEY="x" * 32, KEYTURN_MAIL_TRANSPORT="capture")

    assert settings.mail.transport == "capture"


def test_who_sends_nothing_needs_no_secrets(read: Read) -> None:
    assert read(bare=True, sending=False).secret_key == ""


def test_the_support_address_stands_alone(faults: Faults) -> None:
    fault = {"brand.support_address": "not an email address: Help <help@northwind.example>"}
    assert faults('[brand]\nsupport_address = "Help <help@northwind.example>"') == fault


def test_a_logo_is_fetched_over_https(faults: Faults) -> None:
    url = "http://northwind.example/logo.png"
    assert faults(f'[brand]\nlogo = "{url}"\nmail_logo = "{url}"') == {
        "brand.logo": f"must begin with https://, or be a file, not {url!r}: browsers fetch only those",
        "brand.mail_logo": f"must begin with https://, or be a file, not {url!r}: mail programs fetch only those",
    }


@pytest.mark.parametrize("name", ["mail.from", "mail.reply_to"])
def test_an_address_must_be_one(faults: Faults, read: Read, name: str) -> None:
    section, _, key = name.partition(".")
    variables = {name: value for name, value in ENOUGH.items() if name != "KEYTURN_MAIL_FROM"}
    sender = "" if name == "mail.from" else '[mail]\nfrom = "a@b.example"\n'
    table = f"{key} = " if section == "mail" and sender else f"[{section}]\n{key} = "

    assert faults(sender + table + '"nobody"', bare=True, **variables) == {name: "not an email address: nobody"}
    assert read(sender + table + '"Help <help@northwind.example>"', bare=True, **variables)


@pytest.mark.parametrize(
    "rate", ["", "three a minute", "3", "3/fortnight", "3/minute; 100/day", "0/minute", "3/0 minutes", "1000000/minute"]
)
@pytest.mark.parametrize("kind", ["request", "validate", "reset", "login", "account", "overall"])
def test_a_limit_is_one_rate(faults: Faults, kind: str, rate: str) -> None:
    assert set(faults(f'[limits]\n{kind} = "{rate}"')) == {f"limits.{kind}"}


@pytest.mark.parametrize(
    "host", ["https://a.example", "a.example:443", "*.example", "a example", "", "a.example/x", "["]
)
def test_a_host_that_is_answered_for_is_a_name_alone(faults: Faults, host: str) -> None:
    assert set(faults(f'[server]\nallowed_hosts = ["{host}"]')) == {"server.allowed_hosts"}


def test_a_trusted_proxy_is_an_address_or_a_network(faults: Faults) -> None:
    found = faults(KEYTURN_SERVER_TRUSTED_PROXIES="10.0.0.1,10.1.2.3/8,proxy.example")

    assert found == {"server.trusted_proxies": "must be an IP address or network, not proxy.example"}


@pytest.mark.parametrize("url", ["mysql://db.example/x", "keyturn.db", ""])
def test_there_are_two_kinds_of_database(faults: Faults, url: str) -> None:
    assert set(faults(KEYTURN_DATABASE_URL=url)) == {"database.url"}


def test_a_link_must_live_long_enough_to_be_used(faults: Faults, read: Read) -> None:
    assert set(faults(KEYTURN_TOKEN_TTL="59s")) == {"token.ttl"}
    assert read(KEYTURN_TOKEN_TTL="60s")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd"])
def test_a_time_zone_must_exist(faults: Faults, zone: str) -> None:
    assert set(faults(KEYTURN_TIMEZONE=zone)) == {"timezone"}


def test_a_lease_outlasts_the_time_out_of_a_provider(faults: Faults) -> None:
    assert faults(KEYTURN_MAIL_TIMEOUT="60s")["mail.timeout"].startswith("must be less than 60 s")


def test_the_token_of_the_figures_is_long_enough_not_to_be_guessed(faults: Faults) -> None:
    assert faults(KEYTURN_METRICS_TOKEN="x" * 31) == {"metrics.token": "shorter than 32 characters"}


def test_a_worker_needs_a_connection_beside_the_one_it_listens_on(faults: Faults) -> None:
    assert set(faults(KEYTURN_DATABASE_POOL_SIZE="1")) == {"KEYTURN_DATABASE_POOL_SIZE"}


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("ttl", '"59s"', "must be from a minute to 30 days"),
        ("ttl", '"31d"', "must be from a minute to 30 days"),
        ("service_key", '"short"', "shorter than 32 characters"),
    ],
)
def test_invitations_have_their_bounds(faults: Faults, key: str, value: str, why: str) -> None:
    assert faults(f"[invitations]\n{key} = {value}") == {f"invitations.{key}": why}
