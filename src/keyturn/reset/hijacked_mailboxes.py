"""Blocks the mailboxes that other systems report as hijacked, such as Google for Gmail.

A report is a signed event (`signals/received.py`). It ends the links, codes and buttons "this was not me" that went to
the account's mailbox, ends the account's sessions, and blocks the mailbox: no link goes there until an operator
unblocks it, or the same transmitter reports that the user has the account back, and no other still reports it.

**A report shuts the owner out of the mailbox, so a transmitter has authority over few**: only mailboxes in its
`domains` are blocked. Google asks receivers to stop recovery mails, and
to end sessions (https://developers.google.com/identity/protocols/risc).

**A report counts once.** Its id is kept, in the transaction of what it does, for as long as its age is accepted. An
older report than one that was heeded changes nothing: transmitters repeat events, in any order.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Select, select

from keyturn import addresses
from keyturn.accounts.port import Account, EndsSessions, FindsSubjects
from keyturn.database import now
from keyturn.database.statements import insert_into
from keyturn.reset.change import ChangeEffects
from keyturn.reset.ground import Ground
from keyturn.reset.records.audit import HIJACKED
from keyturn.reset.records.client import Client
from keyturn.reset.records.codes import mailbox_digest
from keyturn.reset.records.guarded import DAY
from keyturn.reset.records.models import MailboxRow
from keyturn.reset.records.models import ReceivedSignalRow as _Row
from keyturn.reset.records.stores import Transaction
from keyturn.settings import Settings, SignalTransmitter
from keyturn.signals.polling import SignalPoller
from keyturn.signals.received import OLDEST, ReceivedSignal, SignalVerifier
from keyturn.telemetry.logs import LogEvent, OnceAMinute, reset_log

Action = Literal["hijacked", "enabled", "sessions_ended", "noted", "none"]

_EVENT = "mailbox_report"
"""The event's name in the audit trail."""

_RISC = "https://schemas.openid.net/secevent/risc/event-type/"
_DISABLED = f"{_RISC}account-disabled"
_ACTIONS: Mapping[str, Action] = {
    _DISABLED: "hijacked",
    f"{_RISC}identifier-recycled": "hijacked",  # the address now belongs to another person
    f"{_RISC}account-enabled": "enabled",
    f"{_RISC}sessions-revoked": "sessions_ended",
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked": "sessions_ended",
    "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked": "sessions_ended",
    # No event tells when these are over, so they block nothing.
    f"{_RISC}account-credential-change-required": "noted",
    f"{_RISC}credential-compromise": "noted",
}
"""The weightiest first, since an event may have several types."""

_LONGEST = 120
"""Characters of a type and its reason in the audit trail."""


class MailboxReports:
    """Takes the reports of all transmitters of the settings."""

    def __init__(self, settings: Settings, ground: Ground, effects: ChangeEffects) -> None:
        self.transmitters, self.refusals = settings.signals.transmitters, OnceAMinute()
        self._records = ground.records
        self._accounts = ground.accounts
        self._effects = effects
        timeout = settings.signals.timeout
        self._verifiers = {name: SignalVerifier(one, timeout) for name, one in self.transmitters.items()}
        self.pollers = [
            SignalPoller(name, one, timeout, partial(self.take, name, client=Client()))
            for name, one in self.transmitters.items()
            if one.poll_from
        ]

    async def run(self) -> None:
        """Poll the transmitters that do not push, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for poller in self.pollers:
                group.create_task(poller.run())

    async def take(self, name: str, token: bytes, client: Client) -> None:
        """Do what an event asks for, and commit it. A repeat, or an event of another type, changes nothing.

        Raises SignalRefused, and Unavailable if the event cannot be judged or kept now. Nothing tells of an account.
        """
        signal = await self._verifiers[name].verify(token, now())
        action, why = _action_of(signal)
        if action == "sessions_ended" and not self.transmitters[name].ends_sessions:
            action = "none"
        if action == "none" or await self._records.database.fetch(_same(name, signal)):
            reset_log.info(LogEvent("signals.received", transmitter=name, events=why, action="none"))
            return
        account = await self._find(name, signal)
        mailbox = account.email if account else ""
        if account and action in ("hijacked", "sessions_ended") and isinstance(self._accounts, EndsSessions):
            await self._accounts.end_sessions(account.id)  # before the report counts: a repeat does no harm

        def write(tx: Transaction) -> str:
            moment, about = now(), mailbox if action in ("hijacked", "enabled") else ""
            if account:
                tx.hold(account.id)
            is_superseded = about != "" and tx.connection.execute(_newer(name, signal, about)).first() is not None
            if not _keep(tx, name, signal, about, action, moment):
                return "none"
            outcome = "superseded" if is_superseded else self._act(tx, name, action, account, moment)
            known = (account.id, account.email) if account else ("", "")
            tx.audit.write(_EVENT, outcome, client, moment, *known, note=f"{name}: {why}")
            return outcome

        outcome = await self._records.transact(write)
        reset_log.warning(LogEvent("signals.received", transmitter=name, events=why, action=outcome))

    async def _find(self, name: str, signal: ReceivedSignal) -> Account | None:
        """Return the first account that the event names. Raises AccountsUnready.

        By its address, a transmitter can name only an account in its domains: it must not end the sessions of others.
        """
        for kind, value in signal.subjects:
            account = None
            if kind == "email":
                account = await self._accounts.find(value) if _is_within(self.transmitters[name], value) else None
            elif isinstance(self._accounts, FindsSubjects):
                account = await self._accounts.find_subject(name, value)
            if account:
                return account
        return None

    def _act(self, tx: Transaction, name: str, action: Action, account: Account | None, moment: datetime) -> str:
        """Do it in the caller's transaction, and return the outcome."""
        if account is None:
            return "no_account"
        if action == "noted":
            return action
        is_its_own = _is_within(self.transmitters[name], account.email)
        if action == "enabled":
            return self._unblock(tx, name, account.email) if is_its_own else "not_blocked"
        tx.sessions.end_all(account.id)
        if action == "sessions_ended":
            return action
        if not is_its_own:
            return "other_mailbox"
        # In this order everywhere: the account, its mailbox, then its links.
        if tx.mailboxes.refuses_links(account.email, moment) != "blocked":
            tx.mailboxes.block(account.email, moment, _reason(name))
        self._effects.end_access(tx, account.id, moment, mailbox=account.email)
        tx.links.end_for_good(account.id, moment, mailbox=account.email)
        tx.secure_links.end_at(account.id, account.email, moment)
        return HIJACKED

    def _unblock(self, tx: Transaction, name: str, mailbox: str) -> str:
        """End the transmitter's block, unless another still reports the mailbox: then the block is that one's."""
        others = [other for other, one in self.transmitters.items() if other != name and _is_within(one, mailbox)]
        reports = tx.connection.execute(_reports_since_block(mailbox, others)).all() if others else []
        latest = {other: (action, blocked_at) for other, action, blocked_at in reports}
        if not tx.mailboxes.unblock(mailbox, _reason(name)):
            return "not_blocked"
        for other, (action, blocked_at) in latest.items():
            if action == "hijacked":
                tx.mailboxes.block(mailbox, blocked_at, _reason(other))
                return "still_reported"
        return "enabled"

    async def close(self) -> None:
        for poller in self.pollers:
            await poller.close()
        for verifier in self._verifiers.values():
            await verifier.keys.close()


