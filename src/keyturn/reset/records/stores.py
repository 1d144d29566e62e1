"""The stores of the database as one value, so that a part gets one argument and names the stores that it uses."""

from dataclasses import dataclass

from keyturn.accounts.sessions import Sessions
from keyturn.database import Database
from keyturn.outbox import Outbox
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.codes import CodeStore
from keyturn.reset.records.link_store import LinkStore
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.secure_links import SecureLinkStore
from keyturn.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """The database and its stores. A transaction is `records.database.transact(work)`."""

    database: Database
    outbox: Outbox
    audit: Audit
    links: LinkStore
    secure_links: SecureLinkStore
    codes: CodeStore
    mailboxes: Mailboxes
    sessions: Sessions


def build(settings: Settings, database: Database) -> Records:
    limits = settings.limits
    return Records(
        database=database,
        outbox=Outbox(database),
        audit=Audit(database),
        links=LinkStore(database, lifetime=settings.token.ttl, live=settings.token.live_per_account),
        secure_links=SecureLinkStore(database, lifetime=settings.secure_account.ttl),
        codes=CodeStore(database),
        mailboxes=Mailboxes(
            database,
            cooldown=limits.mailbox_cooldown,
            daily=limits.mailbox_daily,
            suppression=limits.suppression,
            mute=settings.mute.period,
        ),
        sessions=Sessions(database, settings.session.ttl),
    )
