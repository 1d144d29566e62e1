"""`${NAME}` in the file: variables that the app has already, under its own names."""

import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from tests.functions.settings.conftest import Faults, Read

from keyturn.errors import SettingsInvalid
from keyturn.service.settings.reading import read_settings

APP = {
    "BASE_URL": "https://account.example.org",
    "EMAIL_FROM": "hello@northwind.example",
    "EMAIL_PASS": "hunter2-$x",
    "SMTP_PORT": "2525",
    "TRUE": "true",
    "LIFE": "45m",
    "PROXIES": "10.0.0.1, 10.0.0.2",
    "EMPTY": "",
    "FLAGS": "not deleted_at, not banned_at",
    "SEVERAL": "127.0.0.1, hunter2-$y",
    "API": "api/auth",
}


def test_a_text_may_hold_variables_anywhere_and_be_a_number_a_switch_a_duration_or_a_list(
    read: Read,
) -> None:
    settings = read(
        """
        base_url = "${BASE_URL}"
        sign_in_url = "${BASE_URL}/login"
        reset_url = "${BASE_URL}/reset/{token}"
        [brand]
        support_address = "${EMAIL_FROM}"
        name = "${EMPTY}${NAME:-Northwind School} of ${EMPTY:-Leeds}${EMPTY:-}"
        [server]
        allowed_origins = ["${BASE_URL}", "https://c.example"]
        trusted_proxies = "${PROXIES}"
        [smtp]
        port = "${SMTP_PORT}"
        [password]
        min_length = "${LENGTH:-8}"
        [token]
        ttl = "${LIFE}"
        code = "${TRUE}"
        [accounts]
        store = "table"
        table = { table = "users", active = "${FLAGS}", \
            set = { by = "${EMAIL_FROM}", must_change = false } }
        """,
        **APP,
    )

    assert settings.base_url == APP["BASE_URL"]
    assert settings.reset_url == "https://account.example.org/reset/{token}"
    assert settings.brand.support_address == "hello@northwind.example"
    assert settings.brand.name == "Northwind School of Leeds"
    assert settings.server.allowed_origins == (APP["BASE_URL"], "https://c.example")
    assert settings.accounts.table.active == ("not deleted_at", "not banned_at")
    assert settings.accounts.table.set == {"by": APP["EMAIL_FROM"], "must_change": False}
    assert (settings.smtp.port, settings.token.code, settings.password.min_length) == (
        2525,
        True,
        8,
    )
    assert settings.token.ttl == timedelta(minutes=45)
    assert settings.server.trusted_proxies == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize("text", ["$2y$", "$NAME", "5 $", "$$ {NAME}", "{$NAME}"])
def test_any_other_dollar_is_one(read: Read, text: str) -> None:
    assert read(f"[brand]\nname = '{text}'").brand.name == text
    replaced = read(
        '[smtp]\npassword = "${EMAIL_PASS}"', KEYTURN_SMTP_PASSWORD=f"${{not looked at}}{text}"
    )
    assert replaced.smtp.password == f"${{not looked at}}{text}"


def test_every_variable_that_is_not_set_is_told_with_its_setting(faults: Faults) -> None:
    found = faults(
        """
        base_url = "${BASE_URL}"
        secret_key = "${SECRET}"
        previous_secret_keys = ["${OLD}", "${OLDER}"]
        [smtp]
        password = "${EMAIL_PASS}"
        port = "${SMTP_PORT}"
        [resend]
        api_key = "${RESEND}"
        [mail]
        from = "${NAME} <${EMAIL}>"
        """,
        bare=True,
    )

    assert found == {
        "base_url": "the variable BASE_URL is not set",
        "secret_key": "the variable SECRET is not set",
        "previous_secret_keys": "the variable OLD is not set; the variable OLDER is not set",
        "smtp.password": "the variable EMAIL_PASS is not set",
        "smtp.port": "the variable SMTP_PORT is not set",
        "resend.api_key": "the variable RESEND is not set",
        "mail.from": "the variable NAME is not set; the variable EMAIL is not set",
    }


