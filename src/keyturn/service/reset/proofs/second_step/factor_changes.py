"""Changes of the second factors that Keyturn stores, made by an operator."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from keyturn.service import addresses
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.reset.proofs.second_step.required import EVENT
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.messages import SECOND_STEP_CHANGED, FactorChange, SecondStepWasChanged
from keyturn.service.reset.records.stores import Records, Transaction

_Result = TypeVar("_Result")


async def change_factors(
    records: Records,
    account: Account,
    operator: Client,
    change: FactorChange,
    work: Callable[[Connection, str], _Result],
) -> _Result:
    """Run `work`, which changes the factors of the account with that id, with its audit entry and the owner's mail.

    In one transaction. ASVS 6.3.7; NIST SP 800-63B-4 4.6.
    """
    moment = now()
    changed = SecondStepWasChanged(
        account_id=account.id, at=moment, client=operator, email=account.email, change=change
    )

    def write(tx: Transaction) -> _Result:
        tx.hold(account.id)
        result = work(tx.connection, account.id)
        message = tx.outbox.enqueue(SECOND_STEP_CHANGED, changed)
        email = addresses.normalize(account.email)
        tx.audit.write(EVENT, change, operator, moment, account.id, email, message_id=message)
        return result

    result = await records.transact(write)
    records.outbox.wake()
    return result
