"""Faults of the settings, and doubts about settings that are allowed."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keyturn.mail.port.finding import Finding
from keyturn.mail.providers import PROVIDERS
from keyturn.mail.providers.resend import Resend
from keyturn.service.doctor.configuration import check_settings
from keyturn.service.settings import (
    AccountSettings,
    Brand,
    MailSettings,
    SecretStr,
    ServerSettings,
    Settings,
    TokenSettings,
)
from keyturn.service.settings.reading import Reading, inspect_settings


def doubts(settings: Settings, **changes: Any) -> list[Finding]:
    changed = msgspec.structs.replace(settings, **changes)
    return check_settings(Reading(file=Path("keyturn.toml"), settings=changed, faults=()))


def test_every_fault_is_a_finding_with_what_to_set(tmp_path: Path) -> None:
    file = tmp_path / "keyturn.toml"
    file.write_text(
        '[token]\nttl = "soon"\n[mail]\ntransport = "smtp"\nfrom = "nobody"\ncolour = "red"',
        "utf-8",
    )
    found = check_settings(inspect_settings(file, {"KEYTURN_SMTP_PORT": "many"}))
    fixes = {one.message.partition(":")[0]: one.fix for one in found if one.verdict == "fail"}

    assert "secrets.token_hex(32)" in fixes.pop("KEYTURN_SECRET_KEY")
    assert fixes == {
        "token.ttl": "Set token.ttl in the file, or KEYTURN_TOKEN_TTL in the environment.",
        "mail.from": "Set mail.from in the file, or KEYTURN_MAIL_FROM in the environment.",
        "mail.colour": "Correct it, or remove it. `keyturn init` writes a valid file.",
        "KEYTURN_SMTP_PORT": "Set KEYTURN_SMTP_PORT in the environment, or smtp.port in the file.",
        "smtp.host": "Set smtp.host in the file, or KEYTURN_SMTP_HOST in the environment.",
    }
    assert {finding.verdict for finding in found} <= {"fail", "warn"}


def test_unset_variable_is_the_fix(tmp_path: Path) -> None:
    """A fault of a variable that the file names is fixed by setting that variable."""
    file = tmp_path / "keyturn.toml"
    table = (
        '[accounts]\nstore = "table"\n[accounts.table]\ntable = "users"\nurl = "${DATABASE_URL}"\n'
    )
    file.write_text(f'{table}reset_url = "https://app.example.org/{{token}}"\n', "utf-8")
    found = check_settings(inspect_settings(file, {"KEYTURN_ENVIRONMENT": "development"}))
    fixes = {one.message.partition(":")[0]: one.fix for one in found}

    assert (
        fixes["accounts.table.url"] == "Set DATABASE_URL in the environment in which Keyturn runs."
    )
    assert fixes["accounts.table.reset_url"] == "Move the line above the first section of the file."


WEBHOOKS = "https://account.northwind.example/webhooks/"


@pytest.mark.parametrize(
    ("changes", "name", "fix"),
    [
        ({"secret_key": SecretStr("a" * 40)}, "KEYTURN_SECRET_KEY", "secrets.token_hex(32)"),
        ({"secret_key": SecretStr("0123" * 10)}, "KEYTURN_SECRET_KEY", "previous_secret_keys"),
        ({"token": TokenSettings(ttl=timedelta(hours=2))}, "token.ttl", "1h or less"),
        ({"base_url": "http://127.0.0.1:8000"}, "base_url", "https://"),
        ({"environment": "development"}, "environment", 'environment = "production"'),
        (
            {"base_url": "https://x.example/forgot-password"},
            "base_url",
            "Remove /forgot-password from base_url",
        ),
        ({"accounts": AccountSettings(store="table")}, "sign_in_url", "your app's sign-in page"),
        ({"server": ServerSettings()}, "server.trusted_proxies", "127.0.0.1"),
        (
            {"server": ServerSettings(trusted_proxies=("0.0.0.0/0",))},
            "server.trusted_proxies",
            "connects from",
        ),
        ({"brand": Brand(accent="#ffff00")}, "brand.accent", "the colour that Keyturn uses"),
        (
            {"resend": Resend(api_key=SecretStr("re_x"))},
            "resend.webhook_secret",
            f"{WEBHOOKS}resend",
        ),
        *(
            (
                {"mail": MailSettings(from_="ada@northwind.example", transport=name)},
                name,
                f"{WEBHOOKS}{name} ",
            )
            for name in (
                name for name, one in PROVIDERS.items() if one.reports and name != "resend"
            )
        ),
    ],
)
def test_what_is_hardly_meant_is_a_doubt(
    production: Settings, changes: dict[str, Any], name: str, fix: str
) -> None:
    (found,) = doubts(production, **changes)

    assert re.match(rf"{name}[:.]", found.message)
    assert (found.verdict, fix in found.fix) == ("warn", True)


def test_settings_without_a_fault_or_a_doubt_are_one_line(production: Settings) -> None:
    tried = {
        "base_url": Settings().base_url,
        "server": ServerSettings(),
        "mail": MailSettings(transport="capture"),
    }
    for changes in (
        {},
        {"token": TokenSettings(ttl=timedelta(hours=1))},
        {"environment": "development"} | tried,
    ):
        (found,) = doubts(production, **changes)
        assert (found.check, found.verdict, found.fix) == ("settings", "ok", "")
        assert str(changes.get("environment", "production")) in found.message
