"""What must hold between settings: production, addresses, links, limits."""

import pytest
from tests.functions.settings.reading import ENOUGH, Faults, Read

from keyturn.hosts import is_loopback


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


@pytest.mark.parametrize("url", ["ftp://a.example", "https://", "https://a.example/?x=1", "http://[::1"])
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
        ("{base_url}/{token}/{}", "has an unknown placeholder {}: use one of base_url, email, token"),
        ("{base_url}/{token", "has a brace without its pair"),
        ("{base_url}/{token:d}", "has a placeholder with a format: write only the name in the braces"),
        ("//app.example/{token}", "must begin with {base_url} or https://, not '//app.example/{token}'"),
    ],
)
def test_a_link_that_would_not_work_is_a_fault(faults: Faults, pattern: str, why: str) -> None:
    assert faults(KEYTURN_RESET_URL=pattern) == {"reset_url": why}


@pytest.mark.parametrize("origin", [
    "https://*.example.org", "*", "https://app@example.org", "https://h:port", "https://App.example.org",
    "http://localhost:80", "null",
])  # fmt: skip
def test_an_origin_is_one_and_stands_for_no_others(faults: Faults, origin: str) -> None:
    found = faults(KEYTURN_SERVER_ALLOWED_ORIGINS=origin)

    assert found == {"server.allowed_origins": f"must be an origin such as https://app.example.org, not {origin}"}


@pytest.mark.parametrize(
    "origin", ["https://app.example.org", "http://localhost:5173", "http://[::1]:8080", "capacitor://localhost"]
)
def test_origins_as_browsers_write_them_are_taken(read: Read, origin: str) -> None:
    assert read(KEYTURN_SERVER_ALLOWED_ORIGINS=origin).server.allowed_origins == (origin,)


def test_a_sender_is_an_address_with_or_without_a_name(faults: Faults, read: Read) -> None:
    variables = {name: value for name, value in ENOUGH.items() if name != "KEYTURN_MAIL_FROM"}

    assert faults('[mail]\nfrom = "nobody"', bare=True, **variables) == {"mail.from": "not an email address: nobody"}
    assert read('[mail]\nfrom = "Help <help@northwind.example>"', bare=True, **variables)


@pytest.mark.parametrize(
    "rate", ["", "three a minute", "3", "3/fortnight", "3/minute; 100/day", "0/minute", "3/0 minutes", "1000000/minute"]
)
@pytest.mark.parametrize("kind", ["request", "client", "login", "account", "overall"])
def test_a_limit_is_one_rate(faults: Faults, kind: str, rate: str) -> None:
    assert set(faults(f'[limits]\n{kind} = "{rate}"')) == {f"limits.{kind}"}


PROXIES = '[server]\ntrusted_proxies = ["10.0.0.1", "10.1.2.3/8", "proxy.example"]'
TOO_SHORT = "shorter than 32 characters"
TABLE = (
    'sign_in_url = "https://app.example.org/login"\n[accounts]\nstore = "table"\n[accounts.table]\ntable = "users"\n'
)
SOON = f'{TABLE}lock = {{ at = "{{soon}}" }}\nunlock = {{ at = "" }}'
TURNSTILE = '[challenge]\nmethod = "turnstile"\nsite_key = "site"\nsecret = "secret"\n'
LOGO = "http://northwind.example/logo.png"


@pytest.mark.parametrize(
    ("toml", "name", "why"),
    [
        ('[mail]\nfallback = "resend"', "mail.fallback", "must be another provider than mail.transport"),
        ('[password]\nbreaches = "http://mirror.example.org"', "password.breaches", ""),
        ('[worker]\ntimeout = "60s"', "worker.timeout", "must be less than 60 s"),
        ('[brand]\nsupport_address = "Help <h@b.example>"', "brand.support_address", "not an email address: Help <h@"),
        (f'[brand]\nlogo = "{LOGO}"', "brand.logo", f"must begin with https://, or be a file, not {LOGO!r}: browsers"),
        ('[token]\nttl = "59s"', "token.ttl", "must be at least a minute"),
        ('timezone = "Mars/Olympus"', "timezone", "no such time zone: Mars/Olympus"),
        ('timezone = "../../etc/passwd"', "timezone", "no such time zone: ../../etc/passwd"),
        (f'[metrics]\ntoken = "{"x" * 31}"', "metrics.token", TOO_SHORT),
        ('[database]\nurl = ""', "database.url", "not a database address: write one such as"),
        ('[invitations]\nservice_key = "short"', "invitations.service_key", TOO_SHORT),
        (PROXIES, "server.trusted_proxies", "must be an IP address or network, not proxy.example"),
        ('[secure_account]\nurl = "{base_url}/secure"', "secure_account.url", "needs the placeholder {token}"),
        ('[secure_account]\nurl = "{base_url}/s/{token}/x"', "secure_account.url", "needs a plain path"),
        ('[secure_account]\nurl = "{base_url}/s?t={token}"', "secure_account.url", "needs {token} at the end"),
        ('[secure_account]\nurl = "{base_url}/login/{token}"', "secure_account.url", "/login is also the path of sign"),
        ('[secure_account]\nurl = ""\nlock = true', "secure_account.url", "missing: without its button in mails"),
        (f"{TABLE}[secure_account]\nlock = true", "accounts.table.lock", "missing: secure_account.lock is set"),
        (f'{TABLE}lock = {{ status = "x" }}', "accounts.table.unlock", "missing: accounts.table.lock is set"),
        (SOON, "accounts.table.lock.at", "has an unknown placeholder {soon}"),
        (f'{TURNSTILE}url = "http://verify.example"', "challenge.url", "must be"),
        (f'{TURNSTILE}url = "https://a.example; img-src *"', "challenge.url", ""),
        ('forgot_url = "{base_url}/{token}"', "forgot_url", "has an unknown placeholder {token}: use one of base_url"),
    ],
)
def test_what_cannot_work_is_a_fault_by_its_name(faults: Faults, toml: str, name: str, why: str) -> None:
    found = faults(toml)

    assert set(found) == {name}
    assert found[name].startswith(why)


