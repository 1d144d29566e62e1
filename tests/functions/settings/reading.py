"""How tests read settings, and the settings that a process cannot do without."""

from collections.abc import Callable

from keyturn.service.settings import Settings

Read = Callable[..., Settings]
Faults = Callable[..., dict[str, str]]

ENOUGH = {
    "KEYTURN_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "RESEND_API_KEY": "re_Keyturn_0123456789",
    "KEYTURN_MAIL_FROM": "accounts@northwind.example",
}
"""What a process that sends mails cannot do without."""

SIGN_IN = 'sign_in_url = "https://app.example.org/login"\n'
TABLE = f'{SIGN_IN}accounts.store = "table"\naccounts.table.table = "users"\n'


def name_in(toml: str) -> str:
    return toml.rpartition("\n")[2].partition(" = ")[0]


def check_fault(found: dict[str, str], name: str, why: str) -> None:
    """Expect one fault. `why`: its message, or the beginning of it before an ellipsis."""
    assert set(found) == {name}
    assert found[name] == why or (why.endswith("...") and found[name].startswith(why[:-3])), found[name]
