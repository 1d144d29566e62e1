"""settings show: each setting with its value and its origin, without any part of a secret."""

import base64
import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.cli.command import Ended, Keyturn
from tests.cli.test_commands import in_a_terminal

from keyturn.settings import Settings
from keyturn.settings.effective import effective_settings
from keyturn.settings.reading import environment_name, is_secret, setting_names

WORD = "hunter2-" * 5


def origins(shown: Ended) -> dict[str, str]:
    assert (shown.code, shown.err) == (0, "")
    return {one["name"]: one["origin"] for one in msgspec.json.decode(shown.out)}


def values(shown: Ended) -> dict[str, object]:
    return {one["name"]: one["value"] for one in msgspec.json.decode(shown.out)}


def test_without_settings_all_have_their_defaults(keyturn: Keyturn) -> None:
    shown, changed = keyturn("settings", "show"), keyturn("settings", "show", "--changed")

    head, first, *_ = shown.out.splitlines()
    assert re.split(" {2,}", head) == ["SETTING", "VALUE", "ORIGIN"]
    assert re.split(" {2,}", first) == ["environment", '"production"', "default"]
    assert re.search(r'(?m)^database\.url +"sqlite:///\.keyturn/keyturn\.db" +default$', shown.out)
    assert re.search(r"(?m)^secret_key +not set +default$", shown.out)
    assert (changed.code, changed.out) == (0, "All settings have their defaults.\n")
    assert changed.err == f"keyturn: there is no keyturn.toml in {Path.cwd()}: all settings have their defaults\n"


def test_every_setting_is_listed_once_by_section(keyturn: Keyturn) -> None:
    Path("keyturn.toml").touch()
    names = list(origins(keyturn("settings", "show", "--json")))

    assert sorted(names) == sorted(setting_names_and_tables())
    sections = [name.rpartition(".")[0] for name in names]
    assert sections == sorted(sections)


TABLES = ("apps.android", "accounts.ldap.where", "signals.keys", "accounts.table.passkeys.columns")
"""Settings that are tables with names of one's own, which no variable can set."""


def setting_names_and_tables() -> set[str]:
    return {*setting_names(), *(f"accounts.table.{table}" for table in ("set", "lock", "unlock")), *TABLES}


def test_an_origin_names_the_line_the_variable_the_file_or_the_credential(keyturn: Keyturn) -> None:
    Path("credentials").mkdir()
    Path("credentials", "STORE_PASSWORD").write_text(WORD, "utf-8")
    Path("key").write_text(WORD, "utf-8")
    Path("keyturn.toml").write_text(
        '''# A comment with a = "sign"
base_url = "https://account.example.org"
sign_in_url = "{base_url}/in"

languages = [
  "en",  # [brand]
  "de",
]
[smtp]
host = """
smtp.example.org"""
port = 2525
password = "${EMAIL_PASS}"
[mail]
from = "${NAME:-Northwind} <${ADDRESS}>"
[kinds."my school"]
settings_url = "{base_url}/settings"
brand = { name = "School" }
[database]
url = "postgresql://app:${STORE_PASSWORD}@db/app"
[token]
ttl = "90s"
''',
        "utf-8",
    )
    shown = keyturn(
        "settings",
        "show",
        "--changed",
        "--json",
        EMAIL_PASS_FILE="key",
        KEYTURN_SECRET_KEY_FILE=f"{Path.cwd()}/key",
        CREDENTIALS_DIRECTORY="credentials",
        ADDRESS="accounts@northwind.example",
        KEYTURN_TOKEN_TTL="2h",
    )

    assert origins(shown) == {
        "base_url": "keyturn.toml:2",
        "sign_in_url": "keyturn.toml:3",
        "languages": "keyturn.toml:5",
        "secret_key": f"file {Path.cwd()}/key",
        "database.url": "keyturn.toml:20, credential STORE_PASSWORD",
        'kinds."my school".settings_url': "keyturn.toml:17",
        'kinds."my school".brand': "keyturn.toml:18",
        "mail.from": "keyturn.toml:15, environment ADDRESS",
        "smtp.host": "keyturn.toml:10",
        "smtp.port": "keyturn.toml:12",
        "smtp.password": "keyturn.toml:13, file key",
        "token.ttl": "environment KEYTURN_TOKEN_TTL",
    }
    assert values(shown) == {
        "base_url": "https://account.example.org",
        "sign_in_url": "{base_url}/in",
        "languages": ["en", "de"],
        "secret_key": "set",
        "database.url": "set",
        'kinds."my school".settings_url': "{base_url}/settings",
        'kinds."my school".brand': {"name": "School"},
        "mail.from": "Northwind <accounts@northwind.example>",
        "smtp.host": "smtp.example.org",
        "smtp.port": 2525,
        "smtp.password": "set",
        "token.ttl": "2h",
    }


