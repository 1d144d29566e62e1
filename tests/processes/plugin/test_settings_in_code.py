"""Settings that an app makes or changes in Python keep the rules of keyturn.toml."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.processes.adoption.story import block
from tests.processes.plugin.host import keyturn_settings

from keyturn import KeyturnPlugin, Settings, create_app, read_settings
from keyturn.errors import SettingsInvalid
from keyturn.service.settings import AccountSettings, Kind, SecretStr, TableSettings

pytestmark = pytest.mark.long

ENVIRON = {
    "KEYTURN_SECRET_KEY": "0123456789abcdef" * 2,
    "RESEND_API_KEY": "re_Keyturn_0123456789",
    "KEYTURN_MAIL_FROM": "accounts@northwind.example",
}

BAD: dict[str, Any] = {
    "environment": "elsewhere",
    "password.min_length": 0,
    "hashing.cost": 4,
    "hashing.format": "md5",
    "worker.timeout": timedelta(seconds=60),
    "mail.transport": "pigeon",
    "server.trusted_proxies": ["banana"],
    "base_url": "nonsense",
    "retention.audit": timedelta(days=-1),
    "brand.accent": "red",
    "limits.request": "lots",
    "timezone": "Mars/Base",
    "previous_secret_keys": "a key of before",
    "database": "postgresql://127.0.0.1/app",
}
TABLE = TableSettings(table="users", set={"must_change": "{soon}"}, delete=("visits",))
IN_PARTS = {
    "kinds.pupil": ("kinds", {"pupil": "pupil"}),
    "kinds.pupil.brand.accent": ("kinds", {"pupil": Kind(brand={"accent": "red"})}),
    "accounts.table.delete accounts.table.set.must_change": (
        "accounts",
        AccountSettings(store="table", table=TABLE),
    ),
}
"""Settings with parts that no file may hold, by the names of these."""


def changed(settings: Any, name: str, value: Any) -> Any:
    first, _, rest = name.partition(".")
    return replace(
        settings, **{first: changed(getattr(settings, first), rest, value) if rest else value}
    )


def settings_read(**variables: str) -> Settings:
    return read_settings(environ=ENVIRON | variables, with_file=False)


def faults(make: Callable[[Settings], object], settings: Settings) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        make(settings)
    return {fault.name: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize("make", [KeyturnPlugin, create_app])
def test_every_setting_that_no_file_may_hold_is_named_at_once(
    make: Callable[[Settings], object],
) -> None:
    settings = settings_read()
    for name, value in BAD.items():
        settings = changed(settings, name, value)
    found = faults(make, settings)
    assert set(found) == set(BAD)
    assert found["hashing.cost"] == "must be a whole number from 10 to 16, not 4"
    assert "a key of before" not in found["previous_secret_keys"]
    for names, (name, value) in IN_PARTS.items():
        assert " ".join(sorted(faults(make, changed(keyturn_settings(), name, value)))) == names
    for key in ("", "short"):
        assert set(faults(make, replace(settings_read(), secret_key=SecretStr(key)))) == {
            "KEYTURN_SECRET_KEY"
        }


def test_what_was_read_and_rightly_changed_is_taken_as_it_is_also_as_the_docs_do_it() -> None:
    """Texts are literal: what looks like a variable of a file is none, and no folder is sought
    beside a file.
    """
    settings = settings_read(
        SUPABASE_URL="https://project.supabase.co", SUPABASE_SERVICE_ROLE_KEY="s" * 40
    )
    wanted = {
        "token.ttl": timedelta(minutes=20),
        "languages": ["de", "en"],
        "secret_key": "$" + "{HOME}" * 8,
        "kinds": {
            "pupil": Kind(settings_url="https://school.example.org/me", brand={"name": "School"})
        },
    }
    for name, value in wanted.items():
        settings = changed(settings, name, value)
    taken = KeyturnPlugin(settings).container.settings
    assert taken == replace(settings, languages=("de", "en"))
    assert isinstance(taken.secret_key, SecretStr)
    assert repr(settings_read()) == repr(KeyturnPlugin(settings_read()).container.settings)

    names = {**globals(), "msgspec": msgspec, "alchemy": None, "read_settings": settings_read}
    exec(block("plugin.md", "python", "settings = read_settings()"), names)  # noqa: S102 - as it stands there
    assert (
        names["keyturn"].container.settings.token.ttl
        == timedelta(minutes=10)
        != settings_read().token.ttl
    )
