"""Reading settings from a file in a folder of its own, and from an environment that holds nothing
else.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from keyturn.errors import SettingsInvalid
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import read_settings

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
    assert found[name] == why or (why.endswith("...") and found[name].startswith(why[:-3])), found[
        name
    ]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read `toml` and the variables, beside those that are enough unless `bare`."""
    monkeypatch.chdir(tmp_path)

    def read(
        toml: str = "", *, bare: bool = False, sending: bool = True, **variables: str
    ) -> Settings:
        (tmp_path / "keyturn.toml").write_text(toml, "utf-8")
        return read_settings(environ=({} if bare else ENOUGH) | variables, sending=sending)

    return read


@pytest.fixture
def faults(read: Read) -> Faults:
    """Do what `read` does, and return what is wrong, by the name of the setting."""

    def faults(toml: str = "", **options: object) -> dict[str, str]:
        with pytest.raises(SettingsInvalid) as invalid:
            read(toml, **options)
        names = [fault.name for fault in invalid.value.faults]
        assert len(names) == len(set(names)), "a setting is named twice"
        return {fault.name: fault.message for fault in invalid.value.faults}

    return faults
