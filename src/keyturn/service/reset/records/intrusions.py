"""What an owner's report of a change does, and when an intrusion is suspected.

**A link that reports a change speaks for its mailbox.** Its use is called a press. A press ends the
links of later changes that were sent to the same mailbox, and none that were sent elsewhere. So an
attacker who moves an account to another address, and an owner who leaves a mailbox that others
read, cannot end each other's links. `docs/security.md` lists an account's states, and which mailbox
may change them.

**A press decides who may open a locked account**: the mailbox that pressed, while the account has
that address. A press is therefore kept for as long as its entry in the audit trail.

**An intrusion is suspected** after a press, and after an operator has asked for a new password,
until a link sets one. That is decided when a link is used, not when it is made. An older link, a
code, or a link that the owner has requested since must do as much as the link that it ends.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, and_, exists, func, literal, or_, select, union
from sqlalchemy.orm import aliased

from keyturn.service import identifiers, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import RULES, OneTimeSecret, Purpose, SecretRow
from keyturn.service.reset.records.audit import AuditRow
from keyturn.service.reset.records.links import LINKS

PRESSED = (SecretRow.purpose == Purpose.SECURE) & SecretRow.used_at.is_not(None)
"""The condition of the links whose use is a press."""

_passed = aliased(AuditRow)


def press(connection: Connection, link: OneTimeSecret, moment: datetime) -> bool:
    """Use a link that reports a change, and end the mailbox's later ones; tell whether it worked.

    The caller must hold the account.
    """
    if not one_time_secrets.use(connection, link, moment):
        return False
    is_here = SecretRow.mailbox == link.mailbox
    is_later = SecretRow.created_at >= link.created_at
    one_time_secrets.revoke(
        connection, link.account_id, [Purpose.SECURE], moment, is_here, is_later
    )
    return True


def is_outlived(connection: Connection, button: OneTimeSecret) -> bool:
    """Tell whether a button that is not stored yet would have ended since its change.

    A notice may wait for its mail. In the meantime, its mailbox may have pressed the button of an
    earlier change, or the password may have been changed from another mailbox with a proof of more
    than that: an open session or a second factor (`ChangeEffects`).

    The caller must hold the account.
    """
    since = button.created_at
    is_pressed = exists().where(
        PRESSED,
        SecretRow.account_id == button.account_id,
        SecretRow.mailbox == button.mailbox,
        SecretRow.created_at <= since,
        SecretRow.used_at >= since,
    )
    # A reset and its second step are entered in one transaction, under the id of one request.
    is_passed = exists().where(
        _passed.account_id == AuditRow.account_id,
        _passed.request_id == AuditRow.request_id,
        _passed.event == "second_step",
        _passed.outcome.startswith("passed_"),
    )
    is_proven = or_(
        AuditRow.event == "password_change", and_(AuditRow.event == "password_reset", is_passed)
    )
    changed_from = select(AuditRow.email).where(
        AuditRow.account_id == button.account_id,
        AuditRow.outcome == "changed",
        AuditRow.at >= since,
        is_proven,
    )
    # An empty address stands for a press. A change from the button's own mailbox ends nothing.
    ended_by = union(select(literal("")).where(is_pressed), changed_from)
    for email in connection.scalars(ended_by):
        if identifiers.mailbox_digest(email) != button.mailbox:
            return True
    return False


async def may_get_link(database: Database, accounts: Collection[Account]) -> Collection[str]:
    """Return the ids of the accounts that may get a link.

    An account must be active, or locked by the mailbox that is its address now. One statement
    serves all.
    """
    mailboxes = {account.id: identifiers.mailbox_digest(account.email) for account in accounts}
    pressed = select(SecretRow.account_id, SecretRow.mailbox).where(
        PRESSED, SecretRow.account_id.in_(mailboxes)
    )
    locked_by_owner = set()
    for row in await database.fetch(pressed):
        account_id = row["account_id"]
        if bytes(row["mailbox"]) == mailboxes[account_id]:
            locked_by_owner.add(account_id)
    reachable = set()
    for account in accounts:
        if account.active or (account.locked and account.id in locked_by_owner):
            reachable.add(account.id)
    return reachable


_SUSPECTED = RULES[Purpose.EVICT].retention
"""The longest time for which an intrusion is suspected after a press, or after the end of an
operator's link.

The use of a link ends the suspicion. A used link is kept for the same time, so the suspicion does
not return.
"""

_UNUSED = (SecretRow.purpose == Purpose.EVICT) & SecretRow.used_at.is_(None)
_used = aliased(SecretRow)
_SUSPICIONS = select(SecretRow.key).where(
    PRESSED | _UNUSED,
    ~exists().where(
        _used.account_id == SecretRow.account_id,
        _used.purpose.in_(LINKS),
        _used.used_at > func.coalesce(SecretRow.used_at, SecretRow.created_at),
    ),
)


def is_intruded(connection: Connection, account: Account, moment: datetime) -> bool:
    """Tell whether an operator or the account's present mailbox suspects an intrusion.

    A report from an earlier mailbox does not count: it may be an attacker's.
    """
    since = moment - _SUSPECTED
    end = func.coalesce(SecretRow.used_at, SecretRow.revoked_at, SecretRow.expires_at)
    recent = _SUSPICIONS.where(
        SecretRow.account_id == account.id,
        SecretRow.mailbox == identifiers.mailbox_digest(account.email),
        end > since,
        SecretRow.expires_at > since,
    )
    return connection.execute(recent.limit(1)).first() is not None
