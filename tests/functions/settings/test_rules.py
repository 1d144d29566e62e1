"""What must hold for a setting and between settings: a fault has the name of the setting and says
what to do.
"""

import tomllib
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path

import pytest
from tests.functions.settings.conftest import SIGN_IN, TABLE, Faults, Read, check_fault, name_in

from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import BCRYPT_PREFIXES

KNOWN = "use one of {now}, {now_ms}, {now_iso}, {random}, {null}"
SECTION = "is a section: write [{}]"
TAKEN = "is used by another page: choose another path"
NO_PATH = "must be a path such as /api/auth, without a slash at the end"
NO_PAGE = "needs a plain path for the hosted page..."
TOO_SHORT = "shorter than 32 characters"
ENCODE = "contains a space, a semicolon or a comma: percent-encode it"
PRODUCTION = "must be https in production..."
RATE = "must be a rate, as in 3/minute or 10/15 minutes, of 1 to 100000 requests, not '{}'"
STORE = "must be builtin, table, supabase, ldap or package.module:factory"
DATABASE = "not a database address: write one such as..."
FORMATS = ", ".join(sorted((*BCRYPT_PREFIXES, "django-pbkdf2")))
LDAP = f"""{SIGN_IN}accounts.store = "ldap"
accounts.ldap.bind_dn = "cn=keyturn,dc=example,dc=org"
accounts.ldap.base = "ou=people,dc=example,dc=org"
accounts.ldap.bind_password = "hunter2"
"""
ONE = f'{LDAP}accounts.ldap.servers = ["ldaps://dc1.example.org"]\n'
SUPABASE = f'{SIGN_IN}accounts.store = "supabase"\naccounts.supabase.service_role_key = "key"\n'
NEEDS_QUOTES = (
    """the name needs quotation marks, as in '"Acme, Inc." <accounts@northwind.example>'"""
)
TURNSTILE = (
    'challenge.method = "turnstile"\nchallenge.site_key = "site"\nchallenge.secret = "secret"\n'
)
FACTORS = f'{TABLE}second_step.source = "table"\nsecond_step.table.totp = "secret"\n'
TWILIO = """second_step.source = "builtin"
second_step.sms.account = "AC1"
second_step.sms.password = "secret"
second_step.sms.from = "+14155552671"
"""
SIGNED = 'webhooks.secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"\n'
MAILGUN = 'mail.transport = "mailgun"\nmailgun.api_key = "a-key"\n'
SES = (
    'mail.fallback = "ses"\nses.region = "eu-west-1"\nses.access_key_id = "AKIA"\n'
    'ses.secret_access_key = "a-key"\n'
)

