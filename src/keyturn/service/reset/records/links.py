"""The links that set a password, as secrets: how one is made, and its state.

Links by which an owner reports a change are made here, too; `intrusions.py` says what they do.
"""

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import Connection, select

from keyturn.service import identifiers, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.one_time_secrets import Minted, OneTimeSecret, Purpose, SecretRow

LINKS = (Purpose.RESET, Purpose.EVICT, Purpose.UNLOCK)
"""The purposes of links that set a password."""


class LinkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored with a link, in `OneTimeSecret.data`.

    `email`: the address that it was sent to.
    `invites`: it sets a first password only. It stops working once the account has a password.
    `reason`: why an operator asked for it, or "".
    `return_to`: the address to which the user returns after the reset, or "".
    """

    email: str
    invites: bool = False
    reason: str = ""
    return_to: str = ""


def facts_of(link: OneTimeSecret) -> LinkFacts:
    """Return what is stored with a link. Other secrets have no facts."""
    return msgspec.json.decode(link.data, type=LinkFacts)


def mint_link(
    account: Account,
    purpose: Purpose,
    made: datetime,
    end: datetime,
    *,
    invites: bool = False,
    reason: str = "",
    return_to: str = "",
) -> Minted:
    """Return a fresh token, and the link to store (`HeldAccounts.store`).

    It ends no other link, since anyone can request one (OWASP Forgot Password Cheat Sheet).
    `Mailboxes` limits the mails.

    `made`: the time of creation. For a link that reports a change, the time of the change.
    `end`: the time at which it expires.
    The other parameters are as in `LinkFacts`.
    """
    token = one_time_secrets.fresh_token()
    facts = LinkFacts(email=account.email, invites=invites, reason=reason, return_to=return_to)
    link = OneTimeSecret(
        purpose=purpose,
        key=one_time_secrets.token_digest(token),
        account_id=account.id,
        mailbox=identifiers.mailbox_digest(account.email),
        created_at=made,
        expires_at=end,
        data=msgspec.json.encode(facts).decode(),
    )
    return Minted(token, link)


Fate = Literal["live", "expired", "used", "invalid", "second_step", "replaced", "gone"]
"""The state of a link. "invalid": revoked. "gone": deleted."""


def fate_of(connection: Connection, key: bytes, moment: datetime) -> Fate:
    """Return the state of the link with that key.

    An expired link is "replaced" if its holder has requested another one in its place, or if
    another link of the account was used since: a reset revokes only links that still work.
    """
    link = one_time_secrets.find(connection, key, *LINKS)
    if link is None:
        return "gone"
    reason = link.dead_reason(moment)
    if reason != "expired":
        return reason or "live"
    if link.revoked_at is not None:
        return "replaced"
    used_since = select(SecretRow.key).where(
        SecretRow.account_id == link.account_id,
        SecretRow.purpose.in_(LINKS),
        SecretRow.used_at > link.created_at,
    )
    if connection.execute(used_since.limit(1)).first():
        return "replaced"
    return "expired"


def purpose_for(account: Account, *, by_operator: bool, recovers: bool = False) -> Purpose:
    """Return the purpose of a fresh link for the account.

    `recovers`: its owner has reported a change.
    """
    if recovers or account.locked:
        return Purpose.UNLOCK
    if by_operator and not account.awaits_password:
        return Purpose.EVICT
    return Purpose.RESET
