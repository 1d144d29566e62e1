"""accounts second-address: an operator sees it masked, and removes it."""

import json
from datetime import timedelta

import pytest
from tests.cli.command import ADA, Keyturn
from tests.cli.school import School

from keyturn.database import now
from keyturn.parts import Parts
from keyturn.reset.records.second_addresses import NewAddress
from keyturn.reset.records.stores import Transaction

pytestmark = pytest.mark.long

HOME = "ada@home.test"


def add(*, waits: bool) -> None:
    async def write(parts: Parts) -> None:
        account = await parts.accounts.find(ADA)
        assert account
        later = now() + timedelta(days=3 if waits else 0)

        def store(tx: Transaction) -> None:
            new = NewAddress(account_id=account.id, primary_email=ADA, pending=HOME, digest=b"x" * 32, added_at=now())
            assert tx.second_addresses.propose(new, now(), 5)
            tx.second_addresses.verify(b"x" * 32, ADA, now(), later)

        await parts.records.transact(store)

    School().do(write)


def test_it_is_shown_masked_and_removed_with_the_operator_in_the_trail(with_ada: Keyturn) -> None:
    assert with_ada("accounts", "second-address", ADA).out == f"{ADA} has no second address.\n"
    add(waits=False)
    assert with_ada("accounts", "second-address", ADA).out == "a***@home.test gets links already.\n"
    shown = json.loads(with_ada("accounts", "second-address", ADA, "--json").out)
    assert (shown["second_address"], shown["removed"]) == ("a***@home.test", False)

    removed = with_ada("accounts", "second-address", ADA, "--remove", "--as", "greta")
    assert removed.out == "a***@home.test was removed.\n"
    (entry, *_) = json.loads(with_ada("audit", "--json").out)
    assert (entry["event"], entry["outcome"], entry["operator"]) == ("second_address", "removed", "greta")
    assert with_ada("accounts", "second-address", ADA).out == f"{ADA} has no second address.\n"


def test_it_says_when_an_address_gets_its_first_link(with_ada: Keyturn) -> None:
    add(waits=True)
    assert "a***@home.test gets links from 20" in with_ada("accounts", "second-address", ADA).out


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("nobody@northwind.example", "there is no account with the address nobody@northwind.example"),
        ("nobody", "not an email address"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(with_ada: Keyturn, email: str, said: str) -> None:
    ended = with_ada("accounts", "second-address", email)
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err


def test_addresses_of_the_app_are_shown_by_the_app_alone(with_ada: Keyturn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYTURN_ACCOUNTS_STORE", "table")
    monkeypatch.setenv("KEYTURN_ACCOUNTS_TABLE_TABLE", "keyturn_accounts")
    monkeypatch.setenv("KEYTURN_ACCOUNTS_TABLE_SECOND_ADDRESS", "name")
    monkeypatch.setenv("KEYTURN_SIGN_IN_URL", "https://app.northwind.example/login")
    refused = with_ada("accounts", "second-address", ADA)
    assert refused.code != 0
    assert "second addresses are in name, which your app writes" in refused.err