FAULTS: list[tuple[str, str]] = [
    *((f'base_url = "{url}"', f"must be an address like https://account.example.org, not {url!r}")
      for url in ("ftp://a.example", "https://", "https://a.example/?x=1", "http://[::1")),
    *((f'base_url = "http://{host}"', PRODUCTION)
      for host in ("127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "8.8.8.8",
                   "[::2]")),
    *((f'{name} = "http://account.example.org"', PRODUCTION)
      for name in ("forgot_url", "sign_in_url")),
    ('reset_url = "http://account.example.org/{token}"', PRODUCTION),
    ('reset_url = "{base_url}/reset-password"', "needs the placeholder {token}"),
    ('reset_url = "{base_url}/{token}/{user}"',
     "has an unknown placeholder {user}: use one of base_url, email, token"),
    ('reset_url = "{base_url}/{token}/{}"',
     "has an unknown placeholder {}: use one of base_url, email, token"),
    ('reset_url = "{base_url}/{token"', "has a brace without its pair"),
    ('reset_url = "{base_url}/{token:d}"',
     "has a placeholder with a format: write only the name in the braces"),
    ('reset_url = "//app.example/{token}"',
     "must begin with {base_url} or https://, not '//app.example/{token}'"),
    ('reset_url = "{base_url}/{token}"', NO_PAGE),
    ('reset_url = "{base_url}/a/../{token}"', NO_PAGE),
    ('reset_url = "{base_url}/r?t=x{token}"', "needs {token} at the end of the path..."),
    ('forgot_url = ""', "must begin with {base_url} or https://..."),
    ('forgot_url = "{base_url}/"', NO_PAGE),
    ('forgot_url = "{base_url}/../x"', NO_PAGE),
    ('forgot_url = "{base_url}/{token}"',
     "has an unknown placeholder {token}: use one of base_url..."),
    ('forgot_url = "{base_url}/reset-password/open"',
     "/reset-password/open is also the path of..."),
    ('forgot_url = "{base_url}/api/auth/change-password"',
     "/api/auth/change-password is used by..."),
    ('forgot_url = "{base_url}/keyturn.d.ts"', f"/keyturn.d.ts {TAKEN}"),
    ('sign_in_url = "{base_url}/webhooks/in"', f"/webhooks/in {TAKEN}"),
    ('forgot_url = "{base_url}/login"\nsign_in_url = "{base_url}/login"',
     "/login is also the path of forgot_url..."),
    ('secure_account.url = "{base_url}/secure"', "needs the placeholder {token}"),
    ('secure_account.url = "{base_url}/s/{token}/x"', "needs a plain path..."),
    ('secure_account.url = "{base_url}/s?t={token}"', "needs {token} at the end..."),
    ('secure_account.url = "{base_url}/login/{token}"', "/login is also the path of sign..."),
    ('secure_account.lock = true\nsecure_account.url = ""',
     "missing: without its button in mails..."),
    *((f'sign_in_url = "https://app.example.org{end}"', ENCODE)
      for end in ("; script-src *", " https://b.test", ",x")),
    *((f'{name} = "https://a.example.org,x"', ENCODE)
      for name in ("forgot_url", "brand.logo", "kinds.a.settings_url")),
    *((f'server.api_path = "{path}"', NO_PATH)
      for path in ("api", "/api/", "/a//b", "/a b", "/{x}", "/a?b", "/..", "/a/./b")),
    *((f'server.api_path = "{path}"', f"{path} {TAKEN}")
      for path in ("/health", "/webhooks/in", "/metrics", "/keyturn.js")),
    ('server.host = ""',
     "must be an address, such as 0.0.0.0 for all of IPv4, or :: for IPv6 as well, not ''"),
    ('server.trusted_proxies = ["10.0.0.1", "10.1.2.3/8", "proxy"]',
     "must be an IP address or network, not proxy"),
    ('server.trusted_proxies = "x"', "must be a list in which each item is a text, not 'x'"),
    *((f'server.allowed_origins = ["{origin}"]',
       f"must be an origin such as https://app.example.org, not {origin}")
      for origin in ("https://*.example.org", "*", "https://app@example.org", "https://h:port",
                     "https://App.example.org", "http://localhost:80", "null")),
    *((f'return_origins = ["{origin}"]', "must be origins such as...")
      for origin in ("*", "http://app.example.org", "app.example.org", "http://127.0.0.1:3000")),
    ('kinds.school.settings_url = "{base_url}/login"', "/login is also the path..."),
    ('kinds.school.settings_url = "{base_url}/{token}"',
     "has an unknown placeholder {token}: use one of..."),
    ('kinds.school.settings_url = "/settings"', "must begin with {base_url} or https://..."),
    ('kinds.school.settings_url = "http://a.example/x"', PRODUCTION),
    ('kinds.school.brand.support_address = "nobody"', "not an email address: nobody"),
    ('kinds.school.brand.logo = "http://a.example/x"', "must begin with https://..."),
    ('brand.support_address = "Help <h@b.example>"', "not an email address: Help <h@..."),
    ('brand.logo = "http://a.test/x.png"',
     "must begin with https://, or be a file, not 'http://a.test/x.png': ..."),
    *((f"brand.font = '''{font}'''", "must be...")
      for font in ("a; } body { color: red", "url(x)", "<b>", "`a`", '"open', "a,,b", "\\65",
                   '"O\'Neil"', '"R&D"')),
    *((f"brand.radius = {radius}", "must be...") for radius in (-1, 25, '"8px"')),
    ("token = 5", SECTION.format("token")),
    ("token.ttl = 30", "must be a duration, as in 90s, 30m, 1h or 7d, not 30"),
    ('token.ttl = "59s"', "must be at least a minute..."),
    ('database.timeout = "0s"', "must be more than 0 s"),
    ('database.url = ""', DATABASE),
    ('database.url = "mysql://app:hunter2@db.example/app"',
     ("must begin with sqlite:// or postgresql://: MySQL works for the accounts "
      "(accounts.table.url), but not for...")),
    ('worker.timeout = "60s"', "must be less than 60 s..."),
    ('timezone = "Mars/Olympus"', "no such time zone: Mars/Olympus"),
    ('timezone = "../../etc/passwd"', "no such time zone: ../../etc/passwd"),
    ('languages = ["de", "klingon!"]', "no such language: klingon!"),
    ('languages = ["ro"]', "no catalogue for ro: put one into `locales`"),
    *((f'languages = ["{tag}"]',
       f"no catalogue for {tag}: write {nearest}, or put one into `locales`")
      for tag, nearest in (("pt", "pt-BR"), ("zh", "zh-Hans"), ("no", "nb"))),
    ('locales = "nowhere"', "no catalogue in..."),
    ('mail.templates = "nowhere"', "no such folder: nowhere"),
    ('mail.templates = "keyturn.toml"', "is a file, not a folder: keyturn.toml"),
    ('mail.fallback = "resend"', "must be another provider than mail.transport..."),
    ('mail.fallback = "post"', f"must be one of {', '.join(sorted(PROVIDERS))}, not 'post'"),
    *((f'{MAILGUN}mailgun.domain = "{domain}"', "not a domain, such as mg.northwind.example")
      for domain in ("https://mg.northwind.example", "mg northwind", "mg.northwind.example/v3",
                     "a@b.example")),
    *((f'mail.fallback = "smtp"\nsmtp.host = "{host}"',
       "not a host, such as smtp.example.org: write its port into...")
      for host in ("smtp://mail.northwind.example", "mail.northwind.example:587", "mail northwind",
                   "[::1]", "a@b.example", "mail..northwind.example", "mail.northwind.example/")),
    *((f'{SES}ses.region = "{region}"'.replace('ses.region = "eu-west-1"\n', ""),
       "not a region, such as eu-west-1")
      for region in ("Ireland", "eu-west-1.evil.example/")),
    (f'{SES}ses.access_key_id = "ASIAKEYTURN"'.replace('ses.access_key_id = "AKIA"\n', ""),
     "is a temporary key, which expires within hours: use a key of an IAM user"),
    *((f'limits.request = "{rate}"', RATE.format(rate))
      for rate in ("", "3 a minute", "3", "3/fortnight", "3/minute; 100/day", "0/minute",
                   "3/0 minutes", "100001/day")),
    *((f'limits.{kind} = "many"', "must be a rate...")
      for kind in ("client", "login", "account", "overall")),
    ("password.min_length = 73", "must be a whole number from 1 to 72, not 73"),
    ('password.breaches = "http://mirror.example.org"', "must be..."),
    ("hashing.format = 'bcrypt-2x'",
     f"must be one of argon2id, {FORMATS}, werkzeug-scrypt, not 'bcrypt-2x'"),
    ('hashing.format = "argon2id"\nhashing.cost = 11',
     "has no effect with hashing.format argon2id: remove it"),
    (f'metrics.token = "{"x" * 31}"', TOO_SHORT),
    ('invitations.service_key = "short"', TOO_SHORT),
    (f'{TURNSTILE}challenge.url = "http://verify.example"', "must be..."),
    (f'{TURNSTILE}challenge.url = "https://a.example; img-src *"', "..."),
    *((f'{SIGNED}webhooks.url = "{url}"', "must be an address...")
      for url in ("https://", "http://[::1", "https://h:99999/x", "https://h:0/")),
    (f'{SIGNED}webhooks.url = "http://app.example.org/hook"', PRODUCTION),
    (f'{SIGNED}webhooks.url = "https://app:hunter2@app.example.org/"',
     "must not contain a user or a password: the signature proves that the call is Keyturn's"),
    *((f'{SIGN_IN}accounts.store = "{store}"', STORE + meant)
      for store, meant in (("tabel", "; did you mean table?"), ("shop.accounts", ""), ("a:b:c", ""),
                           (":store", ""), ("shop:", ""), ("a b:c", ""), ("a:b c", ""),
                           ("a-b:c", ""), ("a..b:c", ""), ("", ""))),
    (f'{TABLE}accounts.table.url = "mongodb://db.example"',
     "must begin with sqlite://, postgresql://, mysql:// or mariadb://..."),
    (f'{TABLE}accounts.table.url = "users.db"', DATABASE),
    (f'{TABLE}accounts.table.email = ""', "missing: the name of a column"),
    (f'{TABLE}accounts.table.password = ""',
     "missing: only the store supabase works without this column"),
    (f'{TABLE}accounts.table.delete = ["a.b", "a..b"]',
     "must be a table and its column, such as sessions.user_id, not a..b"),
    (f'{TABLE}accounts.table.set.at = "{{nwo}}"', f"has an unknown placeholder {{nwo}}: {KNOWN}"),
    (f'{TABLE}accounts.table.set.at = "{{now}}Z"',
     "{now} must be the whole value: remove the text around it"),
    (f'{TABLE}accounts.table.unlock.a = ""\naccounts.table.lock.a = "{{at}}"',
     "has an unknown placeholder {at}..."),
    (f'{TABLE}accounts.table.unlock.a = ""\naccounts.table.lock.a = "{{random}}"',
     "only accounts.table.set can have {random}"),
    (f"{TABLE}accounts.table.active = 3", "must be a text, or a list of texts, not 3"),
    (f'{SUPABASE}accounts.supabase.url = "http://project.supabase.co"',
     "must be https in production: over http, an attacker on the network can read..."),
    (f'{SUPABASE}accounts.supabase.url = "project.supabase.co"',
     "must be an address like https://app.example.org, not 'project.supabase.co'"),
    *((f'{LDAP}accounts.ldap.servers = ["{url}"]',
       "must be addresses like ldaps://dc1.example.org...")
      for url in ("dc1.example.org", "https://dc1.example.org", "ldaps://",
                  "ldaps://dc1.example.org/dc=example", "ldaps://a:b@dc1",
                  "ldaps://dc1..example.org", f"ldaps://{'a' * 64}.example.org",
                  "ldaps://dc1.example.org:port", "ldaps://dc1.example.org?x", "ldapi:///")),
    (f'{LDAP}accounts.ldap.kind = "active_directory"\naccounts.ldap.servers = ["ldap://127.0.0.1"]',
     "ldap://127.0.0.1 has no TLS, without which Active Directory..."),
    (f'{ONE}accounts.ldap.where."a=b" = "c"', "its name must be that of an attribute"),
    (f'{ONE}accounts.ldap.kind = "windows"', "must be..."),
    ('second_step.source = "buildin"',
     "must be none, builtin, table, supabase or package.module:factory; did you mean builtin?"),
    ('second_step.source = "supabase"', "is supabase, so accounts.store must be, too"),
    (f'{FACTORS}second_step.table.format = "fernet"\nsecond_step.table.key = "short"',
     "must be a Fernet key: 32 bytes in base64url"),
    (f'{FACTORS}second_step.table.key = "x"',
     "has no effect with second_step.table.format base32: remove it"),
    (TWILIO.replace("+1415", "1415").rstrip(), "must be a number such as +14155552671"),
    (f'{TWILIO}second_step.sms.api_url = "ftp://x"',
     "must be an address like https://app.example.org, not 'ftp://x'"),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "why"), FAULTS)