def secret_value(name: str, number: int) -> str:
    """Return a valid value for a secret: what stands for its type, and a word of its own."""
    word = f"Geheimnis{number:03}Passwort{number:03}Xylophon"
    encoded = base64.b64encode(word.encode()).decode()
    return {
        "database.url": f"postgresql://app:{word}@db.example/school",
        "accounts.table.url": f"mysql://app:{word}@db.example/school",
        "limits.storage_url": f"redis://:{word}@cache.example/0",
        "webhooks.url": f"https://app.example/hooks/{word}",
        "second_step.table.key": base64.urlsafe_b64encode(f"{word}-".encode()).decode(),
        "second_step.table.previous_key": base64.urlsafe_b64encode(f"{word}-".encode()).decode(),
    }.get(name, f"whsec_{encoded}" if "webhook" in name and "postmark" not in name else f"{word}{word}")


def secrets_of_the_model() -> list[str]:
    kinds = {one.name for one in effective_settings(Settings()) if is_secret(kind_of(one.name))}
    return sorted(kinds.difference(TABLES))


def kind_of(name: str) -> object:
    kind: object = Settings
    for key in name.split("."):
        assert isinstance(kind, type)
        kind = next(field.type for field in msgspec.structs.fields(kind) if field.encode_name == key)
    return kind


OF_ANOTHER_STORE = "accounts.ldap.bind_password"
"""A secret that excludes those of the other stores."""


@pytest.mark.parametrize("in_files", [False, True])
def test_no_part_of_any_secret_is_shown(keyturn: Keyturn, in_files: bool) -> None:
    names = [name for name in secrets_of_the_model() if name != OF_ANOTHER_STORE]
    assert len(names) > 25
    secrets = {name: secret_value(name, number) for number, name in enumerate(names)}
    environ = {environment_name(name): value for name, value in secrets.items()}
    if in_files:
        for variable, value in environ.items():
            Path(variable).write_text(value, "utf-8")
        environ = {f"{variable}_FILE": variable for variable in environ}
    environ |= {
        "KEYTURN_ACCOUNTS_STORE": "supabase",
        "KEYTURN_ACCOUNTS_TABLE_TABLE": "users",
        "KEYTURN_ACCOUNTS_SUPABASE_URL": "https://school.supabase.co",
        "KEYTURN_SIGN_IN_URL": "https://app.example.org/login",
        "KEYTURN_SECOND_STEP_SOURCE": "table",
        "KEYTURN_SECOND_STEP_TABLE_TOTP": "totp",
        "KEYTURN_SECOND_STEP_TABLE_FORMAT": "fernet",
    }
    Path("keyturn.toml").touch()
    for flags in ([], ["--json"], ["--changed"], ["--changed", "--json"]):
        shown = keyturn("settings", "show", *flags, **environ)
        assert (shown.code, shown.err) == (0, "")
        parts = {value[at : at + 8] for value in secrets.values() for at in range(len(value) - 7)}
        public = {
            part for part in parts if part in "postgresql://app: mysql://app: redis://: https://app.example/hooks/"
        }
        assert [part for part in parts - public if part in shown.out] == []
    shown = keyturn("settings", "show", "--json", **environ)
    told = {one["name"]: one for one in msgspec.json.decode(shown.out)}
    assert {(told[name]["value"], told[name]["secret"]) for name in names} == {("set", True)}
    assert {name for name, one in told.items() if one["secret"]} == {*names, OF_ANOTHER_STORE, "signals.keys"}


def test_no_part_of_a_directorys_password_is_shown(keyturn: Keyturn) -> None:
    Path("keyturn.toml").write_text(
        'sign_in_url = "https://app.example.org/login"\n[accounts]\nstore = "ldap"\n[accounts.ldap]\n'
        f'servers = ["ldaps://dc1.example.org"]\nbind_dn = "cn=keyturn"\nbase = "ou=people"\n'
        f'bind_password = "{WORD}"\n',
        "utf-8",
    )
    shown = keyturn("settings", "show", "--json")

    assert shown.code == 0
    assert WORD[:8] not in shown.out
    assert {one["name"]: one["value"] for one in msgspec.json.decode(shown.out)}[OF_ANOTHER_STORE] == "set"