@pytest.mark.parametrize(
    ("key", "environment", "why"),
    [
        ("", "production", "32 or more random characters"),
        ("x" * 31, "production", TOO_SHORT),
        ("x" * 31, "development", TOO_SHORT),
    ],
)
def test_a_secret_key_is_long_and_production_needs_one(faults: Faults, key: str, environment: str, why: str) -> None:
    found = faults(KEYTURN_SECRET_KEY=key, KEYTURN_ENVIRONMENT=environment)

    assert set(found) == {"KEYTURN_SECRET_KEY"}
    assert why in found["KEYTURN_SECRET_KEY"]


@pytest.mark.parametrize(
    "toml",
    ['environment = "development"\nsecret_key = ""', '[mail]\ntransport = "capture"', '[token]\nttl = "60s"'],
    ids=["no key in development", "no sender where mails are captured", "a link for a minute"],
)
def test_what_is_enough_is_read(read: Read, toml: str) -> None:
    key = {} if "secret_key" in toml else {"KEYTURN_SECRET_KEY": "x" * 32}
    sender = {} if "capture" in toml else {"KEYTURN_MAIL_FROM": "a@b.example", "RESEND_API_KEY": "re_x"}

    assert read(toml, bare=True, **key, **sender)


def test_what_mysql_is_good_for_is_told(faults: Faults) -> None:
    found = faults(KEYTURN_DATABASE_URL="mysql://app:hunter2@db.example/app")

    assert "MySQL works for the accounts (accounts.table.url)" in found["database.url"]
    assert "hunter2" not in found["database.url"]


def test_one_line_switches_on_what_needs_nobody_else(read: Read) -> None:
    assert read('[challenge]\nmethod = "altcha"').challenge.method == "altcha"
    assert read("[token]\ncode = true").token.code


@pytest.mark.parametrize("method", ["turnstile", "hcaptcha"])
def test_a_service_needs_both_of_its_keys_and_altcha_none(faults: Faults, method: str) -> None:
    assert set(faults(f'[challenge]\nmethod = "{method}"')) == {"challenge.site_key", "challenge.secret"}
    assert set(faults('[challenge]\nmethod = "altcha"\nsite_key = "x"\nsecret = "y"')) == {
        "challenge.site_key",
        "challenge.secret",
    }


def test_codes_need_a_key_that_all_processes_know(faults: Faults) -> None:
    found = faults('environment = "development"\n[token]\ncode = true', KEYTURN_SECRET_KEY="")
    assert "codes need it" in found["KEYTURN_SECRET_KEY"]


def test_origins_are_read_and_none_is_allowed_by_default(read: Read) -> None:
    assert read().return_origins == ()
    origins = read('return_origins = ["https://app.example.org", "https://shop.example.org:8443"]').return_origins
    assert origins == ("https://app.example.org", "https://shop.example.org:8443")


@pytest.mark.parametrize("origin", ["*", "http://app.example.org", "app.example.org"])
def test_what_is_no_origin_of_https_is_refused(faults: Faults, origin: str) -> None:
    assert "must be origins such as" in faults(f'return_origins = ["{origin}"]')["return_origins"]


def test_an_origin_of_this_machine_is_fine_in_development_alone(faults: Faults, read: Read) -> None:
    local = 'return_origins = ["http://127.0.0.1:3000"]'
    assert "return_origins" in faults(local)
    assert read(f'environment = "development"\n{local}').return_origins == ("http://127.0.0.1:3000",)
