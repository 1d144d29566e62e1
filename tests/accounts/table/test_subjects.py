"""An app's tables say which users of an identity provider its accounts are."""

import pytest
from tests.accounts.table.app import App, Over

from keyturn.errors import SettingsInvalid
from keyturn.settings import SubjectColumns

SUB = "7375626A656374"
IDENTITIES = SubjectColumns(account="identities.user_id", subject="uid", where={"provider": "google"})


@pytest.fixture(autouse=True)
async def people(app: App) -> None:
    await app.run(
        "CREATE TABLE users (id VARCHAR(36) PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60),"
        " google_id BIGINT);\n"
        "CREATE TABLE identities (user_id VARCHAR(36), provider VARCHAR(20), uid VARCHAR(60));\n"
        "INSERT INTO users VALUES ('a-1', 'ada@northwind.test', '$2b$04$old', 42),"
        " ('b-2', 'bob@northwind.test', '$2b$04$old', 43);\n"
        "INSERT INTO identities VALUES ('a-1', 'google', '7375626A656374'), ('b-2', 'github', '7375626A656374'),"
        " ('b-2', 'google', 'Ab'), ('gone', 'google', 'c')"
    )


@pytest.mark.parametrize(
    ("subject", "account_id"),
    [
        (SUB, "a-1"),
        (SUB.lower(), None),
        ("Ab", "b-2"),
        ("ab", None),
        ("Ab ", None),
        ("c", None),
        ("x", None),
        ("", None),
    ],
)
async def test_a_table_of_identities_names_the_account(over: Over, subject: str, account_id: str | None) -> None:
    accounts = over(subjects={"google": IDENTITIES})
    await accounts.require_ready()
    account = await accounts.find_subject("google", subject)

    assert (account.id if account else None) == account_id
    assert await accounts.find_subject("another", subject) is None


@pytest.mark.parametrize(
    ("subject", "account_id"),
    [("42", "a-1"), ("042", None), ("44", None), ("x", None), ("9" * 40, None), ("4\0", None)],
    ids=repr,
)
async def test_a_column_of_the_accounts_names_it_too(over: Over, subject: str, account_id: str | None) -> None:
    accounts = over(subjects={"google": SubjectColumns(account="users.id", subject="google_id")})
    await accounts.require_ready()
    account = await accounts.find_subject("google", subject)

    assert (account.id if account else None) == account_id


async def test_wrong_columns_are_told_before_the_start(over: Over) -> None:
    wrong = SubjectColumns(account="identities.user", subject="ui", where={"provide": "google"})
    missing = SubjectColumns(account="identity.user_id", subject="uid")
    with pytest.raises(SettingsInvalid) as invalid:
        await over(subjects={"google": wrong, "other": missing}).require_ready()

    found = {fault.name.removeprefix("accounts.table.subjects."): fault.message for fault in invalid.value.faults}
    assert found.keys() == {"google.account", "google.subject", "google.where.provide", "other.account"}
    assert "has no column user; did you mean user_id?" in found["google.account"]
    assert "has no table identity" in found["other.account"]