def test_what_cannot_work_is_a_fault_of_the_setting_in_the_last_line(
    faults: Faults, toml: str, why: str
) -> None:
    check_fault(faults(toml), name_in(toml), why)


@pytest.mark.parametrize(("sender", "why"), [
    *((f"{name} <no-reply@northwind.example>", NEEDS_QUOTES)
      for name in ("Acme, Inc.", "Foo: Bar", "no-reply@northwind.example", "Acme (UK)",
                   "Acme; Leeds", "Acme [UK]")),
    *((sender, "must be one address, not a list or a group")
      for sender in ("a@northwind.example, b@northwind.example", "Team: a@northwind.example;",
                     "Team:;")),
    *((sender, "has only one of the brackets < and > around its address")
      for sender in ("Northwind <no-reply@northwind.example", "no-reply@northwind.example>")),
    ('"no-reply@northwind.example"', "is in quotation marks: remove them"),
    *((sender, f"not an email address: {sender}")
      for sender in ("nobody", "nobody@", "Northwind no-reply@northwind.example",
                     "no-reply@northwind.example (Northwind)", "Northwind <no-reply>",
                     "no-reply@north_wind.example", '"no reply"@northwind.example')),
])  # fmt: skip
def test_sender_has_one_meaning(faults: Faults, sender: str, why: str) -> None:
    """A sender that mail programs read in several ways is refused, and the fault says what is
    right.
    """
    assert faults(KEYTURN_MAIL_FROM=sender) == {"mail.from": why}


