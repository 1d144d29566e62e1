"""Blocks the mailboxes that other systems report as hijacked, such as Google for Gmail.

A report is a signed event (`signals/received.py`). It ends the links, codes and buttons "this was not me" that went to
the account's mailbox, ends the account's sessions, and blocks the mailbox: no link goes there until an operator
unblocks it, or the same transmitter reports that the user has the account back.

**A report shuts the owner out of the mailbox, so a transmitter has authority over few**: only mailboxes in its
`domains` are blocked. A block of the help desk outweighs its reports. Google asks receivers to stop recovery mails, and
to end sessions (https://developers.google.com/identity/protocols/risc).

**A report counts once.** Its id is kept, in the transaction of what it does, for as long as its age is accepted. An
older report than one that was heeded changes nothing: transmitters repeat events, in any order.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Literal, NamedTuple

from sqlalchemy import select

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
from keyturn.reset.records.models import ReceivedSignalRow
from keyturn.reset.records.stores import Transaction
from keyturn.settings import Settings, SignalTransmitter
from keyturn.signals.polling import SignalPoller
from keyturn.signals.received import OLDEST, ReceivedSignal, SignalVerifier
from keyturn.telemetry.logs import LogEvent, OnceAMinute, reset_log

Action = Literal["hijacked", "enabled", "sessions_ended", "noted"]

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

_LONGEST = 60
"""Characters of a type and of a reason."""


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

        What the caller learns is the same with an account and without.
        Raises SignalRefused, and Unavailable if the event cannot be judged or kept now.
        """
        signal = await self._verifiers[name].verify(token, now())
        transmitter = self.transmitters[name]
        action, why = _action_of(signal)
        if action is None or (action == "sessions_ended" and not transmitter.ends_sessions):
            reset_log.info(LogEvent("signals.received", transmitter=name, events=why, action="none"))
            return
        digest = sha256(f"{transmitter.issuer} {signal.id}".encode()).digest()
        known = select(ReceivedSignalRow.digest).where(ReceivedSignalRow.digest == digest)
        if await self._records.database.fetch(known):
            return
        account = await self._find(name, signal)
        if account and action in ("hijacked", "sessions_ended") and isinstance(self._accounts, EndsSessions):
            await self._accounts.end_sessions(account.id)  # before the report counts: a repeat does no harm
        report = _Report(name, transmitter, signal, digest, action, why)
        outcome = await self._records.transact(lambda tx: self._write(tx, report, account, client))
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

    def _write(self, tx: Transaction, report: "_Report", account: Account | None, client: Client) -> str:
        """Keep the report and do what it asks for; return the outcome, "" for a repeat."""
        moment, mailbox = now(), b""
        if account:
            tx.hold(account.id)
            if report.action in ("hijacked", "enabled"):
                mailbox = mailbox_digest(account.email)
        is_superseded = bool(mailbox) and _has_newer(tx, report, mailbox)
        if not _keep(tx, report, mailbox):
            return ""
        outcome = "superseded" if is_superseded else self._act(tx, report, account, moment)
        known = (account.id, account.email) if account else ("", "")
        tx.audit.write(_EVENT, outcome, client, moment, *known, note=f"{report.name}: {report.why}")
        return outcome

    def _act(self, tx: Transaction, report: "_Report", account: Account | None, moment: datetime) -> str:
        if account is None:
            return "no_account"
        if report.action == "noted":
            return "noted"
        is_its_own = _is_within(report.transmitter, account.email)
        reason = f"hijacked: {report.name}"
        if report.action == "enabled":
            return "enabled" if is_its_own and tx.mailboxes.unblock(account.email, reason) else "not_blocked"
        tx.sessions.end_all(account.id)
        if report.action == "sessions_ended" or not is_its_own:
            return "sessions_ended" if report.action == "sessions_ended" else "other_mailbox"
        # In the order of the help desk: the account, its mailbox, then its links.
        if tx.mailboxes.refuses_links(account.email, moment) != "blocked":
            tx.mailboxes.block(account.email, moment, reason)
        self._effects.end_access(tx, account.id, moment, mailbox=account.email)
        tx.links.end_for_good(account.id, moment, mailbox=account.email)
        tx.secure_links.end_at(account.id, account.email, moment)
        return HIJACKED

    async def close(self) -> None:
        for poller in self.pollers:
            await poller.close()
        for verifier in self._verifiers.values():
            await verifier.keys.close()


class _Report(NamedTuple):
    """An event that asks for something. `digest`: that of its id. `why`: its type and reason, for the audit trail."""

    name: str
    transmitter: SignalTransmitter
    signal: ReceivedSignal
    digest: bytes
    action: Action
    why: str


def _action_of(signal: ReceivedSignal) -> tuple[Action | None, str]:
    """Return what an event asks for, and its type and reason."""
    for kind, action in _ACTIONS.items():
        if (body := signal.events.get(kind)) is not None:
            reason = _printable(str(body.get("reason", "")))
            # Without a reason, Google suggests to stop recovery mails, too. Other reasons are about the user.
            if kind == _DISABLED and reason not in ("", "hijacking"):
                return None, f"{_short(kind)} {reason}"
            return action, f"{_short(kind)} {reason}".strip()
    return None, _printable(", ".join(map(_short, signal.events)))


def _short(kind: str) -> str:
    return _printable(kind.rpartition("/")[2])


def _printable(text: str) -> str:
    """Return text of a transmitter as it may stand in logs and in the audit trail (CWE-117)."""
    return "".join(filter(str.isprintable, text))[:_LONGEST]


def _is_within(transmitter: SignalTransmitter, email: str) -> bool:
    """Tell whether the transmitter may block the mailbox."""
    domain = addresses.normalize(email).rpartition("@")[2]
    return "*" in transmitter.domains or domain in transmitter.domains


def _has_newer(tx: Transaction, report: _Report, mailbox: bytes) -> bool:
    """Return whether a later report about the mailbox was heeded."""
    row = ReceivedSignalRow
    later = select(row.digest).where(row.mailbox == mailbox, row.issued_at > report.signal.issued_at)
    return tx.connection.execute(later.where(row.transmitter == report.name).limit(1)).first() is not None


def _keep(tx: Transaction, report: _Report, mailbox: bytes) -> bool:
    """Keep the report's id until its age would be refused; return whether it is new."""
    issued = report.signal.issued_at
    row = {"digest": report.digest, "transmitter": report.name, "mailbox": mailbox, "issued_at": issued}
    kept = insert_into(ReceivedSignalRow, tx.connection.dialect).values(**row, expires_at=issued + OLDEST + DAY)
    return tx.connection.execute(kept.on_conflict_do_nothing().returning(ReceivedSignalRow.digest)).first() is not None
