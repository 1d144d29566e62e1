"""Links, and the mails that carry them."""

import os
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from keyturn.accounts.port import Account
from keyturn.reset.delivery.composer import LinkMail, MailComposer, SealedMail
from keyturn.reset.proofs import codes
from keyturn.reset.proofs.code_store import CodeStore, NewCode
from keyturn.reset.records import tokens
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import LinkStore, NewLink
from keyturn.reset.records.messages import ResetRequested


class ResetLinks:
    """Mints links and writes the mails that carry them.

    `invited` is how long a link works that an operator asked for: nobody waits for that mail; `recovery`, how long one
    with which who has secured an account starts anew. `keys` are there where a code stands beside the link that
    somebody asked for.
    """

    def __init__(
        self,
        links: LinkStore,
        composer: MailComposer,
        *,
        invited: timedelta,
        recovery: timedelta,
        store: CodeStore,
        keys: codes.CodeKeys | None = None,
    ) -> None:
        self._codes = store
        self._keys = keys
        self._links = links
        self._composer = composer
        self._invited = invited
        self._recovery = recovery

    async def without_code(self, emails: Collection[str]) -> Collection[str]:
        """Return those that get no code, since too many were guessed there in a row."""
        return await self._codes.exhausted(emails) if self._keys else ()

    def compose(
        self, account: Account, request: ResetRequested, moment: datetime, *, without_code: bool = False
    ) -> SealedMail:
        """Return the mail with a fresh link; for an account that signs in elsewhere, the one that says so.

        For one that is locked it is the mail to start anew.
        """
        if not account.takes_password:
            return self._composer.about_provider(account, request.client)
        if account.locked:
            return self.compose_recovery(account, request.client, moment, reason=request.reason)
        has_code = self._keys and not (without_code or request.by_operator or account.awaits_password)
        mail = LinkMail(
            token=tokens.mint(os.urandom),
            lifetime=self._invited if request.by_operator else self._links.lifetime,
            moment=moment,
            code=codes.mint(secrets.randbelow) if has_code else "",
            mute_token=tokens.mint(os.urandom) if self._composer.offers_muting and not request.by_operator else "",
            by_operator=bool(request.client.operator),
            reason=request.reason,
        )
        composed = self._composer.with_link(account, request.client, mail)
        if not self._keys or not mail.code:
            return composed
        digest = self._keys.digest(mail.code, codes.mailbox_digest(account.email))
        return msgspec.structs.replace(composed, code=digest)

    def compose_recovery(self, account: Account, client: Client, moment: datetime, *, reason: str = "") -> SealedMail:
        """Return the mail with a fresh link for who has said that a change was not theirs."""
        mail = LinkMail(
            token=tokens.mint(os.urandom), lifetime=self._recovery, moment=moment, recovers=True, reason=reason
        )
        return self._composer.with_link(account, client, mail)

    def compose_about_expiry(self, account: Account, client: Client, asked_at: datetime) -> SealedMail:
        """Return the mail that says that a link which was asked for then has expired on its way."""
        return self._composer.about_expiry(account, client, asked_at)

    def store(
        self,
        connection: Connection,
        mails: Sequence[tuple[SealedMail, Account, ResetRequested, bool]],
        moment: datetime,
    ) -> None:
        """Store links and codes of those mails that are wanted, of at least one; they were composed at that moment.

        The statements are the same for mails without a link, and where none is wanted.
        """
        links = [
            (
                _new_link(mail, account, request.client, moment, reason=request.reason, recovers=account.locked),
                wanted and mail.link is not None,
            )
            for mail, account, request, wanted in mails
        ]
        self._links.add(connection, links, moment)
        if self._keys:
            fresh = [
                (
                    NewCode(
                        code=mail.code or b"",
                        account_id=account.id,
                        email=account.email,
                        expires_at=moment + codes.LIFE,
                    ),
                    wanted and mail.code is not None,
                )
                for mail, account, _, wanted in mails
            ]
            self._codes.add(connection, fresh, moment)

    def store_recovery(
        self, connection: Connection, mail: SealedMail, account: Account, client: Client, moment: datetime
    ) -> None:
        """Store the link of a mail that `compose_recovery` made; the account's address is where it goes."""
        self._links.add(connection, [(_new_link(mail, account, client, moment, recovers=True), True)], moment)


def _new_link(
    mail: SealedMail, account: Account, client: Client, moment: datetime, *, reason: str = "", recovers: bool = False
) -> NewLink:
    return NewLink(
        digest=mail.link or tokens.digest(""),
        account_id=account.id,
        email=account.email,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        expires_at=mail.expires_at or moment,
        recovers=recovers,
        reason=reason,
        mute_digest=mail.mute,
    )
