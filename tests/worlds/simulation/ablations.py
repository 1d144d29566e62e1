"""Safeguards of Keyturn, each with a fault that takes it away, so that a simulation can show what it prevents.

The fault is one of a port: a database that forgets, a sender that says too much, a disk, another system's client, or a
proxy. Three safeguards have none: `tests/driver/taken_out.py` says why, and takes them out of the code.
"""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import msgspec
from litestar.types import ASGIApp
from tests.driver import store_faults, taken_out
from tests.worlds.simulation.disk import Disk

from keyturn import Account, AccountStore, AccountsUnready, Email, NewPassword, Sender, SendRetryable


def _nothing() -> None:
    """Change nothing."""


class Ablation(msgspec.Struct, frozen=True, kw_only=True):
    """A safeguard. `what`: it, in words. The others are faults, of which it has one.

    `store`: of the database, one of `store_faults`. `sender`, `accounts`, `proxy`: return what stands in front of a
    provider's client, of another system's client, and of an API server. `change`: another fault, of this process.
    """

    what: str
    store: str = ""
    sender: Callable[[Sender], Sender] = lambda sender: sender
    accounts: Callable[[AccountStore], AccountStore] = lambda accounts: accounts
    proxy: Callable[[ASGIApp], ASGIApp] = lambda app: app
    change: Callable[[], object] = _nothing


class _InFront:
    """A sender in front of another one."""

    def __init__(self, sender: Sender) -> None:
        self.name = sender.name
        self._sender = sender

    async def send(self, email: Email, idempotency_key: str) -> str:
        return await self._sender.send(email, idempotency_key)

    async def close(self) -> None:
        await self._sender.close()


class _ForgetsKeys(_InFront):
    """Gives every try a key of its own."""

    _tries = count()

    async def send(self, email: Email, idempotency_key: str) -> str:
        return await super().send(email, f"{idempotency_key}-{next(self._tries)}")


class _IsTooSure(_InFront):
    """Says that a mail was not accepted whenever there is no answer."""

    async def send(self, email: Email, idempotency_key: str) -> str:
        try:
            return await super().send(email, idempotency_key)
        except SendRetryable as error:
            raise SendRetryable(error.reason, error.retry_after, not_accepted=True, down=error.down) from error


class _BlamesNobody(_InFront):
    """Says of no failure that it is the provider's."""

    async def send(self, email: Email, idempotency_key: str) -> str:
        try:
            return await super().send(email, idempotency_key)
        except SendRetryable as error:
            unsure = error.not_accepted
            raise SendRetryable(error.reason, error.retry_after, not_accepted=unsure, down=False) from error


class _CertainNo(AccountStore):
    """Another system's client that says that a password was not stored whenever there is no answer."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts

    async def find(self, email: str) -> Account | None:
        return await self._accounts.find(email)

    async def get(self, account_id: str) -> Account | None:
        return await self._accounts.get(account_id)

    async def set_password(self, account: Account, password: NewPassword) -> Any:
        try:
            return await self._accounts.set_password(account, password)
        except AccountsUnready as error:
            raise AccountsUnready(str(error), not_changed=True) from error


def _hide_clients(app: ASGIApp) -> ASGIApp:
    """Put a proxy in front that shows another address with each request."""
    numbers = count(1)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        number = next(numbers)
        await app(scope | {"client": (f"100.64.{number // 250}.{1 + number % 250}", 40_000)}, receive, send)

    return answer


def _keep_halves() -> None:
    Disk.keeps_halves = True


def _leave_room_unsaid() -> None:
    Disk.has_room_unsaid = True


ABLATIONS: Mapping[str, Ablation] = {
    "used-links": Ablation(what="A link is used by one guarded `UPDATE`", store=store_faults.USES_OF_LINKS),
    "revoked-links": Ablation(
        what="The same `UPDATE` refuses a link that was revoked", store=store_faults.ENDS_OF_LINKS
    ),
    "used-secure-links": Ablation(
        what='A link of "this was not me" is used by one guarded `UPDATE`', store=store_faults.USES_OF_BUTTONS
    ),
    "commit-first": Ablation(what="202 is sent after the commit", store=store_faults.ONE_REQUEST_IN_SIXTEEN),
    "confirmation": Ablation(what="A change and its confirmation are one transaction", change=_keep_halves),
    "other-links": Ablation(what="A new password revokes the account's other links", store=store_faults.REVOCATIONS),
    "sessions": Ablation(what="A new password ends the account's sessions", store=store_faults.SESSIONS),
    "lost-commit": Ablation(what="A lost answer to a commit is an unknown outcome", change=_leave_room_unsaid),
    "given-up": Ablation(what="Work that its caller has given up is not committed", change=taken_out.given_up),
    "idempotency-key": Ablation(what="Every try has the same idempotency key", sender=_ForgetsKeys),
    "sealed-mail": Ablation(what="A mail is rendered once, and stored sealed", store=store_faults.SEALED_MAILS),
    "choose-then-note": Ablation(
        what="A provider is noted with the mail before it is asked", store=store_faults.PROVIDERS
    ),
    "lost-call": Ablation(what="A lost answer of a provider is an unknown outcome", sender=_IsTooSure),
    "second-link": Ablation(
        what="A link that expired on its way is replaced only if no provider can have it",
        store=store_faults.PROVIDERS_OF_EXPIRED,
    ),
    "lease-fence": Ablation(
        what="Only the holder of a message postpones or ends it", store=store_faults.NAMES_OF_CLAIMS
    ),
    "lease": Ablation(what="A claim lasts for a lease", store=store_faults.LEASES),
    "lease-renewal": Ablation(what="A working worker renews its leases", store=store_faults.RENEWALS),
    "settled": Ablation(what="Only a waiting message can be claimed", store=store_faults.ENDS_OF_MESSAGES),
    "drop-at-once": Ablation(
        what="A message that gets no mail ends in the transaction that decides so", store=store_faults.FIRST_DROPS
    ),
    "cooldown": Ablation(what="A mailbox rests between two mails", store=store_faults.COOLDOWNS),
    "mailbox-limits": Ablation(
        what="A mailbox rests between two mails, and gets few in a day", store=store_faults.COUNTS
    ),
    "client-limits": Ablation(what="A client's requests are counted", proxy=_hide_clients),
    "breaker": Ablation(what="New mails go to the fallback while the main provider fails", sender=_BlamesNobody),
    "failover": Ablation(
        what="A mail that one provider may have never goes to the other", store=store_faults.PROVIDERS_OF_RETRIED
    ),
    "account-lock": Ablation(what="Another system gets one change of an account at a time", store=store_faults.LOCKS),
    "certain-no": Ablation(
        what="A link is given back only after a certain no of the other system", accounts=_CertainNo
    ),
    "interrupted": Ablation(
        what="A change that its process did not end is ended by the worker", store=store_faults.CLAIMED_PROMISES
    ),
    "withdrawal": Ablation(
        what="The one that withdraws the promise of a change writes its effects", store=store_faults.WITHDRAWALS
    ),
    "survival": Ablation(what="A worker survives errors of the database", change=taken_out.survival),
    "alone": Ablation(what="One bad message of a claim fails alone", change=taken_out.one_alone),
}
"""By the name that `--without` takes."""

NONE = Ablation(what="")