PROXY = (
    "must be an address like http://proxy.example.org:3128; write a # in its password as %23, "
    "a / as %2F"
)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://user:p#s@proxy.example:3128", PROXY),
        ("http://user:p/s@proxy.example:3128", PROXY),
        ("http://proxy.example:99999", PROXY),
        ("http://[::1", PROXY),
        ("http://", PROXY),
        ("proxy.example:port", PROXY),
        ("socks://127.0.0.1:1080/", "must begin with http://, https:// or socks5://"),
    ],
)
def test_unusable_proxy(faults: Faults, name: str, url: str, why: str) -> None:
    """A proxy of the environment that no call could use is a fault of its variable, without its
    password.
    """
    assert faults(**{name: url}) == {name: why}


def test_socks_needs_a_package(faults: Faults, read: Read) -> None:
    """A SOCKS proxy without the package for it is a fault that names the package."""
    if find_spec("socksio"):
        assert read(ALL_PROXY="socks5://127.0.0.1:1080")
        return
    assert faults(ALL_PROXY="socks5://127.0.0.1:1080") == {
        "ALL_PROXY": "needs a package for SOCKS: run `pip install socksio`"
    }


@pytest.mark.parametrize(
    "variables",
    [
        {
            "HTTPS_PROXY": "http://user:p%23s@proxy.example:3128",
            "NO_PROXY": "localhost,[::1],10.0.0.0/8, .example.org",
        },
        {"HTTP_PROXY": "proxy.example:3128", "https_proxy": "", "HTTPS_PROXY": "socks://ignored"},
        {"ALL_PROXY": "socks://127.0.0.1:1080/", "NO_PROXY": "localhost, *"},
        {"ALL_PROXY": "socks://127.0.0.1:1080/", "KEYTURN_MAIL_TRANSPORT": "capture"},
        {
            "ALL_PROXY": "socks://127.0.0.1:1080/",
            "KEYTURN_MAIL_TRANSPORT": "smtp",
            "KEYTURN_SMTP_HOST": "mail.example",
        },
        {"SSL_CERT_FILE": "/nonexistent/ca.pem", "KEYTURN_MAIL_TRANSPORT": "capture"},
    ],
)
def test_proxy_that_no_call_uses(read: Read, variables: dict[str, str]) -> None:
    """A proxy that works, or that no call of these settings uses, is no fault."""
    assert read(**variables)


