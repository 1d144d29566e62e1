"""Invites users to choose their first password, and lets operators request resets, print links and
unlock accounts.
"""

import asyncio
import hmac
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import select

from keyturn.errors import Fault, KeyturnError
from keyturn.service import identifiers, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.invitations.campaign import Campaign, parse_reason
from keyturn.service.one_time_secrets import Minted, Purpose, ToStore
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.outbox.queue import NewMessage
from keyturn.service.problems.proofs import ServiceKeyRefused
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.ports import ResetCodes
from keyturn.service.reset.records import messages
from keyturn.service.reset.records.intrusions import may_get_link
from keyturn.service.reset.records.lifetimes import LinkLifetimes
from keyturn.service.reset.records.links import LINKS, mint_link, purpose_for
from keyturn.service.reset.records.mailboxes import Refusal
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import PageUrls
from keyturn.service.telemetry.meters import count_calls

_OfAccount = Literal["asked", "disabled", "locked", "signs_in_elsewhere"]
"""What a request leads to, whatever its mailbox got before."""

ForecastOutcome = Literal["malformed", "no_account"] | _OfAccount | Refusal

_REFUSED: Mapping[_OfAccount, str] = {
    "disabled": "the account is disabled",
    "locked": "the account is locked, perhaps by an earlier mailbox: read the audit trail, then "
    "unlock the account",
    "signs_in_elsewhere": "the account has no password: its owner signs in through another service",
}
_NO_CODE = "token.code is off, the account is locked, or too many codes were wrong: give out a link"


class Forecast(NamedTuple):
    """What a request for the address `email`, in its normal form, would lead to now."""

    email: str
    outcome: ForecastOutcome


class IssuedLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A link or a code for the account's owner, and until when it works."""

    link: str = ""
    code: str = ""
    expires_at: datetime
    __repr__ = object.__repr__  # a traceback with its variables would show the link (CWE-532)


