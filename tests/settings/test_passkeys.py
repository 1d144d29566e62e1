"""Rules for `[passkeys]`: browsers would refuse what they refuse."""

from typing import Any

import pytest

from keyturn.settings import (
    AccountSettings,
    PasskeySettings,
    PasskeyTableSettings,
    Settings,
    SupabaseSettings,
    TableSettings,
)
from keyturn.settings.rules.every_rule import broken_rules

TABLE = TableSettings(table="users", passkeys=PasskeyTableSettings(format="better-auth"))


def faults(**changes: Any) -> set[str]:
    """Return the names of the settings at fault."""
    given: dict[str, Any] = {
        "environment": "development",
        "base_url": "https://account.example.org",
        "sign_in_url": "https://app.example.org/login",
        "passkeys": PasskeySettings(enabled=True),
    }
    return {fault.name for fault in broken_rules(Settings(**given | changes), sending=False)}


@pytest.mark.parametrize(
    ("base_url", "passkeys", "at_fault"),
    [
        ("https://account.example.org", {}, set()),
        ("https://account.example.org", {"rp_id": "example.org"}, set()),
        ("http://localhost:8000", {}, set()),
        ("https://account.example.org", {"rp_id": "example.org", "origins": ("https://app.example.org",)}, set()),
        ("https://account.example.org", {"rp_id": "ample.org"}, {"passkeys.rp_id"}),
        ("https://account.example.org", {"rp_id": "app.example.org"}, {"passkeys.rp_id"}),
        ("https://account.example.org", {"rp_id": "org"}, {"passkeys.rp_id"}),
        ("https://account.example.org", {"rp_id": "Example.org"}, {"passkeys.rp_id"}),
        ("https://account.example.org", {"rp_id": "https://example.org"}, {"passkeys.rp_id"}),
        ("https://account.example.org", {"origins": ("https://app.example.org",)}, {"passkeys.rp_id"}),
        ("https://account.example.org", {"origins": ("app.example.org",)}, {"passkeys.origins"}),
        ("http://account.example.org", {}, {"base_url"}),
        ("http://127.0.0.1:8000", {}, {"passkeys.enabled"}),
        ("https://account.example.org", {"enroll_url": "http://app.example.org/new"}, {"passkeys.enroll_url"}),
    ],
)
def test_the_domain_is_one_that_browsers_accept(base_url: str, passkeys: dict[str, Any], at_fault: set[str]) -> None:
    assert faults(base_url=base_url, passkeys=PasskeySettings(enabled=True, **passkeys)) == at_fault


def test_the_store_must_have_a_place_for_them() -> None:
    assert faults(accounts=AccountSettings(store="table", table=TABLE)) == set()
    bare = AccountSettings(store="table", table=TableSettings(table="users"))
    assert faults(accounts=bare) == {"accounts.table.passkeys.format"}
    supabase = AccountSettings(store="supabase", supabase=SupabaseSettings(url="https://x.supabase.co"))
    assert faults(accounts=supabase) == {"passkeys.enabled"}


def test_a_table_of_passkeys_without_the_switch_is_a_fault() -> None:
    accounts = AccountSettings(store="table", table=TABLE)
    assert faults(accounts=accounts, passkeys=PasskeySettings()) == {"accounts.table.passkeys"}
    nameless = TableSettings(table="users", passkeys=PasskeyTableSettings(table="passkeys"))
    accounts = AccountSettings(store="table", table=nameless)
    assert faults(accounts=accounts, passkeys=PasskeySettings()) == {"accounts.table.passkeys.format"}