@pytest.mark.parametrize(
    "transport", [{}, {"KEYTURN_MAIL_TRANSPORT": "smtp", "KEYTURN_SMTP_HOST": "mail.example"}]
)
def test_unusable_authorities(faults: Faults, tmp_path: Path, transport: dict[str, str]) -> None:
    """A file or a folder of authorities without a certificate is a fault of its variable."""
    (tmp_path / "empty.pem").touch()
    (tmp_path / "folder").mkdir()
    missing, empty, folder = (str(tmp_path / name) for name in ("ca.pem", "empty.pem", "folder"))
    for path, why in (
        (missing, f"no such file: {missing}"),
        (empty, f"contains no certificate in PEM: {empty}"),
        (folder, f"cannot be read: {folder}: Is a directory"),
    ):
        assert faults(SSL_CERT_FILE=path, **transport) == {"SSL_CERT_FILE": why}
    for path in (missing, folder):
        why = f"must be a folder of certificates, which `openssl rehash` has prepared, not {path}"
        assert faults(SSL_CERT_DIR=path) == {"SSL_CERT_DIR": why}


def test_folder_of_counts(faults: Faults, tmp_path: Path) -> None:
    """A folder for counts of several processes that does not exist is a fault of its variable."""
    missing = str(tmp_path / "counts")
    why = f"must be a folder in which this process may write, not {missing}"
    assert faults(PROMETHEUS_MULTIPROC_DIR=missing) == {"PROMETHEUS_MULTIPROC_DIR": why}


