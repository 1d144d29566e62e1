"""A change of a password: what allows it, and the effects that follow in the same transaction."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from keyturn.errors import KeyturnError
from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import NOTHING, Account, Ended
from keyturn.service.client import Client
from keyturn.service.one_time_secrets import RULES, Purpose, SecretRow
from keyturn.service.reset.events import AppEvents, PasswordChanged
from keyturn.service.reset.ports import ResetCodes
from keyturn.service.reset.records.messages import (
    PASSWORD_CHANGED,
    ChangeBegun,
    How,
    PasswordWasChanged,
)
from keyturn.service.reset.stores import Transaction


@dataclass(eq=False, repr=False, kw_only=True)
class Change(ABC):
    """A new password for an account, the client that asks for it, and what allows it: a link, or an
    open session.
    """

    account: Account
    password: str
    client: Client
    how: ClassVar[How]

    @property
    def proven(self) -> bool:
        """Whether it took more than a mailbox: an open session with the current password, or a
        second factor.
        """
        return self.how == "change"

    @abstractmethod
    def refusal(self) -> KeyturnError:
        """Return the error for an account that was disabled, or has another address, since it was
        looked up.
        """

    async def require_second_step(self) -> None:  # noqa: B027 - most need none
        """Check the second step, after the password has passed all rules.

        Raises if it is missing or wrong.
        """

    @abstractmethod
    def redeem(self, tx: Transaction, moment: datetime) -> Account:
        """Use up what allows it; return the account, `intruded` if that is suspected.

        Raises if it is not valid.
        """

    def give_back(self, tx: Transaction, moment: datetime) -> None:  # noqa: B027 - most have nothing to undo
        """Undo `redeem`, which was committed at that moment, because the store has refused the
        password.
        """

    def after_change(self, tx: Transaction) -> None:  # noqa: B027 - most have nothing to add
        """Write further effects in the transaction that ends the change."""

    def begun(self, moment: datetime) -> ChangeBegun:
        account_id, email = self.account.id, self.account.email
        return ChangeBegun(
            account_id=account_id,
            at=moment,
            client=self.client,
            how=self.how,
            email=email,
            is_proven=self.proven,
        )


_LONGEST_WORD, _MOST_WORDS, _MOST = 40, 20, 1_000_000_000
"""Characters of a word, words, and credentials that an app's store may count: they go into a mail
and an event.
"""


def ended_by(stored: object) -> Ended | None:
    """Return what a store ended as it set the password, None if it did not.

    Raises TypeError for any other answer.
    """
    if isinstance(stored, Ended):
        return counted(stored)
    if not isinstance(stored, bool):
        raise TypeError(f"set_password returned {type(stored).__name__}, neither True nor False")
    return NOTHING if stored else None


def counted(ended: Ended | None) -> Ended:
    """Return what an app's store has ended, without what is no count.

    Nothing fails: it has ended already.
    """
    answer: Any = ended.counts if isinstance(ended, Ended) else {}
    if not isinstance(answer, Mapping):
        return NOTHING
    counts = {
        word: number
        for word, number in list(answer.items())[:_MOST_WORDS]
        if isinstance(word, str) and word.isprintable() and 0 < len(word) <= _LONGEST_WORD
        if type(number) is int and 0 < number <= _MOST
    }
    return Ended(counts)


class ChangeEffects:
    """Writes the effects of a changed password, in the transaction that ends the change."""

    def __init__(self, events: AppEvents, codes: ResetCodes | None) -> None:
        self.events, self._codes = events, codes

    def write(
        self, tx: Transaction, account: Account, begun: ChangeBegun, ended: Ended | None
    ) -> None:
        """Write the effects. `ended`: what the store has ended; None if its answer was lost."""
        moment, client, mailbox = begun.at, begun.client, addresses.digest(begun.email)
        self.end_access(tx, account.id, moment, how=begun.how)
        if self._codes:
            self._codes.forget_failures(tx, mailbox)
        if (
            begun.is_proven and ended is not None
        ):  # more than a mailbox: links in earlier ones end, too
            one_time_secrets.revoke(
                tx.connection, account.id, [Purpose.SECURE], moment, SecretRow.mailbox != mailbox
            )
        counts = ended.counts if ended else {}
        notice = PasswordWasChanged(
            account_id=account.id, at=moment, client=client, email=begun.email, ended=counts
        )
        confirmation = tx.outbox.enqueue(PASSWORD_CHANGED, notice)
        account = msgspec.structs.replace(account, email=begun.email)
        self.events.write(tx, PasswordChanged, account, client, moment, how=begun.how, ended=counts)
        outcome = "interrupted" if ended is None else "changed"
        of = moment, account.id, begun.email
        tx.audit.write(f"password_{begun.how}", outcome, client, *of, message_id=confirmation)

    def end_access(
        self,
        tx: Transaction,
        account_id: str,
        moment: datetime,
        *,
        mailbox: str | None = None,
        how: How | None = None,
    ) -> None:
        """End a held account's sessions, links and codes, or those sent to `mailbox`; no `how`
        means an intrusion.
        """
        which = [] if mailbox is None else [SecretRow.mailbox == addresses.digest(mailbox)]
        purposes = [
            purpose for purpose, rule in RULES.items() if (how or "reset") in rule.ends_with
        ]
        one_time_secrets.revoke(tx.connection, account_id, purposes, moment, *which)
        # OWASP ASVS 7.4.3: a changed password can end all other sessions; here it always does.
        tx.sessions.end_all(account_id)