def test_an_empty_variable_is_none_where_nothing_else_comes_out(faults: Faults, read: Read) -> None:
    """An empty address would be "the table is in Keyturn's own database", and no password "none is
    needed".
    """
    toml = """
        sign_in_url = "${EMPTY}/login"
        [accounts]
        store = "table"
        table = { table = "users", url = "${EMPTY}", set = { by = "${EMPTY}${EMPTY:-}", at = "" } }
        [server]
        allowed_origins = ["${EMPTY}${BLANK}", "${NONE}"]
        [smtp]
        password = "${EMPTY:-}"
        """

    assert faults(toml.replace("${EMPTY}/", "{base_url}/"), **APP, BLANK=" ") == {
        "accounts.table.url": "the variable EMPTY is empty",
        "accounts.table.set.by": "the variable EMPTY is empty",
        "server.allowed_origins": (
            "the variable EMPTY is empty; the variable BLANK is empty; the variable NONE is not set"
        ),
    }
    assert faults(toml, **APP, BLANK=" ")["sign_in_url"].startswith(
        "must begin with {base_url} or https://"
    )
    settings = read('[brand]\nname = "Northwind${EMPTY}"\n[smtp]\npassword = "${EMPTY:-}"', **APP)
    assert (settings.brand.name, settings.smtp.password) == ("Northwind", "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${NAME", "has a ${ without a }"),
        ("${A${BASE_URL}}", "has a ${ without a }"),
        ("${}", "${} does not contain the name of a variable"),
        ("${1ST}", "${1ST} does not contain the name of a variable"),
    ],
)
def test_a_place_that_cannot_be_read_is_a_fault(faults: Faults, text: str, why: str) -> None:
    assert faults(f'[brand]\nname = "{text}"', **APP) == {"brand.name": why}


@pytest.mark.parametrize(
    ("toml", "name", "why"),
    [
        (
            '[brand]\nsupport_address = "${EMAIL_PASS}"',
            "brand.support_address",
            "not an email address: ${EMAIL_PASS}",
        ),
        ('[mail]\ntransport = "${EMAIL_PASS}"', "mail.transport", "${EMAIL_PASS}"),
        ('[smtp]\nport = "${EMAIL_PASS}"', "smtp.port", "must be a whole number"),
        ('[token]\nttl = "${EMAIL_PASS}"', "token.ttl", "must be a duration"),
        (
            '[secure_account]\nlock = "${EMAIL_PASS}"',
            "secure_account.lock",
            "must be true or false",
        ),
        (
            '[server]\nallowed_origins = ["${EMAIL_PASS}"]',
            "server.allowed_origins",
            "${EMAIL_PASS}",
        ),
        (
            '[server]\ntrusted_proxies = "${SEVERAL}"',
            "server.trusted_proxies",
            "address or network, not ${SEVERAL}",
        ),
        ('timezone = "${TZ_:-hunter2}"', "timezone", "no such time zone: ${TZ_:-hunter2}"),
        (
            'forgot_url = "{base_url}/${API}/invitations"',
            "forgot_url",
            "/${API}/invitations is used by the API",
        ),
        (
            (
                'sign_in_url="{base_url}/in"\naccounts = { store="table", table={ table="t", '
                'delete="${EMAIL_PASS}" } }'
            ),
            "accounts.table.delete",
            "must be a table and its column, such as sessions.user_id, not ${EMAIL_PASS}",
        ),
        (
            '[kinds.a.brand]\nsupport_address = "${EMAIL_PASS}"',
            "kinds.a.brand.support_address",
            "not an email address",
        ),
    ],
)
def test_a_fault_shows_a_variable_by_name_and_not_what_it_holds(
    read: Read, toml: str, name: str, why: str
) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(toml, **APP)

    (fault,) = invalid.value.faults
    assert fault.name == name
    assert why in fault.message
    assert "hunter2-" not in "".join(traceback.format_exception(invalid.value))


def test_who_only_renders_mails_needs_no_variable_of_a_database(tmp_path: Path) -> None:
    file = tmp_path / "keyturn.toml"
    file.write_text('[database]\nurl = "${DATABASE_URL}"\n[brand]\nname = "Harbour"\n', "utf-8")

    settings = read_settings(file, {}, sending=False, connecting=False)

    assert settings.brand.name == "Harbour"
    with pytest.raises(
        SettingsInvalid, match=r"database\.url: the variable DATABASE_URL is not set"
    ):
        read_settings(file, {}, sending=False)