CHALLENGE_KEYS = ("challenge.site_key", "challenge.secret")
OTHERS: list[tuple[str, dict[str, str]]] = [
    ('forgot_url = "{base_url}/login"',
     {"sign_in_url": "/login is also the path of forgot_url: choose another"}),
    (f"{TABLE}secure_account.lock = true",
     {"accounts.table.lock": "missing: secure_account.lock is set"}),
    (f'{TABLE}accounts.table.lock.status = "x"',
     {"accounts.table.unlock": "missing: accounts.table.lock is set"}),
    (f'{SIGN_IN}accounts.store = "table"',
     {"accounts.table.table": "missing: accounts.store is table"}),
    (f'{SUPABASE}accounts.supabase.url = "https://x.co"\naccounts.table.name = "name"',
     {"accounts.table.table": "missing: accounts.table is set"}),
    (f'{SIGN_IN}accounts.store = "supabase"',
     dict.fromkeys(("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"),
                   "missing: accounts.store is supabase")),
    ('accounts.ldap.base = "dc=example"',
     {"accounts.ldap": "is set, but accounts.store is builtin"}),
    ('accounts.table.table = "users"\naccounts.supabase.url = "https://a.example"',
     dict.fromkeys(("accounts.table", "accounts.supabase"),
                   "is set, but accounts.store is builtin")),
    (f'{TABLE}accounts.supabase.url = "https://a.test"',
     {"accounts.supabase": "is set, but accounts.store is table"}),
    (f'{SIGN_IN}accounts.store = "ldap"', {
        "accounts.ldap.servers": "must name one to 6 servers, such as ldaps://dc1.example.org",
        "accounts.ldap.bind_dn": "missing: the name of the service account",
        "accounts.ldap.base": "missing: the entry above the accounts",
        "accounts.ldap.bind_password": "missing: the password of the service account"}),
    ('second_step.source = "table"', {
        "accounts.table.table": "missing: second_step.source is table",
        "second_step.table.totp":
            "missing: set the column of the TOTP secrets, or second_step.table.phone"}),
    ('second_step.source = "builtin"\nsecond_step.table.totp = "secret"',
     {"second_step.table": "is set, but second_step.source is builtin"}),
    ((f'{TABLE}second_step.source = "table"\nsecond_step.table.table = "devices"\n'
      'second_step.table.phone = "phone"'), {
        "second_step.table.account": "missing: set the column with the account's id",
        "second_step.sms.account": "missing: second_step.table.phone is set"}),
    (f'{FACTORS}second_step.table.format = "fernet"',
     {"second_step.table.key": "missing: second_step.table.format is fernet"}),
    (TWILIO.replace("builtin", "none"),
     {"second_step.sms.account": "has no effect with second_step.source none: remove it"}),
    *((f'challenge.method = "{method}"',
       dict.fromkeys(CHALLENGE_KEYS, f"missing: challenge.method is {method}"))
      for method in ("turnstile", "hcaptcha")),
    ('challenge.method = "altcha"\nchallenge.site_key = "x"\nchallenge.secret = "y"',
     dict.fromkeys(CHALLENGE_KEYS, "has no effect with challenge.method altcha: remove it")),
    ('webhooks.url = "https://app.example.org/hook"',
     {"webhooks.secret": "missing: webhooks.url is set"}),
    (SIGNED, {"webhooks.url": "missing: webhooks.secret is set"}),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "found"), OTHERS)