def test_a_secret_in_another_setting_and_a_password_in_an_address_are_masked(keyturn: Keyturn) -> None:
    Path("pass").write_text("pigeon-post", "utf-8")
    Path("keyturn.toml").write_text(
        f'secret_key = "{WORD}"\n'
        'sign_in_url = "https://ada:lovelace@app.example.org/in"\n'
        f'[brand]\nname = "A {WORD}"\nsupport_address = "${{PASS}}@northwind.example"\n'
        '[server]\nallowed_origins = ["https://a.example"]\n'
        '[breaches]\nurl = "https://key:sl/ash?@range.example"\n',
        "utf-8",
    )
    shown = keyturn("settings", "show", "--changed", "--json", PASS_FILE="pass")

    assert values(shown) == {
        "sign_in_url": "https://***@app.example.org/in",
        "secret_key": "set",
        "brand.name": "set",
        "brand.support_address": "set",
        "breaches.url": "https://***@range.example",
        "server.allowed_origins": ["https://a.example"],
    }


def test_a_key_in_the_query_of_an_address_is_masked_and_a_placeholder_is_not(keyturn: Keyturn) -> None:
    Path("keyturn.toml").write_text(
        'reset_url = "https://app.example.org/reset?token={token}&from=mail"\n'
        '[breaches]\nurl = "https://range.example/range?api_key=sesame&v=2"\n'
    )
    shown = values(keyturn("settings", "show", "--changed", "--json"))

    assert shown["reset_url"] == "https://app.example.org/reset?token={token}&from=mail"
    assert shown["breaches.url"] == "https://range.example/range?api_key=***&v=2"


def test_faults_are_told_as_every_command_does(keyturn: Keyturn) -> None:
    faulty = {"KEYTURN_SECRET_KEY_FILE": "/nowhere/key", "KEYTURN_TOKEN_TTL": "soon"}
    refused, other = keyturn("settings", "show", **faulty), keyturn("outbox", "list", **faulty)

    assert refused == other
    assert refused.code == 1
    assert "  KEYTURN_SECRET_KEY_FILE: /nowhere/key does not exist\n" in refused.err


def test_a_value_cannot_steer_the_terminal_and_a_long_one_is_cut(keyturn: Keyturn) -> None:
    shown = keyturn(
        "settings", "show", "--changed", KEYTURN_BRAND_NAME="A\x1b[31m\x9b1m\u202eB", KEYTURN_BRAND_FONT="x" * 200
    )

    assert not {"\x1b", "\x9b", "\u202e"} & set(shown.out)
    assert '"A\\u001b[31m\\x9b1m\\u202eB"' in shown.out
    assert f'"{"x" * 56}...  environment KEYTURN_BRAND_FONT\n' in shown.out


def test_a_table_is_plain_in_a_pipe_and_muted_in_a_terminal(keyturn: Keyturn) -> None:
    show, environ = ("settings", "show", "--changed"), {"KEYTURN_TOKEN_TTL": "1h"}
    assert "\x1b" not in keyturn("settings", "show").out
    assert "\x1b[2mSETTING" in in_a_terminal(*show, **environ)
    assert "\x1b" not in in_a_terminal(*show, **environ, NO_COLOR="1")


def test_what_an_app_changes_in_its_code_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYTURN_BRAND_NAME", "Northwind")
    monkeypatch.setenv("KEYTURN_TIMEZONE", "Europe/Berlin")
    settings = Settings()
    settings = msgspec.structs.replace(
        settings,
        brand=msgspec.structs.replace(settings.brand, name="Northwind"),
        token=msgspec.structs.replace(settings.token, ttl=timedelta(milliseconds=1500)),
    )
    listed = {one.name: (one.value, one.origin) for one in effective_settings(settings)}

    assert listed["brand.name"] == ("Northwind", "environment KEYTURN_BRAND_NAME")
    assert listed["token.ttl"] == ("1500ms", "the app")
    assert listed["timezone"] == ("UTC", "default")


def test_a_setting_given_as_its_default_counts_as_changed(keyturn: Keyturn) -> None:
    Path("keyturn.toml").write_text("[smtp]\nport = 587\n", "utf-8")
    assert origins(keyturn("settings", "show", "--changed", "--json")) == {"smtp.port": "keyturn.toml:2"}
