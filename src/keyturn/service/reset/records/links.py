"""Links as secrets: those that set a password, and those by which an owner reports a change of it.

**A link that reports a change speaks for its mailbox.** Its use, a press, ends the links of later
changes that went to the same mailbox, and none that went elsewhere. An attacker who moves an
account, and an owner who leaves a mailbox that others read, therefore cannot end each other's
links. `docs/security.md` lists an account's states and which mailbox may change them.

**A press decides who may open a locked account**: the mailbox that pressed, while the account has
that address. It is therefore kept for as long as its entry in the audit trail.

**An intrusion is suspected** after a press, and once an operator has asked for a new password,
until a link sets one. That is decided when a link is used, not when it is made: an older link, a
code, or one that its owner asked for since must not do less than the link that it ends.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import Connection, and_, exists, func, literal, or_, select, union
from sqlalchemy.orm import aliased

from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import RULES, LinkFacts, OneTimeSecret, Purpose, SecretRow
from keyturn.service.reset.records.audit import AuditRow

LINKS = (Purpose.RESET, Purpose.EVICT, Purpose.UNLOCK)
"""What sets a password."""

BUTTON_LIFE = timedelta(hours=24)
"""How long "This was not me" works, and the link that it leads to."""

_SUSPECTED = RULES[Purpose.EVICT].retention
"""How long after a press, or the end of an operator's link, an intrusion is suspected, at most.

A used link ends the suspicion, and is kept for as long: it does not return.
"""


def mint_link(
    account: Account,
    purpose: Purpose,
    made: datetime,
    end: datetime,
    *,
    invites: bool = False,
    reason: str = "",
    return_to: str = "",
) -> tuple[str, OneTimeSecret]:
    """Return a fresh token, and its link to the account's address before it is stored.

    It ends no other, since anyone can request one (OWASP Forgot Password Cheat Sheet). `Mailboxes`
    limits their mails.
    """
    token = one_time_secrets.mint()
    facts = LinkFacts(email=account.email, invites=invites, reason=reason, return_to=return_to)
    return token, OneTimeSecret(
        purpose=purpose,
        key=one_time_secrets.digest(token),
        account_id=account.id,
        mailbox=addresses.digest(account.email),
        created_at=made,
        expires_at=end,
        data=msgspec.json.encode(facts).decode(),
    )


Fate = Literal["live", "expired", "used", "invalid", "second_step", "replaced", "gone"]
"""What became of a link. "invalid": revoked. "gone": deleted."""


def fate_of(connection: Connection, key: bytes, moment: datetime) -> Fate:
    """Return what became of the link with that key.

    An expired link is "replaced" if its holder has requested another for it, or has used another
    link since: a reset revokes only links that still work.
    """
    link = one_time_secrets.find(connection, key, *LINKS)
    if link is None:
        return "gone"
    reason = link.dead_reason(moment)
    if reason != "expired":
        return reason or "live"
    of_account = SecretRow.account_id == link.account_id, SecretRow.purpose.in_(LINKS)
    used_since = (
        select(SecretRow.key).where(*of_account, SecretRow.used_at > link.created_at).limit(1)
    )
    is_replaced = link.revoked_at is not None or connection.execute(used_since).first() is not None
    return "replaced" if is_replaced else "expired"


def purpose_for(account: Account, *, by_operator: bool) -> Purpose:
    """Return what a fresh link for the account may do."""
    if account.locked:
        return Purpose.UNLOCK
    return Purpose.EVICT if by_operator and not account.awaits_password else Purpose.RESET


def press(connection: Connection, link: OneTimeSecret, moment: datetime) -> bool:
    """Use a link that reports a change, and end the mailbox's later ones.

    The caller holds the account.
    """
    if not one_time_secrets.use(connection, link, moment):
        return False
    later = SecretRow.mailbox == link.mailbox, SecretRow.created_at >= link.created_at
    one_time_secrets.revoke(connection, link.account_id, [Purpose.SECURE], moment, *later)
    return True


def is_outlived(connection: Connection, button: OneTimeSecret) -> bool:
    """Tell whether a button that is not stored yet would have ended since its change.

    The caller holds the account.

    A notice may wait: meanwhile its mailbox pressed the button of an earlier change, or a change at
    another mailbox took more than a mailbox (`ChangeEffects`), an open session or a second factor.
    """
    since = button.created_at
    of = PRESSED, SecretRow.account_id == button.account_id, SecretRow.mailbox == button.mailbox
    is_pressed = exists().where(*of, SecretRow.created_at <= since, SecretRow.used_at >= since)
    # A reset and its second step are entered in one transaction, for one request.
    is_passed = exists().where(
        _passed.account_id == AuditRow.account_id,
        _passed.request_id == AuditRow.request_id,
        _passed.event == "second_step",
        _passed.outcome.startswith("passed_"),
    )
    is_proven = or_(
        AuditRow.event == "password_change", and_(AuditRow.event == "password_reset", is_passed)
    )
    changed = (
        AuditRow.account_id == button.account_id,
        AuditRow.outcome == "changed",
        AuditRow.at >= since,
    )
    ends = union(
        select(literal("")).where(is_pressed), select(AuditRow.email).where(*changed, is_proven)
    )
    return any(
        addresses.digest(email) != button.mailbox for email in connection.execute(ends).scalars()
    )


async def may_get_link(database: Database, accounts: Collection[Account]) -> Collection[str]:
    """Return the ids of accounts that are active, or locked by the mailbox of their address: one
    statement for all.
    """
    mailboxes = {account.id: addresses.digest(account.email) for account in accounts}
    pressed = select(SecretRow.account_id, SecretRow.mailbox).where(
        PRESSED, SecretRow.account_id.in_(mailboxes)
    )
    rows = await database.fetch(pressed)
    by_owner = {
        row["account_id"] for row in rows if bytes(row["mailbox"]) == mailboxes[row["account_id"]]
    }
    return {one.id for one in accounts if one.active or (one.locked and one.id in by_owner)}


PRESSED = (SecretRow.purpose == Purpose.SECURE) & SecretRow.used_at.is_not(None)
_UNUSED = (SecretRow.purpose == Purpose.EVICT) & SecretRow.used_at.is_(None)
_used, _passed = aliased(SecretRow), aliased(AuditRow)
_SUSPICIONS = select(SecretRow.key).where(
    PRESSED | _UNUSED,
    ~exists().where(
        _used.account_id == SecretRow.account_id,
        _used.purpose.in_(LINKS),
        _used.used_at > func.coalesce(SecretRow.used_at, SecretRow.created_at),
    ),
)


def is_intruded(connection: Connection, account: Account, moment: datetime) -> bool:
    """Tell whether an operator or the present mailbox suspects an intrusion.

    An earlier mailbox may lie.
    """
    here = SecretRow.account_id == account.id, SecretRow.mailbox == addresses.digest(account.email)
    since = moment - _SUSPECTED
    end = func.coalesce(SecretRow.used_at, SecretRow.revoked_at, SecretRow.expires_at)
    recent = _SUSPICIONS.where(*here, end > since, SecretRow.expires_at > since)
    return connection.execute(recent.limit(1)).first() is not None
