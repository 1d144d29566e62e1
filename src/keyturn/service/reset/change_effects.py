"""The effects of a changed password, written in the transaction that completes the change: the
access that ends with it, the confirmation, the app's event and the entry of the audit trail.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from keyturn.service import identifiers, one_time_secrets
from keyturn.service.accounts.port import NOTHING, Account, Ended
from keyturn.service.one_time_secrets import RULES, How, Purpose, SecretRow
from keyturn.service.reset.events import AppEvents, PasswordChanged, about
from keyturn.service.reset.ports import ResetCodes
from keyturn.service.reset.records.messages import (
    PASSWORD_CHANGED,
    ChangeBegun,
    PasswordWasChanged,
)
from keyturn.service.reset.stores import Transaction


class ChangeEffects:
    """Writes the effects of a changed password, in the transaction that completes the change."""

    def __init__(self, events: AppEvents, codes: ResetCodes | None) -> None:
        self._events = events
        self._codes = codes

    def write(
        self, tx: Transaction, account: Account, begun: ChangeBegun, ended: Ended | None
    ) -> None:
        """Write the effects. `ended`: what the store has ended; None if its answer was lost."""
        mailbox = identifiers.mailbox_digest(begun.email)
        self.end_access(tx, account.id, begun.at, begun.how)
        if self._codes:
            self._codes.forget_failures(tx, mailbox)
        if begun.is_proven and ended is not None:
            # The client has proved more than control of a mailbox, so the buttons in the account's
            # earlier mailboxes end.
            is_elsewhere = SecretRow.mailbox != mailbox
            one_time_secrets.revoke(
                tx.connection, account.id, [Purpose.SECURE], begun.at, is_elsewhere
            )
        if ended is None:
            self._tell(tx, account, begun, {}, "interrupted")
        else:
            self._tell(tx, account, begun, ended.counts, "changed")

    def _tell(
        self,
        tx: Transaction,
        account: Account,
        begun: ChangeBegun,
        ended: Mapping[str, int],
        outcome: str,
    ) -> None:
        """Tell the owner, the app and the audit trail, at the address of the change's beginning."""
        confirmation = tx.outbox.enqueue(
            PASSWORD_CHANGED,
            PasswordWasChanged(
                account_id=account.id,
                at=begun.at,
                client=begun.client,
                email=begun.email,
                ended=ended,
            ),
        )
        then = msgspec.structs.replace(account, email=begun.email)
        changed = PasswordChanged(**about(then, begun.client), how=begun.how, ended=ended)
        self._events.write(tx, changed, begun.at)
        tx.audit.write(
            f"password_{begun.how}",
            outcome,
            begun.client,
            begun.at,
            account.id,
            begun.email,
            message_id=confirmation,
        )

    def end_access(self, tx: Transaction, account_id: str, moment: datetime, how: How) -> None:
        """End the sessions, links and codes of an account that `tx` holds."""
        one_time_secrets.revoke(tx.connection, account_id, _ends_with(how), moment)
        # OWASP ASVS 7.4.3: a changed password can end all other sessions; here it always does.
        tx.sessions.end_all(account_id)

    def end_access_by(
        self, tx: Transaction, account_id: str, moment: datetime, mailbox: str
    ) -> None:
        """End the sessions of an account that `tx` holds, and the links and codes that were sent to
        `mailbox`: its owner reports an intrusion.
        """
        is_here = SecretRow.mailbox == identifiers.mailbox_digest(mailbox)
        one_time_secrets.revoke(tx.connection, account_id, _ends_with("reset"), moment, is_here)
        tx.sessions.end_all(account_id)


def _ends_with(how: How) -> Collection[Purpose]:
    """Return what an account's secrets are for that end with such a change of its password."""
    return [purpose for purpose, rule in RULES.items() if how in rule.ends_with]


# Limits of what an app's store may count: the counts go into a mail and an event.
_LONGEST_WORD = 40
"""Characters of a word that names a kind of credentials."""

_MOST_WORDS = 20

_MOST = 1_000_000_000
"""Credentials of a kind."""


def ended_by(stored: object) -> Ended | None:
    """Return what a store has ended, from its answer to `set_password`; None if it set no password.

    Raises TypeError for an answer that is neither a bool nor `Ended`.
    """
    if isinstance(stored, Ended):
        return valid_counts(stored)
    if not isinstance(stored, bool):
        raise TypeError(f"set_password returned {type(stored).__name__}, neither True nor False")
    if stored:
        return NOTHING
    return None


def valid_counts(ended: Ended | None) -> Ended:
    """Return what an app's store has ended, without entries that are not valid counts.

    It raises no error, since the access has already ended.
    """
    if not isinstance(ended, Ended):
        return NOTHING
    # Python checks no field of a struct, so an app's store may have put anything here.
    answer: Any = ended.counts
    if not isinstance(answer, Mapping):
        return NOTHING
    answers = list(answer.items())[:_MOST_WORDS]
    counts = {}
    for word, number in answers:
        if _is_word(word) and _is_count(number):
            counts[word] = number
    return Ended(counts)


def _is_word(word: object) -> bool:
    return isinstance(word, str) and word.isprintable() and 0 < len(word) <= _LONGEST_WORD


def _is_count(number: object) -> bool:
    # `True` is an int to Python, and no count.
    return type(number) is int and 0 < number <= _MOST
