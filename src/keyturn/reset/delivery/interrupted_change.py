"""A change in another system whose process died: what follows a change is done by its promise in the outbox."""

import msgspec
from sqlalchemy import Connection

from keyturn.accounts.port import AccountStore
from keyturn.database import Database
from keyturn.outbox import Dropped, Message, Outbox, Settlement
from keyturn.reset.changes.effects import ChangeEffects
from keyturn.reset.records.messages import ChangeBegun


class InterruptedChangeHandler:
    """Ends a change that its process began and did not end.

    Whether the store had the password by then, nobody knows.
    """

    def __init__(self, database: Database, accounts: AccountStore, outbox: Outbox, effects: ChangeEffects) -> None:
        self._database = database
        self._accounts = accounts
        self._outbox = outbox
        self._effects = effects

    async def __call__(self, message: Message) -> Settlement:
        """Return what became of it as the reason of a Dropped. Raises AccountsUnready."""
        begun = msgspec.json.decode(message.payload, type=ChangeBegun)
        account = await self._accounts.get(begun.account_id)
        if account is None:
            return Dropped("no_account")
        account = msgspec.structs.replace(account, email=begun.email or account.email)

        def write(connection: Connection) -> str:
            # Whoever withdraws it writes the outcome: the process may only have stood still, and be first after all.
            if not self._outbox.withdraw(connection, message.key):
                return "ended"
            self._effects.write(connection, account, begun.client, begun.how, begun.at, outcome="interrupted")
            return "interrupted"

        reason = await self._database.transact(write)
        self._outbox.wake()
        return Dropped(reason)
