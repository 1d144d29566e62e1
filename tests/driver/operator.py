"""What an operator does to a service, as the commands of `keyturn` do it."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

from sqlalchemy import Connection, text

from keyturn import Account
from keyturn.service.client import Client
from keyturn.service.container import Container
from keyturn.service.database import Database
from keyturn.service.database.migrations import migrate
from keyturn.service.invitations.campaign import Campaign
from keyturn.service.one_time_secrets import Purpose
from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.service.reset.proofs.second_step.required_step import RequiredStep
from keyturn.service.reset.records.messages import FactorChange

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"

_Result = TypeVar("_Result")

_GRETA = Client(operator="greta")


class Operator:
    """Runs commands beside a service, on its database. Audit entries name the operator greta."""

    def __init__(self, container: Container) -> None:
        self._container, self._database = container, container.database

    async def forget_waiting_requests(self) -> None:
        """Execute the statement of docs/operating.md about the mails that waited in a backup."""
        (statement,) = re.findall(
            r"^(DELETE FROM keyturn_outbox .*);", OPERATING.read_text("utf-8"), re.MULTILINE
        )
        await self._database.execute(text(statement))

    async def reset(self, email: str, reason: str = "") -> str:
        """`keyturn accounts reset`: return the outcome, "asked" if a mail will be sent."""
        ((address, outcome),) = await self._container.invitations.forecast([email])
        if outcome == "asked":
            campaign = Campaign(name=token_hex(8), operator=_GRETA, reason=reason)
            await self._container.invitations.request_resets(campaign, [address])
        return str(outcome)

    async def reset_unseen(self, email: str) -> None:
        """`keyturn accounts reset --from FILE`, of an address that has changed since the command
        looked at it.
        """
        await self._container.invitations.request_resets(
            Campaign(name=token_hex(8), operator=_GRETA), [email]
        )

    async def print_link(self, email: str, reason: str) -> str:
        """`keyturn accounts link`: return the link."""
        issued = await self._container.invitations.issue(email, _GRETA, reason)
        return str(issued.link)

    async def print_code(self, email: str, reason: str) -> str:
        """`keyturn accounts link --code`: return the code."""
        issued = await self._container.invitations.issue(email, _GRETA, reason, with_code=True)
        return str(issued.code)

    async def invite(self, email: str) -> None:
        """`keyturn accounts invite`."""
        await self._container.invitations.invite_all([email], _GRETA)

    async def release_mailbox(self, email: str) -> None:
        """`keyturn mailbox --release`."""
        await self._container.stores.transact(lambda tx: tx.mailboxes.release(email))

    async def unlock(self, email: str) -> None:
        """`keyturn accounts unlock`."""
        await self._container.invitations.unlock(email, _GRETA)

    async def set_up_totp(self, email: str, seed: bytes) -> Sequence[str]:
        """`keyturn accounts totp`: return the recovery codes."""
        set_up = partial(self._builtin.set_up, seed=seed, step=0)
        return await self._change(email, "totp_set", set_up)

    async def set_phone(self, email: str, number: str) -> None:
        """`keyturn accounts phone`."""
        set_phone = partial(self._builtin.set, kind=Purpose.PHONE, factor=number.encode())
        await self._change(email, "phone_set", set_phone)

    async def renew_recovery_codes(self, email: str) -> Sequence[str]:
        """`keyturn accounts recovery-codes`, also for an account without a second factor."""
        from keyturn.service.reset.proofs.second_step.recovery_codes import renew_recovery_codes

        return await self._change(email, "recovery_codes_set", renew_recovery_codes)

    async def _change(
        self, email: str, change: FactorChange, work: Callable[[Connection, str], _Result]
    ) -> _Result:
        return await self._step.change(await self._account(email), _GRETA, change, work)

    @property
    def _step(self) -> RequiredStep:
        assert self._container.second_step
        return self._container.second_step

    @property
    def _builtin(self) -> BuiltinFactors:
        assert self._step.builtin
        return self._step.builtin

    async def _account(self, email: str) -> Account:
        account = await self._container.accounts.find(email)
        assert account
        return account


async def migrate_database(url: str) -> None:
    """`keyturn migrate` on a database that was never migrated."""
    database = Database(url)
    try:
        assert await migrate(database) is None
    finally:
        await database.close()