def test_what_lacks_another_setting_or_contradicts_it_is_a_fault_of_that_one(
    faults: Faults, toml: str, found: dict[str, str]
) -> None:
    assert faults(toml) == found


DEVELOPMENT = 'environment = "development"\n'


@pytest.mark.parametrize("toml", [
    *(f'base_url = "http://{host}"'
      for host in ("127.0.0.1:80", "127.8.9.1", "[::1]:80", "localhost", "a.localhost")),
    *(f'{DEVELOPMENT}{name} = "http://a.test"'
      for name in ("base_url", "forgot_url", "sign_in_url", "webhooks.url")),
    f'{DEVELOPMENT}reset_url = "http://account.example.org/{{token}}"',
    'reset_url = "{base_url}/reset-password/{token}"',
    'reset_url = "{base_url}/reset?token={token}&email={email}"',
    'reset_url = "https://app.example/reset#token={token}"',
    'reset_url = "https://app.example/{{literal}}/{token}"',
    *(f'forgot_url = "{host}/account/forgot"'
      for host in ("{base_url}", "https://app.example.org")),
    ('sign_in_url = "https://app.example.org/metrics"\n'
     'forgot_url = "https://app.example.org/metrics"'),
    *(f'server.allowed_origins = ["{origin}"]'
      for origin in ("https://app.example.org", "http://localhost:5173", "http://[::1]:8080",
                     "capacitor://localhost")),
    'return_origins = ["https://app.example.org", "https://shop.example.org:8443"]',
    f'{DEVELOPMENT}return_origins = ["http://127.0.0.1:3000"]', 'challenge.method = "altcha"',
    "token.code = true",
    *(f'mail.fallback = "smtp"\nsmtp.host = "{host}"'
      for host in ("mail", "b\u00fccher.example", "2001:db8::1", "192.0.2.1")),
    'webhooks.url = "https://app.example.org/webhooks/keyturn"',
    'webhooks.url = "http://127.0.0.1:3000/hook"',
    *(f'{SIGN_IN}accounts.store = "{store}"'
      for store in ("builtin", "shop.accounts:store_for", "accounts:Store")),
    f'{SUPABASE}accounts.supabase.url = "http://127.0.0.1:54321"',
    TWILIO.rstrip().replace(".from", ".from_"),
    *(f'{LDAP}accounts.ldap.servers = ["{url}"]'
      for url in ("ldap://127.0.0.1:3890", "ldap://ldap.example.org",
                  "ldaps://[2001:db8::1]:6360")),
    f'{TABLE}accounts.table.set = {{ token = "{{random}}" }}',
    f'{TABLE}accounts.table.active = ["not a", "b = c | d"]',
    f'{ONE}accounts.ldap.kind = "active_directory"',
    f'{ONE}accounts.ldap.where = {{ employeeType = "staff" }}',
])  # fmt: skip
def test_what_can_work_is_read(read: Read, toml: str) -> None:
    name = name_in(toml)
    value = tomllib.loads(toml.rpartition("\n")[2].replace(name, "value", 1))["value"]
    signed = SIGNED if name == "webhooks.url" else ""

    settings = read(signed + toml.replace(".from_", ".from"))
    assert attrgetter(name)(settings) == (tuple(value) if isinstance(value, list) else value)


def test_an_api_at_the_root_leaves_other_paths_to_the_pages(faults: Faults, read: Read) -> None:
    assert set(faults('server.api_path = "/"')) == {"reset_url", "forgot_url"}
    assert [faults(f'server.api_path = "{path}"')["server.api_path"] for path in ("", "//")] == [
        NO_PATH
    ] * 2
    pages = (
        'reset_url = "{base_url}/new-password#token={token}"\nforgot_url = '
        '"{base_url}/forgot-password.html"\n'
    )
    assert read(f'{pages}server.api_path = "/"').server.api_path == "/"


