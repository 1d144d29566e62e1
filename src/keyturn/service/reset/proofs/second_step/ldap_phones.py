"""Phone numbers in a directory, as second factors."""

from collections.abc import Collection

from keyturn.service.accounts.ldap.accounts import LdapAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.reset.proofs.second_step.additions import Kind
from keyturn.service.reset.proofs.second_step.port import StoredFactors
from keyturn.service.settings import LdapSettings


class LdapPhones:
    """A FactorSource over the attribute `accounts.ldap.phone`, which is only read."""

    def __init__(self, settings: LdapSettings) -> None:
        self._accounts = LdapAccounts(settings)

    async def require_ready(self) -> None:
        await self._accounts.require_ready()

    async def find(self, account: Account, *, unless_recent: Collection[Kind] = ()) -> StoredFactors:
        del unless_recent  # the app or the directory vouches for its factors
        return StoredFactors(None, await self._accounts.phone(account.id))

    async def close(self) -> None:
        await self._accounts.close()
