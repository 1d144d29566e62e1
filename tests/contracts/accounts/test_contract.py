"""What every store of accounts keeps to, kept by those in Keyturn's own database; a store that a
factory makes.
"""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import bcrypt
import msgspec
import pytest
from sqlalchemy import select, update
from tests.contracts.accounts.table.conftest import AppPeople, mapping
from tests.driver.app_database import App, running_app
from tests.house.reference import DOCS

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service import identifiers
from keyturn.service.accounts.builtin import AccountRow, BuiltinAccounts
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.store_factory import accounts_for, store_from_factory
from keyturn.service.accounts.table.store import table_accounts
from keyturn.service.database import Database
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.settings import AccountSettings, Settings
from keyturn.testing import JoiningStoreContract, People


@pytest.fixture
def accounts(database: Database) -> BuiltinAccounts:
    return BuiltinAccounts(database)


class BuiltinPeople:
    def __init__(self, accounts: BuiltinAccounts, database: Database) -> None:
        self._accounts = accounts
        self._database = database

    async def add(self, email: str, password: str, *, active: bool = True) -> str:
        password_hash = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        return (
            await self._accounts.add(Account(id="", email=email, active=active), password_hash)
        ).id

    async def change(
        self, account_id: str, *, email: str | None = None, active: bool | None = None
    ) -> None:
        given = {"email": email and identifiers.parse_address(email), "active": active}
        values = {name: value for name, value in given.items() if value is not None}
        await self._database.execute(
            update(AccountRow).where(AccountRow.id == account_id).values(**values)
        )

    async def verifies(self, account_id: str, password: str) -> bool:
        statement = select(AccountRow.password_hash).where(AccountRow.id == account_id)
        stored = await self._database.read(
            lambda connection: connection.execute(statement).scalar_one()
        )
        assert stored
        return bcrypt.checkpw(password.encode(), stored.encode())


class TestBuiltin(JoiningStoreContract):
    keeps_case = False

    @pytest.fixture
    def store(self, accounts: BuiltinAccounts) -> AccountStore:
        return accounts

    @pytest.fixture
    def people(self, accounts: BuiltinAccounts, database: Database) -> People:
        return BuiltinPeople(accounts, database)


@pytest.mark.usefixtures("app")
class TestTableInTheSameDatabase(JoiningStoreContract):
    @pytest.fixture
    async def app(self, database_url: str) -> AsyncIterator[App]:
        async with running_app(database_url) as app:
            yield app

    @pytest.fixture
    def store(self, database: Database) -> AccountStore:
        return table_accounts(mapping(), database)

    @pytest.fixture
    def people(self, app: App) -> People:
        return AppPeople(app)


async def test_of_two_who_take_an_address_at_once_one_gets_it(accounts: BuiltinAccounts) -> None:
    account = Account(id="", email="ada@northwind.example")
    added = await asyncio.gather(
        *(accounts.add(account, None) for _ in range(5)), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in added) == ["Account"] + ["InputInvalid"] * 4


async def test_first_password_meanwhile(accounts: BuiltinAccounts, database: Database) -> None:
    """A password for an account that was read as awaiting its first one replaces none that it has
    by now.
    """
    awaiting = await accounts.add(Account(id="", email="ada@northwind.example"), None)
    for password_hash, is_set in (("first", True), ("second", False)):
        change = partial(
            accounts.set_password_within, account=awaiting, password_hash=password_hash
        )
        assert await database.transact(change) is is_set
    assert await accounts.password_hash(awaiting.id) == "first"


@pytest.mark.parametrize("field", ["name", "kind", "provider", "locale", "timezone"])
async def test_what_a_column_cannot_hold_is_refused_by_name(
    accounts: BuiltinAccounts, field: str
) -> None:
    why = "no such time zone: x" if field == "timezone" else "must have at most [0-9]+ characters"
    account = msgspec.structs.replace(
        Account(id="", email="ada@northwind.example"), **{field: "x" * 500}
    )
    with pytest.raises(InputInvalid, match=f"{field}: {why}"):
        await accounts.add(account, None)

    assert await accounts.list() == []


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
    """Return a function that writes modules into the working directory, and returns the name of
    their package.
    """
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
    (code,) = re.findall(
        r"(?s)```python\n# shop/people.py\n(.*?)```", (DOCS / "accounts.md").read_text("utf-8")
    )
    package = written(client="Shop = str", people=code.replace("shop.client", ".client"))
    settings = Settings(accounts=AccountSettings(store=f"{package}.people:accounts"))

    assert vars(accounts_for(settings, Database("sqlite://"))) == {
        "shop": "https://shop.northwind.example"
    }


LIKE_A_STORE = "class Accounts:\n    find = get = print\naccounts = lambda settings: Accounts()"
ABSTRACT = STORE.replace("async def get", "async def got") + "accounts = Accounts"
ASYNC = (
    f"{STORE}    async def set_password_within(self, session, account, password_hash): ...\n"
    "accounts = Accounts"
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_either", "! ModuleNotFoundError: No module named 'nowhere_either'"),
        ("raise OSError('one\\ntwo')", "! OSError: one"),
        ("def accounts(:", "! SyntaxError: "),
        ("", " has no accounts"),
        ("accounts = 7", ":accounts must be a function, not int"),
        (
            "def accounts(): ...",
            ":accounts raised TypeError: accounts() takes 0 positional arguments but 1 was given",
        ),
        ("async def accounts(settings): ...", ":accounts is async: make it a plain function"),
        ("def accounts(settings): raise KeyError('DSN')", ":accounts raised KeyError: 'DSN'"),
        (
            "def accounts(settings): ...",
            ":accounts returned NoneType, which does not inherit from AccountStore",
        ),
        (LIKE_A_STORE, ":accounts returned Accounts, which does not inherit from AccountStore"),
        (
            ABSTRACT,
            (":accounts raised TypeError: Can't instantiate abstract class Accounts with"),
        ),
        (
            ASYNC,
            (
                ":accounts returned Accounts, whose set_password_within is async: make it a plain "
                "method"
            ),
        ),
    ],
)
def test_a_factory_that_makes_no_store_is_told_in_a_sentence(
    text: str, told: str, written: Write
) -> None:
    package = written(store=text)
    module = f"{package}.store"

    whole = (
        told.replace("!", f"importing {module} raised")
        if told.startswith("!")
        else f"{module}{told}"
    )
    assert fault_of(f"{module}:accounts").startswith(whole)
    for nowhere in ("nowhere", f"{package}.nowhere"):
        assert (
            fault_of(f"{nowhere}:x")
            == f"the module {nowhere} is neither in {Path.cwd()} nor installed"
        )


def test_faults_that_a_factory_names_itself_are_shown_as_they_are(written: Write) -> None:
    package = written(
        store="from keyturn.errors import Fault, SettingsInvalid\n"
        "def accounts(settings): raise SettingsInvalid([Fault('SHOP_URL', 'missing')])\n"
    )

    with pytest.raises(SettingsInvalid) as invalid:
        store_from_factory(f"{package}.store:accounts", Settings())
    assert invalid.value.faults == (Fault("SHOP_URL", "missing"),)
