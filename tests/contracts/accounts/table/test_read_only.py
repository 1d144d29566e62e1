"""A server of the app's that takes no more writes, as after a failover: one refusal, then another connection."""

import pytest
from tests.contracts.accounts.table.app import Over, hashed
from tests.driver.app_database import App
from tests.driver.database import refuse_writes, take_writes

from keyturn.service.accounts.port import Account, NewPassword
from keyturn.service.problems.requests import AccountsUnready

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60))"
ADA = Account(id="1", email="ada@northwind.test")


async def set_read_only(app: App, *, on: bool) -> None:
    """Let new connections take no writes, or take them again."""
    if app.dialect == "mysql":
        await app.run(f"SET GLOBAL tx_read_only = {int(on)}")
    else:
        await (refuse_writes if on else take_writes)(app.url)


@pytest.mark.parametrize("databases", ["postgresql", "mariadb"], indirect=True)
async def test_a_change_is_refused_as_not_made_and_the_next_is_made_on_another_connection(app: App, over: Over) -> None:
    await app.run(USERS)
    await app.run("INSERT INTO users VALUES (1, 'ada@northwind.test', 'old')")
    await set_read_only(app, on=True)
    try:
        accounts = over()
        assert await accounts.get("1") == ADA
        with pytest.raises(AccountsUnready, match="the database of the accounts takes no writes: ") as unready:
            await accounts.set_password(ADA, NewPassword("new", hashed))
        assert unready.value.not_changed
        assert await accounts.password_hash("1") == "old"
    finally:
        await set_read_only(app, on=False)

    with pytest.raises(AccountsUnready):  # by the connection that read the hash
        await accounts.set_password(ADA, NewPassword("new", hashed))
    assert await accounts.set_password(ADA, NewPassword("new", hashed))
    assert await accounts.password_hash("1") == await hashed("new")
