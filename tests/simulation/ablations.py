"""Safeguards of Keyturn, each with a way to take it out of the code, so that a simulation can show what it prevents.

They are taken out here, before the programs are built, and never by a switch in `src`. A guard of a statement is taken
out of its SQL.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import msgspec
from sqlalchemy import Engine, event
from tests.simulation.provider import ProviderSender

from keyturn.errors import SendRetryable
from keyturn.service.accounts.builtin import Sessions
from keyturn.service.database import sqlite
from keyturn.service.database.batching import Batcher
from keyturn.service.outbox import Dropped, Outbox, Relay, new_key
from keyturn.service.outbox.attempts import Attempts
from keyturn.service.outbox.settlements import Settlements
from keyturn.service.outbox.worker import LeaseKeeper
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset import answer, complete, elsewhere
from keyturn.service.reset.answer import LinkRenewal
from keyturn.service.reset.limits.rate_limits import RateLimits
from keyturn.service.reset.mails.delivery import MailDelivery, TransportFailover
from keyturn.service.reset.records.link_store import LinkStore
from keyturn.service.reset.records.mailboxes import Mailboxes
from keyturn.service.reset.records.messages import PASSWORD_CHANGED
from keyturn.service.sending.pace import Breaker


class Ablation(msgspec.Struct, frozen=True, kw_only=True):
    """A safeguard. `what`: it, in words. `remove`: takes it out of this Python process."""

    what: str
    remove: Callable[[], object]


def _replace(place: object, name: str, new: object) -> Callable[[], object]:
    return lambda: mock.patch.object(place, name, new).start()


def _reword(*changes: tuple[str, str], only: str = "") -> Callable[[], object]:
    """Return what replaces text in the statements that contain `only`."""

    def remove() -> None:
        @event.listens_for(Engine, "before_cursor_execute", retval=True)
        def reword(_: object, __: object, statement: str, parameters: Any, ___: object, ____: object) -> Any:
            if only in statement:
                for old, new in changes:
                    statement = statement.replace(old, new)
            return statement, parameters

    return remove


def _without_guard(column: str, only: str) -> Callable[[], object]:
    return _reword((f"{column} IS NULL", f"({column} IS NULL OR 1)"), only=only)


_CLAIM = "keyturn_outbox.claim"


def _newest_claims() -> None:
    """Let a worker that holds a message under two claims answer it under both."""

    def lock(self: Any, messages: Any) -> Any:
        held = {message.id for message in _LOCK(self, messages)}
        return [message for message in messages if message.id in held]

    _replace(Outbox, "lock", lock)()
    _replace(answer, "_newest", list)()


_LOCK = Outbox.lock


def _fence() -> None:
    _reword(
        (f"{_CLAIM} = ?", f"({_CLAIM} = ? OR 1)"),
        (f"{_CLAIM} = given.claim", "1"),
        (f"{_CLAIM} IN (", f"1 OR {_CLAIM} IN ("),
    )()


def _idempotency_key() -> None:
    send = ProviderSender.send
    _replace(ProviderSender, "send", lambda self, email, _: send(self, email, new_key()))()


def _choose_then_note() -> None:
    """Choose a transport for each try, and note none."""

    async def send_new(self: Any, message: Any, prepare: Any) -> Any:
        answer = await prepare(message)
        if isinstance(answer, Dropped):
            return answer
        return lambda: self._transports.send(message, answer, self._transports.choose(message))

    async def deliver_all(self: Any, messages: Any, prepare: Any) -> Any:
        answers = await prepare(messages)
        send, choose = self._transports.send, self._transports.choose
        return [
            (lambda m=message, a=answer: send(m, a, choose(m)))
            if not isinstance(answer, Dropped | Exception)
            else answer
            for message, answer in zip(messages, answers, strict=True)
        ]

    async def reserve(*_: object) -> None:
        """Note nothing."""

    _replace(MailDelivery, "_send_new", send_new)()
    _replace(MailDelivery, "deliver_all", deliver_all)()
    _replace(Outbox, "reserve_transport", reserve)()


def _unknown_outcome_of_a_call() -> None:
    init = SendRetryable.__init__

    def certain(self: Any, reason: str, retry_after: float | None = None, **given: Any) -> None:
        init(self, reason, retry_after, **given | {"not_accepted": True})

    _replace(SendRetryable, "__init__", certain)()


def _unknown_outcome_of_a_commit() -> None:
    _replace(complete, "OutcomeUnknown", DatabaseUnready)()


async def _never(_: object) -> None:
    await asyncio.get_running_loop().create_future()


def _sealed_mail() -> None:
    lock = Outbox.lock
    _replace(Outbox, "store_sealed", lambda *_: None)()
    _replace(Outbox, "store_held", lambda self, message, _: lock(self, [message]))()


def _drop_where_it_is_decided() -> None:
    """Drop a message in a transaction of its own, after the one that decided."""
    write = Settlements._write

    def drop(self: Any, reasons: Any) -> None:
        del reasons
        write(self, self.connection, [])

    _replace(Settlements, "drop", drop)()
    settled = Relay._drop_all

    async def drop_all(self: Any, dropped: Any) -> None:
        await settled(self, [(message, Dropped(one.reason)) for message, one in dropped])

    _replace(Relay, "_drop_all", drop_all)()
    settle = Attempts._settle

    async def settle_alone(self: Any, message: Any, settlement: Any) -> None:
        await settle(self, message, Dropped(settlement.reason) if isinstance(settlement, Dropped) else settlement)

    _replace(Attempts, "_settle", settle_alone)()
    _replace(Outbox, "drop_held", lambda _, __, reason: Dropped(reason))()


def _lease() -> None:
    _reword(("available_at=?, claim=CASE", "available_at=coalesce(keyturn_outbox.available_at, ?), claim=CASE"))()


def _confirmation_with_the_change() -> None:
    """Enqueue a confirmation in a transaction of its own, after the change."""
    enqueue = Outbox.enqueue

    def later(self: Any, kind: str, payload: Any, **given: Any) -> int:
        if kind != PASSWORD_CHANGED:
            return enqueue(self, kind, payload, **given)
        self.tasks = asyncio.get_running_loop().create_task(self.post(kind, payload))
        return 0

    _replace(Outbox, "enqueue", later)()


def _commit_before_the_answer() -> None:
    post = Outbox.post

    async def later(self: Any, kind: str, payload: Any) -> None:
        self.tasks = asyncio.get_running_loop().create_task(post(self, kind, payload))

    _replace(Outbox, "post", later)()


async def _admit_all(*_: object) -> None:
    """Count nothing."""


def _second_link_mail() -> None:
    renew = LinkRenewal.__call__

    async def always_unseen(self: Any, message: Any, link: Any, *, unseen: bool) -> Any:
        del unseen
        return await renew(self, message, link, unseen=True)

    _replace(LinkRenewal, "__call__", always_unseen)()


def _survival() -> None:
    async def claim(self: Any, lane: Any) -> Any:
        return await self._claim(lane)

    _replace(Relay, "_claim_or_log", claim)()


def _one_failure_alone() -> None:
    async def run(self: Any, items: Any) -> Any:
        try:
            return list(await self._execute(items))
        except Exception as error:  # noqa: BLE001 - as in the original
            return [error] * len(items)

    _replace(Batcher, "_run", run)()


def _ends_of_settled() -> None:
    """Let a message be claimed whatever its state is."""
    _reword(("WHERE state = 'waiting' AND", "WHERE state != 'sent' AND"), only="WITH due")()


async def _leave_interrupted(_: object, __: object) -> Dropped:
    return Dropped("left")


def _withdraw_always(self: Outbox, key: str) -> bool:
    del self, key
    return True


ABLATIONS: Mapping[str, Ablation] = {
    "used-links": Ablation(
        what="A link is used by one guarded `UPDATE`",
        # A change also revokes the link that was used for it.
        remove=_reword(
            ("keyturn_reset_tokens.used_at IS NULL", "1"),
            ("keyturn_reset_tokens.revoked_at IS NULL", "1"),
            only="UPDATE keyturn_reset_tokens SET used_at",
        ),
    ),
    "revoked-links": Ablation(
        what="The same `UPDATE` refuses a link that was revoked meanwhile",
        remove=_without_guard("keyturn_reset_tokens.revoked_at", "SET used_at"),
    ),
    "used-secure-links": Ablation(
        what='A link of "this was not me" is used by one guarded `UPDATE`',
        remove=_without_guard("keyturn_secure_links.used_at", "SET used_at"),
    ),
    "commit-first": Ablation(what="202 is sent after the commit", remove=_commit_before_the_answer),
    "confirmation": Ablation(
        what="A change and its confirmation are one transaction", remove=_confirmation_with_the_change
    ),
    "other-links": Ablation(
        what="A new password revokes the account's other links",
        remove=_replace(LinkStore, "revoke_all", lambda *_, **__: None),
    ),
    "sessions": Ablation(
        what="A new password ends the account's sessions", remove=_replace(Sessions, "end_all", lambda *_: None)
    ),
    "lost-commit": Ablation(
        what="A lost answer to a commit is an unknown outcome", remove=_unknown_outcome_of_a_commit
    ),
    "given-up": Ablation(
        what="Work that its caller has given up is not committed",
        remove=_replace(sqlite._Job, "require_wanted", lambda _: None),
    ),
    "idempotency-key": Ablation(what="Every try has the same idempotency key", remove=_idempotency_key),
    "sealed-mail": Ablation(what="A mail is rendered once, and stored sealed", remove=_sealed_mail),
    "choose-then-note": Ablation(
        what="A transport is noted with the mail before it is asked", remove=_choose_then_note
    ),
    "lost-call": Ablation(what="A lost answer of a provider is an unknown outcome", remove=_unknown_outcome_of_a_call),
    "second-link": Ablation(
        what="A link that expired on its way is replaced only if no provider can have it", remove=_second_link_mail
    ),
    "lease-fence": Ablation(what="Only the holder of a message postpones or ends it", remove=_fence),
    "lease": Ablation(what="A claim lasts for a lease", remove=_lease),
    "lease-renewal": Ablation(what="A working worker renews its leases", remove=_replace(LeaseKeeper, "run", _never)),
    "newest-claim": Ablation(
        what="A worker that holds a message under two claims answers it under the newer", remove=_newest_claims
    ),
    "settled": Ablation(what="Only a waiting message can be claimed", remove=_ends_of_settled),
    "drop-at-once": Ablation(
        what="A message that gets no mail ends in the transaction that decides so", remove=_drop_where_it_is_decided
    ),
    "cooldown": Ablation(
        what="A mailbox is claimed by one guarded upsert",
        remove=_reword(
            ("WHERE keyturn_mailboxes.mailed_at <= ?", "WHERE 1 OR keyturn_mailboxes.mailed_at <= ?"),
            only="INSERT INTO keyturn_mailboxes",
        ),
    ),
    "mailbox-limits": Ablation(
        what="A mailbox rests between two mails, and gets few in a day",
        remove=_replace(Mailboxes, "claim", lambda _, wanted, __: [one for _, one in wanted]),
    ),
    "client-limits": Ablation(what="A client's requests are counted", remove=_replace(RateLimits, "count", _admit_all)),
    "breaker": Ablation(
        what="New mails go to the fallback while the main provider fails",
        remove=_replace(Breaker, "admits", lambda _: True),
    ),
    "failover": Ablation(
        what="A mail that one transport may have never goes to the other",
        remove=_replace(
            TransportFailover, "choose", lambda self, _: self._first if self._breaker.admits() else self._second
        ),
    ),
    "account-lock": Ablation(
        what="Another system gets one change of an account at a time",
        remove=_replace(elsewhere, "acquire_account_lock", lambda *_: new_key()),
    ),
    "certain-no": Ablation(
        what="A link is given back only after a certain no of the other system",
        remove=_replace(elsewhere, "_is_certain_no", lambda _: True),
    ),
    "interrupted": Ablation(
        what="A change that its process did not end is ended by the worker",
        remove=_replace(elsewhere.InterruptedChangeHandler, "__call__", _leave_interrupted),
    ),
    "withdrawal": Ablation(
        what="The one that withdraws the promise of a change writes its effects",
        remove=_replace(Outbox, "withdraw", _withdraw_always),
    ),
    "survival": Ablation(what="A worker survives errors of the database", remove=_survival),
    "alone": Ablation(what="One bad item of a batch fails alone", remove=_one_failure_alone),
}
"""By the name that `--without` takes."""
