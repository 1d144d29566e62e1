"""Everything that is wrong is said at once, by the name the person wrote, and never with a
secret.
"""

import traceback

import pytest
from tests.functions.settings.conftest import TABLE, Faults, Read

from keyturn.errors import SettingsInvalid

WORD = "hunter2"


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
    ("name", "value"),
    [
        ("base_url", "localhost:3000"), ("forgot_url", "forgot"),
        ("brand.logo", "http://cdn.example/x.png"), ("challenge.url", "http://challenge.example"),
        ("password.breaches", "ranges.example"),
    ],
)  # fmt: skip
def test_a_value_that_was_not_understood_is_shown_under_the_name_that_was_written(
    read: Read, name: str, value: str
) -> None:
    variable = f"KEYTURN_{name.upper().replace('.', '_')}"
    with pytest.raises(SettingsInvalid) as invalid:
        read(**{variable: value})
    (fault,) = invalid.value.faults

    assert (fault.name, fault.origin) == (name, variable)
    assert str(fault).startswith(f"{variable}: must b")
    assert f", not '{value}'" in fault.message


def test_the_message_lists_each_on_a_line(read: Read) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(KEYTURN_SMTP_PORT="many", KEYTURN_TOKEN_TTL="soon")

    lines = str(invalid.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["KEYTURN_SMTP_PORT", "KEYTURN_TOKEN_TTL"]


def test_a_setting_that_cannot_be_read_is_not_also_called_missing(faults: Faults) -> None:
    found = faults(
        "[mail]\nfrom = 7",
        bare=True,
        RESEND_API_KEY="re_test",
        KEYTURN_SECRET_KEY="0123456789abcdef" * 2,
    )
    assert set(found) == {"mail.from"}


@pytest.mark.parametrize(
    ("toml", "name", "meant"),
    [
        ('bas_url = "https://a.example"', "bas_url", "; did you mean base_url?"),
        ('[mail]\nform = "a@b.example"', "mail.form", "; did you mean from?"),
        ("[tokens]\nttl = 1", "tokens", "; did you mean token?"),
        ("zzzzzz = 1", "zzzzzz", ""),
    ],
)
def test_an_unknown_key_in_the_file_may_be_a_slip(
    faults: Faults, toml: str, name: str, meant: str
) -> None:
    assert faults(toml) == {name: f"unknown setting{meant}"}


@pytest.mark.parametrize(
    "variables",
    [
        {"KEYTURN_SECRET_KEY": WORD * 5},
        {"KEYTURN_PREVIOUS_SECRET_KEYS": f"{WORD},{WORD}-older"},
        {"RESEND_API_KEY": f"re_{WORD}"},
        {"KEYTURN_SMTP_PASSWORD": WORD},
        {"KEYTURN_DATABASE_URL": f"postgresql://keyturn:{WORD}@db.example/keyturn"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_a_secret_is_not_in_the_repr_of_the_settings(read: Read, variables: dict[str, str]) -> None:
    settings = read(**variables)

    assert WORD not in repr(settings)
    assert WORD not in str(settings)


@pytest.mark.parametrize(
    ("toml", "variables", "names"),
    [
        ("", {"KEYTURN_SECRET_KEY": WORD}, {"KEYTURN_SECRET_KEY"}),
        (
            "",
            {"KEYTURN_DATABASE_URL": f"mysql://keyturn:{WORD}@db.example/keyturn"},
            {"database.url"},
        ),
        ("", {"KEYTURN_WEBHOOKS_URL": WORD}, {"webhooks.url", "webhooks.secret"}),
        ("", {"KEYTURN_BASE_URL": f"me:{WORD}@a.example"}, {"base_url"}),
        ("", {"KEYTURN_SECOND_STEP_SMS_FROM": WORD}, {"second_step.sms.from"}),
        (f'{TABLE}accounts.table.url = "mssql://{WORD}/x"', {}, {"accounts.table.url"}),
        (
            (
                f'previous_secret_keys = {{ word = "{WORD}" }}\n'
                f'[smtp]\npassword = {{ word = "{WORD}" }}'
            ),
            {},
            {"previous_secret_keys", "smtp.password"},
        ),
    ],
)
def test_what_may_be_a_secret_is_in_no_fault_or_traceback(
    read: Read, toml: str, variables: dict[str, str], names: set[str]
) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(toml, **variables)

    assert {fault.name for fault in invalid.value.faults} == names
    assert WORD not in "".join(traceback.format_exception(invalid.value))
    assert "mssql" not in toml or "mariadb://, not 'mssql://'" in str(invalid.value)
