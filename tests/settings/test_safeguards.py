"""What people can do about what was not them, and the functions that may refuse: what the settings may say."""

import pytest
from tests.settings.reading import Faults, Read

TABLE = '[accounts]\nstore = "table"\n[accounts.table]\ntable = "users"\n'
SIGN_IN = 'sign_in_url = "https://app.example.org/login"\n'


def test_by_default_accounts_can_be_secured_and_nothing_else_is_asked(read: Read) -> None:
    settings = read("")

    assert settings.secure_account.url == "{base_url}/secure-your-account/{token}"
    assert not settings.secure_account.lock
    assert settings.hooks.before_reset == ""


@pytest.mark.parametrize(
    ("toml", "name", "why"),
    [
        ('[secure_account]\nurl = "{base_url}/secure"', "secure_account.url", "needs the placeholder {token}"),
        ('[secure_account]\nurl = "{base_url}/s/{token}/x"', "secure_account.url", "needs a plain path"),
        ('[secure_account]\nurl = "{base_url}/s?t={token}"', "secure_account.url", "needs {token} at the end"),
        ('[secure_account]\nurl = "{base_url}/login/{token}"', "secure_account.url", "is also the path of sign_in_url"),
        ('[secure_account]\nurl = ""\nlock = true', "secure_account.lock", "needs secure_account.url"),
        ('[hooks]\nbefore_reset = "school"', "hooks.before_reset", "must be package.module:function"),
        (SIGN_IN + TABLE + "[secure_account]\nlock = true", "accounts.table.lock", "secure_account.lock is set"),
        (SIGN_IN + TABLE + 'lock = { status = "x" }', "accounts.table.unlock", "missing: accounts.table.lock is set"),
        (SIGN_IN + TABLE + 'lock = { at = "{soon}" }', "accounts.table.lock.at", "has an unknown placeholder {soon}"),
    ],
)
def test_what_cannot_work_is_a_fault_by_its_name(faults: Faults, toml: str, name: str, why: str) -> None:
    assert why in faults(toml)[name]
