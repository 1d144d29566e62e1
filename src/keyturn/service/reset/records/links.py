"""Links as secrets: those that set a password, and those by which an owner reports a change of it.

**A link that reports a change speaks for its mailbox.** Its use, a press, ends the links of later changes that went to
the same mailbox, and none that went elsewhere. An attacker who moves an account, and an owner who leaves a mailbox that
others read, therefore cannot end each other's links. `docs/security.md` lists an account's states and which mailbox may
change them.

**A press decides who may open a locked account**: the mailbox that pressed, while the account has that address. It is
therefore kept for as long as its entry in the audit trail. It also shows that an intrusion is suspected, until a link
that ends what an intruder may have added has set a password.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, RowMapping, exists, select
from sqlalchemy.orm import aliased

from keyturn.service import addresses, secrets
from keyturn.service.accounts.port import Account
from keyturn.service.database import Database
from keyturn.service.problems.proofs import DeadReason
from keyturn.service.secrets import RULES, Purpose, Secret, SecretRow, State

LINKS = (Purpose.RESET, Purpose.EVICT, Purpose.UNLOCK)
"""What sets a password."""

BUTTON_LIFE = timedelta(hours=24)
"""How long "This was not me" works, and the link that it leads to."""

_SUSPECTED = RULES[Purpose.EVICT].kept
"""How long after a press an intrusion is suspected, at most: used links are kept for as long."""


_DEAD: Mapping[State, DeadReason | None] = {
    "works": None,
    "used": "used",
    "revoked": "invalid",
    "replaced": "expired",
    "expired": "expired",
}


class LinkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the data of a link's secret says. `email`: where the link was sent.

    `reason`: why an operator asked for it, in the operator's words.
    `return_to`: the address to which its request asked to return after the reset, or "".
    """

    email: str
    reason: str = ""
    return_to: str = ""


class Link(Secret, frozen=True, kw_only=True):
    """A link: its secret, with the facts in its data."""

    facts: LinkFacts

    @property
    def email(self) -> str:
        return self.facts.email

    @property
    def recovers(self) -> bool:
        """Whether its owner has reported a change; it opens a locked account, too."""
        return self.purpose is Purpose.UNLOCK

    @property
    def suspects_intrusion(self) -> bool:
        """Whether its owner or an operator suspects an intrusion, so that it ends what an intruder may have added."""
        return self.purpose is not Purpose.RESET

    def dead_reason(self, moment: datetime) -> DeadReason | None:
        """Return why the link no longer works; None while it works."""
        return _DEAD[self.state(moment)]


def new_link(key: bytes, purpose: Purpose, account_id: str, facts: LinkFacts, made: datetime, end: datetime) -> Secret:
    """Return a link before it is stored.

    A new link ends no other, however many work: anyone can request one, and OWASP's Forgot Password Cheat Sheet asks
    that requests lock no user out. `Mailboxes` limits them, since each leaves in a mail.
    """
    return Secret(
        purpose=purpose,
        key=key,
        account_id=account_id,
        mailbox=addresses.digest(facts.email),
        created_at=made,
        expires_at=end,
        data=msgspec.json.encode(facts).decode(),
    )


def purpose_for(account: Account, *, by_operator: bool) -> Purpose:
    """Return what a fresh link for the account may do."""
    if account.locked:
        return Purpose.UNLOCK
    is_suspected = account.intruded or (by_operator and not account.awaits_password)
    return Purpose.EVICT if is_suspected else Purpose.RESET


LINK_ROWS = secrets.all_of(LINKS)
"""The statement that selects all links that set a password, for `link_of`."""


def link_of(row: RowMapping) -> Link:
    return _link(secrets.secret_of(row))


def _link(secret: Secret) -> Link:
    return Link(**msgspec.structs.asdict(secret), facts=msgspec.json.decode(secret.data, type=LinkFacts))


def find_link(connection: Connection, key: bytes, *purposes: Purpose) -> Link | None:
    """Return the link with that key, for one of `purposes`, by default for a password; None if there is none."""
    secret = secrets.find(connection, key, *(purposes or LINKS))
    return _link(secret) if secret else None


def press(connection: Connection, link: Link, moment: datetime) -> bool:
    """Use a link that reports a change, if it still works: of concurrent callers exactly one gets True.

    The same mailbox's links of later changes end with it. The caller holds the account.
    """
    pressed = secrets.use(connection, *link.id, moment)
    if pressed is None:
        return False
    later = SecretRow.mailbox == pressed.mailbox, SecretRow.created_at >= pressed.created_at
    secrets.revoke(connection, pressed.account_id, [Purpose.SECURE], moment, *later)
    return True


_settling = aliased(SecretRow)
_PRESSES = select(
    SecretRow.account_id,
    SecretRow.mailbox,
    SecretRow.used_at,
    exists()
    .where(
        _settling.account_id == SecretRow.account_id,
        _settling.purpose.in_([Purpose.EVICT, Purpose.UNLOCK]),
        _settling.used_at > SecretRow.used_at,
    )
    .label("settled"),
).where(SecretRow.purpose == Purpose.SECURE, SecretRow.used_at.is_not(None))


async def secured(database: Database, accounts: Collection[Account], moment: datetime) -> Mapping[str, bool]:
    """Return the ids of accounts whose address is a mailbox that secured them, and if an intrusion is suspected.

    One statement, the same for all accounts.
    """
    mailboxes = {account.id: addresses.digest(account.email) for account in accounts}
    found: dict[str, bool] = {}
    for row in await database.fetch(_PRESSES.where(SecretRow.account_id.in_(mailboxes))):
        if bytes(row["mailbox"]) == mailboxes[row["account_id"]]:
            is_suspected = not row["settled"] and row["used_at"] > moment - _SUSPECTED
            found[row["account_id"]] = is_suspected or found.get(row["account_id"], False)
    return found
