"""Links, and the mails that carry them."""

import os
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import Account
from keyturn.reset.delivery.composer import MailComposer, SealedMail
from keyturn.reset.proofs import codes
from keyturn.reset.proofs.code_store import CodeStore, NewCode
from keyturn.reset.records import tokens
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import LinkStore, NewLink


class ResetLinks:
    """Mints links and writes the mails that carry them.

    `invited` is how long a link works that an operator asked for: nobody waits for that mail. `keys` are there where a
    code stands beside the link that somebody asked for.
    """

    def __init__(
        self, links: LinkStore, composer: MailComposer, *, invited: timedelta, store: CodeStore,
        keys: codes.CodeKeys | None = None,
    ) -> None:  # fmt: skip
        self._codes = store
        self._keys = keys
        self._links = links
        self._composer = composer
        self._invited = invited

    async def without_code(self, emails: Collection[str]) -> Collection[str]:
        """Return those that get no code, since too many were guessed there in a row."""
        return await self._codes.exhausted(emails) if self._keys else ()

    def compose(
        self, account: Account, client: Client, moment: datetime, *, invited: bool, without_code: bool = False
    ) -> SealedMail:
        """Return the mail with a fresh link; for an account that signs in elsewhere, the one that says so."""
        if not account.takes_password:
            return self._composer.about_provider(account, client)
        token, lifetime = tokens.mint(os.urandom), self._invited if invited else self._links.lifetime
        has_code = self._keys and not (without_code or invited or account.awaits_password)
        code = codes.mint(secrets.randbelow) if has_code else ""
        mail = self._composer.with_link(account, token, client, lifetime=lifetime, moment=moment, code=code)
        if not self._keys or not code:
            return mail
        return msgspec.structs.replace(mail, code=self._keys.digest(code, codes.mailbox_digest(account.email)))

    def compose_about_expiry(self, account: Account, client: Client, asked_at: datetime) -> SealedMail:
        """Return the mail that says that a link which was asked for then has expired on its way."""
        return self._composer.about_expiry(account, client, asked_at)

    async def store(
        self, session: AsyncSession, mails: Sequence[tuple[SealedMail, Account, Client, bool]], moment: datetime
    ) -> None:
        """Store links and codes of those mails that are wanted, of at least one; they were composed at that moment.

        The statements are the same for mails without a link, and where none is wanted.
        """
        links = [
            (
                NewLink(
                    digest=mail.link or tokens.digest(""), account_id=account.id, email=account.email,
                    ip_address=client.ip_address, user_agent=client.user_agent,
                    expires_at=mail.expires_at or moment,
                ),
                wanted and mail.link is not None,
            )
            for mail, account, client, wanted in mails
        ]  # fmt: skip
        await self._links.add(session, links, moment)
        if self._keys:
            fresh = [
                (
                    NewCode(
                        code=mail.code or b"", account_id=account.id, email=account.email,
                        expires_at=moment + codes.LIFE,
                    ),
                    wanted and mail.code is not None,
                )
                for mail, account, _, wanted in mails
            ]  # fmt: skip
            await self._codes.add(session, fresh, moment)
