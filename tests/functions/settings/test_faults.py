"""Everything that is wrong is said at once, by the name the person wrote."""

import pytest
from tests.functions.settings.reading import Faults, Read

from keyturn.errors import SettingsInvalid

GOOD = {"KEYTURN_SECRET_KEY": "0123456789abcdef0123456789abcdef"}


def test_every_fault_is_told_at_once(faults: Faults) -> None:
    found = faults(
        'colour = "red"\n[token]\nttl = "soon"\n[mail]\nform = "a@b.example"',
        bare=True,
        KEYTURN_SMTP_PORT="many",
        KEYTURN_TOKN_TTL="1h",
        KEYTURN_BASE_URL="http://account.example.org",
    )

    assert set(found) == {
        "colour",
        "token.ttl",
        "mail.form",
        "KEYTURN_SMTP_PORT",
        "KEYTURN_TOKN_TTL",
        "base_url",
        "KEYTURN_SECRET_KEY",
        "RESEND_API_KEY",
        "mail.from",
    }


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("base_url", "KEYTURN_BASE_URL", "localhost:3000"),
        ("forgot_url", "KEYTURN_FORGOT_URL", "forgot"),
        ("brand.font", "KEYTURN_BRAND_FONT", "url(x)"),
        ("brand.logo", "KEYTURN_BRAND_LOGO", "http://cdn.example/x.png"),
        ("challenge.url", "KEYTURN_CHALLENGE_URL", "http://challenge.example"),
        ("password.breaches", "KEYTURN_PASSWORD_BREACHES", "ranges.example"),
    ],
)
def test_a_value_that_was_not_understood_is_shown_under_the_name_that_was_written(
    read: Read, name: str, variable: str, value: str
) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(**{variable: value})
    (fault,) = invalid.value.faults

    assert (fault.name, fault.origin) == (name, variable)
    assert str(fault).startswith(f"{variable}: must b")
    assert f", not '{value}'" in fault.message


def test_what_may_be_a_password_is_not_shown(read: Read) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(
            'sign_in_url = "https://a.example"\n[accounts]\nstore = "table"\n[accounts.table]\ntable = "people"\n'
            'url = "mssql://hunter2/x"\nid = "id"\nemail = "email"\npassword = "p"',
            KEYTURN_WEBHOOKS_URL="hunter2",
            KEYTURN_BASE_URL="me:hunter2@a.example",
        )

    assert "hunter2" not in str(invalid.value)
    assert "mariadb://, not 'mssql://'" in str(invalid.value)


def test_the_message_lists_each_on_a_line(read: Read) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(KEYTURN_SMTP_PORT="many", KEYTURN_TOKEN_TTL="soon")

    assert [line.partition(":")[0] for line in str(invalid.value).splitlines()] == [
        "KEYTURN_SMTP_PORT",
        "KEYTURN_TOKEN_TTL",
    ]


def test_a_setting_that_cannot_be_read_is_not_also_called_missing(faults: Faults) -> None:
    assert set(faults("[mail]\nfrom = 7", bare=True, RESEND_API_KEY="re_test", **GOOD)) == {"mail.from"}


@pytest.mark.parametrize(
    ("toml", "name", "meant"),
    [
        ('bas_url = "https://a.example"', "bas_url", "; did you mean base_url?"),
        ('[mail]\nform = "a@b.example"', "mail.form", "; did you mean from?"),
        ("[tokens]\nttl = 1", "tokens", "; did you mean token?"),
        ("zzzzzz = 1", "zzzzzz", ""),
    ],
)
def test_an_unknown_key_in_the_file_may_be_a_slip(faults: Faults, toml: str, name: str, meant: str) -> None:
    assert faults(toml) == {name: f"unknown setting{meant}"}
