"""What a value may look like, in the file and in a variable."""

from datetime import timedelta
from operator import attrgetter

import pytest
from tests.functions.settings.reading import Faults, Read

from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import BCRYPT_PREFIXES
from keyturn.service.settings.building import parse_duration
from keyturn.service.settings.reading import environment_name

FORMATS = sorted((*BCRYPT_PREFIXES, "django-pbkdf2"))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("90s", timedelta(seconds=90)),
        (" 1 h ", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "30", "m", "30 minutes", "-1h", "1.5h", "1h30m", "soon", 30, None, True])
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="as in 90s, 30m, 1h or 7d"):
        parse_duration(text)


def test_a_variable_cannot_change_a_section_that_is_a_value(faults: Faults) -> None:
    found = faults("mail = 3", bare=True, sending=False, KEYTURN_MAIL_FROM="a@b.example")

    assert found == {"mail": "is a section: write [mail]"}


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        *(("token.code", text, text in {"true", "1"}) for text in ("true", "1", "false", "0")),
        ("smtp.port", "2525", 2525),
        ("server.trusted_proxies", "10.0.0.0/8, ::1,", ("10.0.0.0/8", "::1")),
        ("server.trusted_proxies", "", ()),
        ("previous_secret_keys", "one-old-key, another-old-key", ("one-old-key", "another-old-key")),
    ],
)
def test_a_variable_can_be_a_switch_a_number_and_a_list(read: Read, name: str, written: str, value: object) -> None:
    settings = read(**{environment_name(name): written})

    assert attrgetter(name)(settings) == value


@pytest.mark.parametrize(
    ("name", "written", "sentence"),
    [
        ("KEYTURN_TOKEN_TTL", "soon", "must be a duration, as in 90s, 30m, 1h or 7d, not 'soon'"),
        ("KEYTURN_HASHING_COST", "99", "must be a whole number from 10 to 16, not '99'"),
        ("KEYTURN_BRAND_LOGO_WIDTH", "0", "must be a whole number of at least 1, not '0'"),
        *(
            ("KEYTURN_SMTP_PORT", port, f"must be a whole number from 1 to 65535, not '{port}'")
            for port in ("", "smtp", "0", "65536", "587.5")
        ),
        ("KEYTURN_RESEND_RATE", "0", "must be a number above 0, not '0'"),
        ("KEYTURN_TOKEN_CODE", "maybe", "must be true or false, not 'maybe'"),
        ("KEYTURN_BRAND_ACCENT", "blue", "must be a colour as #rrggbb, not 'blue'"),
        ("KEYTURN_ENVIRONMENT", "prod", "must be one of development, production, not 'prod'"),
        ("KEYTURN_RETENTION_AUDIT", "99999999999999d", "too long"),
        ("KEYTURN_TOKEN_TLL", "5m", "unknown setting; did you mean KEYTURN_TOKEN_TTL?"),
    ],
)
def test_a_value_is_shown_with_what_it_has_to_be(faults: Faults, name: str, written: str, sentence: str) -> None:
    assert faults(**{name: written}) == {name: sentence}


def test_a_variable_of_kubernetes_is_told_from_a_misspelt_one(faults: Faults) -> None:
    sentence = "Kubernetes sets it for the Service keyturn: write enableServiceLinks: false into the pod"
    found = faults(KEYTURN_SERVICE_HOST="10.0.0.7", KEYTURN_PORT="tcp://10.0.0.7:8000")

    assert found == {"KEYTURN_SERVICE_HOST": sentence, "KEYTURN_PORT": sentence}


@pytest.mark.parametrize(
    ("toml", "name", "sentence"),
    [
        ("token = 5", "token", "is a section: write [token]"),
        ("[token]\nttl = 30", "token.ttl", "must be a duration, as in 90s, 30m, 1h or 7d, not 30"),
        ('[database]\ntimeout = "0s"', "database.timeout", "must be more than 0 s"),
        ('[server]\nhost = ""', "server.host", "is empty: use 0.0.0.0 for all IPv4 addresses, or :: for IPv6 as well"),
        ("[password]\nmin_length = 73", "password.min_length", "must be a whole number from 1 to 72, not 73"),
        (
            "[hashing]\nformat = 'bcrypt-2x'",
            "hashing.format",
            f"must be one of argon2id, {', '.join(FORMATS)}, werkzeug-scrypt, not 'bcrypt-2x'",
        ),
        (
            '[hashing]\nformat = "argon2id"\ncost = 11',
            "hashing.cost",
            "has no effect with hashing.format argon2id: remove it",
        ),
        ('[mail]\nfallback = "post"', "mail.fallback", f"must be one of {', '.join(sorted(PROVIDERS))}, not 'post'"),
        (
            '[limits]\nrequest = "many"',
            "limits.request",
            "must be a rate, as in 3/minute or 10/15 minutes, of 1 to 100000 requests, not 'many'",
        ),
        (
            '[server]\ntrusted_proxies = "x"',
            "server.trusted_proxies",
            "must be a list in which each item is a text, not 'x'",
        ),
    ],
)
def test_so_is_one_in_the_file(faults: Faults, toml: str, name: str, sentence: str) -> None:
    assert faults(toml) == {name: sentence}
