"""Makes the links of mails, and writes the mails with them.

`records/links.py` makes a link: a random token for its owner, and a secret with the token's digest.
`HeldAccounts.store` stores the secret, in the transaction that stores the mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from keyturn.service.accounts.port import Account
from keyturn.service.one_time_secrets import Minted, OneTimeSecret, ToStore
from keyturn.service.reset.mails.composer import ComposedMail, MailComposer
from keyturn.service.reset.ports import ResetCodes
from keyturn.service.reset.records.lifetimes import LinkLifetimes
from keyturn.service.reset.records.links import mint_link, purpose_for
from keyturn.service.reset.records.messages import ResetRequested


@dataclass(frozen=True)
class LinkMails:
    """Makes links and codes, and writes their mails.

    `codes`: makes a code beside a link; None if mails have no codes.
    """

    composer: MailComposer
    codes: ResetCodes | None
    lifetimes: LinkLifetimes

    def compose(
        self,
        account: Account,
        request: ResetRequested,
        moment: datetime,
        *,
        recovers: bool = False,
        without_code: bool = False,
    ) -> tuple[ComposedMail, Sequence[ToStore]]:
        """Return a mail and the secrets in it.

        The mail has a link, or names the provider that signs the owner in; its link is then made
        and not wanted, so that the work is the same.

        `recovers`: the link is for an owner who has reported a change.
        `without_code`: the mail gets no code beside the link.
        """
        by_operator = bool(request.client.operator)
        purpose = purpose_for(account, by_operator=by_operator, recovers=recovers)
        life = self.lifetimes.mailed(purpose, by_operator=request.by_operator)
        token, link = mint_link(
            account,
            purpose,
            moment,
            moment + life,
            invites=request.by_operator and account.awaits_password,
            reason=request.reason,
            return_to=request.return_to,
        )
        if not account.takes_password:
            mail = self.composer.about_provider(account, request.client)
            return mail, [ToStore(link, is_wanted=False)]
        code = None
        if not without_code:
            code = self._mint_code(account, request, link, moment)
        mail = self.composer.with_link(account, request.client, token, link, code)
        secrets = [ToStore(link)]
        if code:
            secrets.append(ToStore(code.secret))
        return mail, secrets

    def _mint_code(
        self, account: Account, request: ResetRequested, link: OneTimeSecret, moment: datetime
    ) -> Minted | None:
        """Return a code beside the link, for a user who waits on a page that takes it."""
        if self.codes is None:
            return None
        if link.recovers or request.by_operator or account.awaits_password:
            return None
        return self.codes.mint(account, moment)