def _action_of(signal: ReceivedSignal) -> tuple[Action, str]:
    """Return what an event asks for, and its type and reason as they may stand in logs (CWE-117)."""
    for kind, action in _ACTIONS.items():
        if (body := signal.events.get(kind)) is not None:
            reason = str(body.get("reason", ""))
            why = _printable(f"{kind.rpartition('/')[2]} {reason}".strip())
            # Without a reason, Google suggests to stop recovery mails, too. Other reasons are about the user.
            return ("none" if kind == _DISABLED and reason not in ("", "hijacking") else action), why
    return "none", _printable(", ".join(kind.rpartition("/")[2] for kind in signal.events))


def _printable(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:_LONGEST]


def _is_within(transmitter: SignalTransmitter, email: str) -> bool:
    """Tell whether the transmitter may block the mailbox."""
    domain = addresses.normalize(email).rpartition("@")[2]
    return "*" in transmitter.domains or domain in transmitter.domains


def _reason(name: str) -> str:
    return f"hijacked: {name}"


def _digest(name: str, signal: ReceivedSignal) -> bytes:
    return sha256(f"{name} {signal.id}".encode()).digest()


def _same(name: str, signal: ReceivedSignal) -> Select[Any]:
    """Ask whether the report was heeded."""
    return select(_Row.digest).where(_Row.digest == _digest(name, signal))


def _newer(name: str, signal: ReceivedSignal, about: str) -> Select[Any]:
    """Ask whether a later report about that mailbox was heeded."""
    mailbox, later = mailbox_digest(about), _Row.issued_at > signal.issued_at
    return select(_Row.digest).where(_Row.mailbox == mailbox, _Row.transmitter == name, later).limit(1)


def _reports_since_block(mailbox: str, transmitters: Sequence[str]) -> Select[Any, Any, Any]:
    """Ask for these transmitters' reports since the mailbox is blocked, the latest last."""
    about = _Row.mailbox == mailbox_digest(mailbox), _Row.transmitter.in_(transmitters)
    reports = select(_Row.transmitter, _Row.action, MailboxRow.blocked_at)
    reports = reports.join(MailboxRow, MailboxRow.digest == _Row.mailbox)
    return reports.where(*about, _Row.heeded_at >= MailboxRow.blocked_at).order_by(_Row.issued_at, _Row.heeded_at)


def _keep(tx: Transaction, name: str, signal: ReceivedSignal, about: str, action: Action, moment: datetime) -> bool:
    """Keep the report's id until its age would be refused; return whether it is new."""
    kept = insert_into(_Row, tx.connection.dialect).values(
        digest=_digest(name, signal),
        transmitter=name,
        mailbox=mailbox_digest(about) if about else b"",
        action=action,
        issued_at=signal.issued_at,
        heeded_at=moment,
        expires_at=signal.issued_at + OLDEST + DAY,
    )
    return tx.connection.execute(kept.on_conflict_do_nothing().returning(_Row.digest)).first() is not None
