"""A store of an app's own, by the name of its factory."""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.house.reference import DOCS

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.store_factory import accounts_for, store_from_factory
from keyturn.service.database import Database
from keyturn.service.settings import AccountSettings, Settings

STORE = """
from keyturn import AccountStore

class Accounts(AccountStore):
    def __init__(self, settings):
        self.brand = settings.brand.name
    async def find(self, email): ...
    async def get(self, account_id): ...
    async def set_password(self, account, password): ...
"""

Write = Callable[..., str]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Write]:
    """Return a function that writes modules into the working directory, and returns the name of their package."""
    path, package = list(sys.path), f"shop_{tmp_path.name.replace('-', '_')}"

    def write(**modules: str) -> str:
        (tmp_path / package).mkdir()
        for name, text in modules.items():
            (tmp_path / package / f"{name}.py").write_text(text, "utf-8")
        return package

    with contextlib.chdir(tmp_path):
        yield write
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def fault_of(reference: str) -> str:
    """Return what is wrong, which is one sentence on one line."""
    with pytest.raises(SettingsInvalid, match=r"^accounts\.store: [^\n]*\Z") as invalid:
        store_from_factory(reference, Settings())
    return invalid.value.faults[0].message


def test_a_factory_in_the_working_directory_is_called_with_the_settings(written: Write) -> None:
    package = written(store=f"{STORE}\ndef accounts(settings):\n    return Accounts(settings)\n")

    for reference in (f"{package}.store:accounts", f"{package}.store:Accounts"):
        settings = Settings(accounts=AccountSettings(store=reference))
        assert accounts_for(settings, Database("sqlite://")).brand == "Keyturn"  # type: ignore[attr-defined]


def test_the_store_of_the_documentation_is_made(written: Write) -> None:
    (code,) = re.findall(r"(?s)```python\n# shop/people.py\n(.*?)```", (DOCS / "accounts.md").read_text("utf-8"))
    package = written(client="Shop = str", people=code.replace("shop.client", ".client"))
    settings = Settings(accounts=AccountSettings(store=f"{package}.people:accounts"))

    assert vars(accounts_for(settings, Database("sqlite://"))) == {"shop": "https://shop.northwind.example"}


LIKE_A_STORE = "class Accounts:\n    find = get = print\naccounts = lambda settings: Accounts()"
ABSTRACT = STORE.replace("async def get", "async def got") + "accounts = Accounts"
ASYNC = f"{STORE}    async def set_password_within(self, session, account, password_hash): ...\naccounts = Accounts"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_either", "! ModuleNotFoundError: No module named 'nowhere_either'"),
        ("raise OSError('one\\ntwo')", "! OSError: one"),
        ("def accounts(:", "! SyntaxError: "),
        ("", " has no accounts"),
        ("accounts = 7", ":accounts must be a function, not int"),
        ("def accounts(): ...", ":accounts raised TypeError: accounts() takes 0 positional arguments but 1 was given"),
        ("async def accounts(settings): ...", ":accounts is async: make it a plain function"),
        ("def accounts(settings): raise KeyError('DSN')", ":accounts raised KeyError: 'DSN'"),
        ("def accounts(settings): ...", ":accounts returned NoneType, which does not inherit from AccountStore"),
        (LIKE_A_STORE, ":accounts returned Accounts, which does not inherit from AccountStore"),
        (ABSTRACT, ":accounts raised TypeError: Can't instantiate abstract class Accounts with abstract method get"),
        (ASYNC, ":accounts returned Accounts, whose set_password_within is async: make it a plain method"),
    ],
)
def test_a_factory_that_makes_no_store_is_told_in_a_sentence(text: str, told: str, written: Write) -> None:
    package = written(store=text)
    module = f"{package}.store"

    whole = told.replace("!", f"importing {module} raised") if told.startswith("!") else f"{module}{told}"
    assert fault_of(f"{module}:accounts").startswith(whole)
    for nowhere in ("nowhere", f"{package}.nowhere"):
        assert fault_of(f"{nowhere}:x") == f"the module {nowhere} is neither in {Path.cwd()} nor installed"


def test_faults_that_a_factory_names_itself_are_shown_as_they_are(written: Write) -> None:
    package = written(
        store="from keyturn.errors import Fault, SettingsInvalid\n"
        "def accounts(settings): raise SettingsInvalid([Fault('SHOP_URL', 'missing')])\n"
    )

    with pytest.raises(SettingsInvalid) as invalid:
        store_from_factory(f"{package}.store:accounts", Settings())
    assert invalid.value.faults == (Fault("SHOP_URL", "missing"),)