@pytest.mark.parametrize(
    ("toml", "key", "why"),
    [
        ("", "", "missing: set it to 32 or more random characters"),
        ("", "x" * 31, TOO_SHORT),
        (DEVELOPMENT, "x" * 31, TOO_SHORT),
        (f"{DEVELOPMENT}token.code = true", "", "missing: token.code is on, and codes need it"),
    ],
)
def test_a_secret_key_is_long_and_production_and_codes_need_one(
    faults: Faults, toml: str, key: str, why: str
) -> None:
    assert faults(toml, KEYTURN_SECRET_KEY=key) == {"KEYTURN_SECRET_KEY": why}


@pytest.mark.parametrize(
    "toml",
    [
        'environment = "development"\nsecret_key = ""',
        'mail.transport = "capture"',
        'token.ttl = "60s"',
    ],
    ids=["no key in development", "no sender where mails are captured", "a link for a minute"],
)
def test_what_is_enough_is_read(read: Read, toml: str) -> None:
    key = {} if "secret_key" in toml else {"KEYTURN_SECRET_KEY": "x" * 32}
    sender = (
        {}
        if "capture" in toml
        else {"KEYTURN_MAIL_FROM": "Help <a@b.example>", "RESEND_API_KEY": "re_x"}
    )

    assert read(toml, bare=True, **key, **sender)


@pytest.mark.parametrize("store", ["table", "supabase", "shop.accounts:store"])
def test_an_app_says_where_its_people_sign_in(faults: Faults, read: Read, store: str) -> None:
    """A page of Keyturn's beside it would be a second way in, past what the first one asks."""
    toml = f'accounts.store = "{store}"\n' + (
        'accounts.table.table = "users"' if store == "table" else ""
    )
    missing = (
        "missing: set it to your app's sign-in page, or to {base_url}/login for Keyturn's page"
    )
    supabase = {
        "SUPABASE_URL": "https://project.supabase.co",
        "SUPABASE_SERVICE_ROLE_KEY": "service-role-key",
    }

    assert faults(toml, **supabase) == {"sign_in_url": missing}
    for page in ("https://app.example.org/login", "{base_url}/login"):
        assert read(toml, KEYTURN_SIGN_IN_URL=page, **supabase).sign_in_page == page
    assert read().sign_in_page == "{base_url}/login", (
        "the built-in accounts sign in on Keyturn's page"
    )


COMPLETE = {
    "postmark": {"POSTMARK_SERVER_TOKEN": "a-token"},
    "sendgrid": {"SENDGRID_API_KEY": "a-key"},
    "mailgun": {"MAILGUN_API_KEY": "a-key", "KEYTURN_MAILGUN_DOMAIN": "mg.northwind.example"},
    "ses": {
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "AKIAKEYTURN",
        "AWS_SECRET_ACCESS_KEY": "a-key",
    },
}


@pytest.mark.parametrize("transport", [*COMPLETE, "smtp"])
def test_what_a_mail_provider_lacks_is_named_as_people_know_it(
    faults: Faults, transport: str
) -> None:
    names = [*map(PROVIDERS[transport].known_as, PROVIDERS[transport].needs)]
    without = (
        "; to save mails in .keyturn/mail instead of sending them, set "
        "KEYTURN_MAIL_TRANSPORT=capture"
    )
    for chosen_by, advice in (("transport", without), ("fallback", "")):
        told = f"missing: mail.{chosen_by} is {transport}{advice}"
        assert faults(f'mail.{chosen_by} = "{transport}"') == dict.fromkeys(names, told)


@pytest.mark.parametrize("transport", ["resend", *COMPLETE])
def test_a_key_is_sent_over_https_alone(faults: Faults, read: Read, transport: str) -> None:
    toml, key = (
        f'mail.transport = "{transport}"\n{transport}.api_url = ',
        COMPLETE.get(transport, {}),
    )

    check_fault(faults(f'{toml}"http://api.example"', **key), f"{transport}.api_url", PRODUCTION)
    check_fault(
        faults(f'{toml}"api.example"', **key), f"{transport}.api_url", "must be an address..."
    )
    assert read(f'{toml}"http://127.0.0.1:8025"', **key)
