"""What a store of one's own does for many addresses, unless it overrides `find_all`."""

from keyturn import Account, AccountStore
from keyturn.service.accounts.port import Ended, NewPassword
from keyturn.service.problems.requests import AccountsUnready

ADA = Account(id="1", email="ada@northwind.test")
AWAY = AccountsUnready("the directory does not answer")


class PartlyAway(AccountStore):
    """Knows Ada. It cannot look up Bea."""

    async def find(self, email: str) -> Account | None:
        if email == "bea@northwind.test":
            raise AWAY
        return ADA if email == ADA.email else None

    async def get(self, account_id: str) -> Account | None:
        raise NotImplementedError

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        raise NotImplementedError


async def test_one_failed_look_up_keeps_the_others() -> None:
    """Each address has its own answer: an account, none, or the error of its look-up."""
    emails = ["ada@northwind.test", "bea@northwind.test", "nobody@northwind.test"]
    assert await PartlyAway().find_all(emails) == [ADA, AWAY, None]