class Invitations:
    """What operators do for the owners of accounts. Their apps may do it, too, with a key of the
    settings.

    Without a key, no app may invite. The key for links also allows invitations.

    `codes`: mints the codes beside links; None if mails have no codes.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        urls: PageUrls,
        lifetimes: LinkLifetimes,
        codes: ResetCodes | None,
    ) -> None:
        self._stores = stores
        self.meters = stores.meters
        self._urls = urls
        self._codes = codes
        self._lifetimes = lifetimes
        self._service_key = settings.invitations.service_key
        self._link_key = settings.invitations.link_key
        self.over_http = bool(self._service_key or self._link_key)
        self.links_over_http = bool(self._link_key)

    async def require_key(self, sent: str, client: Client, *, for_links: bool = False) -> None:
        """Raise ServiceKeyRefused for a wrong key, TooManyRequests if a client has sent too many.

        `for_links`: only the key for links is right.
        """
        keys = [self._link_key]
        if not for_links:
            keys.append(self._service_key)
        for key in keys:
            # The comparison takes the same time wherever the keys differ (CWE-208).
            if key and hmac.compare_digest(sent.encode(), key.encode()):
                return
        await self._stores.limits.count("malformed", client)
        raise ServiceKeyRefused

    @count_calls("invite")
    async def invite(self, email: str, client: Client, reason: str = "") -> None:
        """Accept an invitation. It is committed on return, and a worker decides on it.

        Raises InputInvalid.
        """
        await self.invite_all([email], client, parse_reason(reason))

    async def invite_all(
        self, emails: Collection[str], by: Client | None = None, reason: str = ""
    ) -> None:
        """Accept an invitation for each address, in one transaction. Raises InputInvalid."""
        moment = now()
        client = by or Client()
        wanted = []
        for email in emails:
            invitation = messages.InvitationRequested(
                email=identifiers.parse_address(email), at=moment, client=client, reason=reason
            )
            wanted.append(NewMessage(invitation))
        if wanted:
            await self._stores.transact(
                lambda tx: tx.outbox.enqueue_each_if(messages.INVITATION_REQUESTED, wanted)
            )

    async def record_campaign(self, campaign: Campaign) -> None:
        """Record the beginning of a campaign in the audit trail."""
        await self._stores.audit.record("reset_all", "begun", campaign.operator, "", "")

    async def forecast(self, emails: Sequence[str]) -> Sequence[Forecast]:
        """Return what a request for each address would lead to. Raises AccountsUnready."""
        looked_up = await asyncio.gather(*map(self._find, emails))
        accounts = [account for _, account in looked_up if isinstance(account, Account)]
        mailboxes = await self._stores.mailboxes.look([account.email for account in accounts])
        reachable = await may_get_link(self._stores.database, accounts)
        forecasts = []
        for email, account in looked_up:
            outcome: ForecastOutcome
            if isinstance(account, Account):
                outcome = _outcome(account, reachable)
                if outcome == "asked":
                    outcome = mailboxes[account.email].refusal or "asked"
            else:
                outcome = account
            forecasts.append(Forecast(email, outcome))
        return forecasts

    async def _find(self, email: str) -> tuple[str, Account | Literal["malformed", "no_account"]]:
        """Return the address in its normal form, with its account, or why it has none."""
        try:
            address = identifiers.parse_address(email)
        except InputInvalid:
            return email, "malformed"
        account = await self._stores.accounts.find(address)
        return address, account or "no_account"

    async def unlock(self, email: str, operator: Client) -> None:
        """Unlock the account with the address, whichever mailbox secured it.

        Raises KeyturnError if that is not possible, AccountsUnready.
        """
        if not self._stores.accounts.can_lock:
            raise KeyturnError(
                "the store of the accounts cannot unlock them; with the store table, set "
                "`accounts.table.lock` and `accounts.table.unlock`"
            )
        account = await self._stores.accounts.find(email)
        if account is None:
            raise KeyturnError(f"there is no account with the address {email}")
        if not await self._stores.accounts.unlock(account.id):
            raise KeyturnError(f"{email} is not locked")
        await self._stores.audit.record("account_unlock", "unlocked", operator, account.id, email)

    async def request_resets(self, campaign: Campaign, emails: Sequence[str]) -> None:
        """Request a link for each address, in one transaction.

        Addresses that have a request under the campaign's name already are left out.
        """
        if not emails:
            return
        emails_by_key = {}
        for email in emails:
            key = sha256(f"{campaign.name}\n{email}".encode()).hexdigest()[:32]
            emails_by_key[key] = email
        posted = select(OutboxRow.key).where(OutboxRow.key.in_(emails_by_key))

        def write(tx: Transaction) -> None:
            known = set(tx.connection.scalars(posted))
            for key, email in emails_by_key.items():
                if key not in known:
                    request = messages.ResetRequested(
                        email=email, at=now(), client=campaign.operator, reason=campaign.reason
                    )
                    tx.outbox.enqueue(messages.RESET_REQUESTED, request, key=key)

        await self._stores.transact(write)

    @count_calls("link")
    async def issue(
        self,
        email: str,
        client: Client,
        reason: str,
        *,
        with_code: bool = False,
        invites: bool = False,
    ) -> IssuedLink:
        """Return a link or a code, end the account's earlier ones, and enqueue a notice for its
        mailbox.

        All this is committed on return. With the link or the code, the password can be set. So no
        mail and no log has it.

        `reason`: for the audit trail; an invitation may have none.
        `with_code`: return a code in place of a link.
        `invites`: the account must await its first password, and the page shows the reason.

        Raises InputInvalid, AccountsUnready, and TooManyRequests for an app.
        """
        if not client.operator:
            await self._stores.limits.count("link", client)
        reason = parse_reason(reason)
        if not reason and not invites:
            raise InputInvalid(Fault("reason", "missing: it goes into the audit trail"))
        account = await self._reachable(identifiers.parse_address(email), invites=invites)
        moment = now()
        purpose = purpose_for(account, by_operator=True)
        token, link = mint_link(
            account,
            purpose,
            moment,
            moment + self._lifetimes.given_out(invites=invites),
            invites=invites,
            reason=reason if invites else "",
        )
        issued = IssuedLink(link=self._urls.reset(token, account.email), expires_at=link.expires_at)
        secrets = [ToStore(link)]
        if with_code:
            code = await self._mint_code(account, moment)
            issued = IssuedLink(code=code.text, expires_at=code.secret.expires_at)
            # The link is stored beside the code, as for a mail, but is not given out. By it,
            # `is_intruded` knows that the operator suspects an intrusion, so that the code ends as
            # much as the link would.
            secrets.append(ToStore(code.secret))
        # The notice names no device: the client is an operator, or an app's server.
        by = Client(request_id=client.request_id)
        notice = messages.LinkWasIssued(
            account_id=account.id, at=moment, client=by, email=account.email, invites=invites
        )

        def write(tx: Transaction) -> None:
            held = tx.hold(account.id)
            one_time_secrets.revoke(tx.connection, account.id, [*LINKS, Purpose.CODE], moment)
            held.store(secrets)
            message = tx.outbox.enqueue(messages.LINK_ISSUED, notice)
            tx.audit.write(
                "operator_link",
                "code_issued" if with_code else "link_issued",
                client,
                moment,
                account.id,
                account.email,
                message_id=message,
                note=reason,
            )

        await self._stores.transact(write)
        return issued

    async def _reachable(self, email: str, *, invites: bool) -> Account:
        account = await self._stores.accounts.find(email)
        if account is None:
            raise InputInvalid(Fault("email", "no account has this address"))
        reachable = await may_get_link(self._stores.database, [account])
        outcome = _outcome(account, reachable)
        if outcome != "asked":
            raise InputInvalid(Fault("email", _REFUSED[outcome]))
        if invites and not account.awaits_password:
            raise InputInvalid(Fault("email", "the account has a password already"))
        return account

    async def _mint_code(self, account: Account, moment: datetime) -> Minted:
        if self._codes is None or account.locked or await self._codes.exhausted([account.email]):
            raise InputInvalid(Fault("code", _NO_CODE))
        return self._codes.mint(account, moment)


def _outcome(account: Account, reachable: Collection[str]) -> _OfAccount:
    """Return the outcome of a request for the account, apart from its mailbox's limits.

    `reachable`: the ids of the accounts that may get a link.
    """
    if account.id not in reachable:
        return "locked" if account.locked else "disabled"
    if not account.takes_password:
        return "signs_in_elsewhere"
    return "asked"
