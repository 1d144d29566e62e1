"""Invites users to choose their first password, and lets operators request resets, print links and
unlock accounts.
"""

import asyncio
import hmac
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal

import msgspec
from sqlalchemy import select

from keyturn.errors import Fault, KeyturnError
from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import Purpose
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.problems.proofs import ServiceKeyRefused
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.answer import INVITED
from keyturn.service.reset.ports import ResetCodes
from keyturn.service.reset.records import messages
from keyturn.service.reset.records.links import LINKS, may_get_link, mint_link, purpose_for
from keyturn.service.reset.records.mailboxes import Refusal
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import PageUrls
from keyturn.service.telemetry.meters import count_calls

Outcome = (
    Literal["asked", "malformed", "no_account", "disabled", "locked", "signs_in_elsewhere"]
    | Refusal
)


_REFUSED: Mapping[str, str] = {
    "no_account": "no account has this address",
    "disabled": "the account is disabled",
    "locked": "the account is locked, perhaps by an earlier mailbox: read the audit trail, then "
    "unlock the account",
    "signs_in_elsewhere": "the account has no password: its owner signs in through another service",
}
_NO_CODE = "token.code is off, the account is locked, or too many codes were wrong: give out a link"


class IssuedLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A link or a code for the account's owner, and until when it works."""

    link: str = ""
    code: str = ""
    expires_at: datetime


class Invitations:
    """What operators do for the owners of accounts, and their apps, which show a key of the
    settings.

    `codes`: mints the codes of mails. Without a key, no app may invite. The key to links invites,
    too.
    """

    def __init__(
        self, settings: Settings, stores: Stores, urls: PageUrls, codes: ResetCodes | None
    ) -> None:
        self._stores, self.meters, self._urls, self._codes = stores, stores.meters, urls, codes
        self._lifetime, keys = settings.token.ttl, settings.invitations
        self._service_key, self._link_key = keys.service_key, keys.link_key
        self.over_http, self.links_over_http = (
            bool(keys.service_key or keys.link_key),
            bool(keys.link_key),
        )

    async def require_key(self, sent: str, client: Client, *, for_links: bool = False) -> None:
        """Raise ServiceKeyRefused for a wrong key, and TooManyRequests if a client has sent too
        many of them.
        """
        # The comparison takes the same time wherever the keys differ (CWE-208).
        keys = [self._link_key] if for_links else [self._service_key, self._link_key]
        if not any(key and hmac.compare_digest(sent.encode(), key.encode()) for key in keys):
            await self._stores.limits.count("malformed", client)
            raise ServiceKeyRefused

    @count_calls("invite")
    async def invite(self, email: str, client: Client, reason: str = "") -> None:
        """Accept an invitation, which is committed on return; the worker decides.

        Raises InputInvalid.
        """
        await self.invite_all([email], client, messages.parse_reason(reason))

    async def invite_all(
        self, emails: Collection[str], by: Client | None = None, reason: str = ""
    ) -> None:
        moment, client = now(), by or Client()
        invited = [
            messages.InvitationRequested(
                email=addresses.parse(email), at=moment, client=client, reason=reason
            )
            for email in emails
        ]
        if invited:
            wanted = [(one, True) for one in invited]
            await self._stores.transact(
                lambda tx: tx.outbox.enqueue_each_if(messages.INVITATION_REQUESTED, wanted)
            )

    async def begin(self, campaign: messages.Campaign) -> None:
        await self._stores.audit.record("reset_all", "begun", campaign.operator, "", "")

    async def judge(self, emails: Sequence[str]) -> list[tuple[str, Outcome]]:
        """Return each address, as it is looked up, with the outcome of a request.

        Raises AccountsUnready.
        """
        looked_up = await asyncio.gather(*map(self._find, emails))
        accounts = [account for _, account in looked_up if isinstance(account, Account)]
        mailboxes = await self._stores.mailboxes.look([account.email for account in accounts])
        refusals = {
            email: mailbox.refusal for email, mailbox in mailboxes.items() if mailbox.refusal
        }
        reachable = await may_get_link(self._stores.database, accounts)
        return [(email, _outcome(account, refusals, reachable)) for email, account in looked_up]

    async def _find(self, email: str) -> tuple[str, Account | Literal["malformed", "no_account"]]:
        try:
            address = addresses.parse(email)
        except InputInvalid:
            return email, "malformed"
        return address, await self._stores.accounts.find(address) or "no_account"

    async def unlock(self, email: str, operator: Client) -> None:
        """Unlock the account with the address, whichever mailbox secured it.

        Raises KeyturnError, AccountsUnready.
        """
        if not self._stores.accounts.can_lock:
            raise KeyturnError(
                "the store of the accounts cannot unlock them; with the store table, set "
                "`accounts.table.lock` and"
                " `accounts.table.unlock`"
            )
        account = await self._stores.accounts.find(email)
        if account is None:
            raise KeyturnError(f"there is no account with the address {email}")
        if not await self._stores.accounts.unlock(account.id):
            raise KeyturnError(f"{email} is not locked")
        await self._stores.audit.record("account_unlock", "unlocked", operator, account.id, email)

    async def ask(self, campaign: messages.Campaign, emails: Sequence[str]) -> None:
        """Ask all accounts in one transaction, except those that were already asked under the
        campaign's name.
        """
        if not emails:
            return
        keys = {
            sha256(f"{campaign.name}\n{email}".encode()).hexdigest()[:32]: email for email in emails
        }
        posted = select(OutboxRow.key).where(OutboxRow.key.in_(keys))

        def write(tx: Transaction) -> None:
            known = set(tx.connection.scalars(posted))
            for key, email in keys.items():
                if key not in known:
                    request = messages.ResetRequested(
                        email=email, at=now(), client=campaign.operator, reason=campaign.reason
                    )
                    tx.outbox.enqueue(messages.RESET_REQUESTED, request, key=key)

        await self._stores.transact(write)

    @count_calls("link")
    async def mint(
        self,
        email: str,
        client: Client,
        reason: str,
        *,
        with_code: bool = False,
        invites: bool = False,
    ) -> IssuedLink:
        """Return a link or a code, end the account's earlier ones, and promise its mailbox a
        notice. It is committed.

        Its reader can set the password. So no mail and no log has it, and a `reason` goes into the
        audit trail. If it `invites`, the account must await a password, and the page shows the
        reason. Raises InputInvalid, AccountsUnready, and TooManyRequests for an app.
        """
        if not client.operator:
            await self._stores.limits.count("link", client)
        if not (reason := messages.parse_reason(reason)) and not invites:
            raise InputInvalid(Fault("reason", "missing: it goes into the audit trail"))
        account = await self._reachable(addresses.parse(email), invites=invites)
        moment = now()
        purpose = purpose_for(account, by_operator=True)
        lifetime = INVITED if invites else self._lifetime
        shown = reason if invites else ""
        token, link = mint_link(
            account, purpose, moment, moment + lifetime, invites=invites, reason=shown
        )
        issued = IssuedLink(link=self._urls.reset(token, account.email), expires_at=link.expires_at)
        minted = [(link, True)]
        if with_code:
            if not self._codes or account.locked or await self._codes.exhausted([account.email]):
                raise InputInvalid(Fault("code", _NO_CODE))
            code, stored_code = self._codes.mint(account, moment)
            issued = IssuedLink(code=code, expires_at=stored_code.expires_at)
            # As in a mail, the code stands beside a link, which nobody gets here:
            # `links.is_intruded` finds by it that the operator suspects an intrusion, so the code
            # ends as much as the link would.
            minted.append((stored_code, True))
        # It names no device: the client is an operator, or an app's server.
        by = Client(request_id=client.request_id)
        notice = messages.LinkWasIssued(
            account_id=account.id, at=moment, client=by, email=account.email, invites=invites
        )

        def write(tx: Transaction) -> None:
            held = tx.hold(account.id)
            one_time_secrets.revoke(tx.connection, account.id, [*LINKS, Purpose.CODE], moment)
            held.mint(minted)
            message = tx.outbox.enqueue(messages.LINK_ISSUED, notice)
            outcome, known = (
                "code_issued" if with_code else "link_issued",
                (account.id, account.email),
            )
            tx.audit.write(
                "operator_link", outcome, client, moment, *known, message_id=message, note=reason
            )

        await self._stores.transact(write)
        return issued

    async def _reachable(self, email: str, *, invites: bool) -> Account:
        account = await self._stores.accounts.find(email)
        reachable = await may_get_link(self._stores.database, [account] if account else [])
        outcome = _outcome(account or "no_account", {}, reachable)
        if account is None or outcome in _REFUSED:
            raise InputInvalid(Fault("email", _REFUSED[outcome]))
        if invites and not account.awaits_password:
            raise InputInvalid(Fault("email", "the account has a password already"))
        return account


def _outcome(
    account: Account | Literal["malformed", "no_account"],
    refusals: Mapping[str, Refusal],
    reachable: Collection[str],
) -> Outcome:
    if not isinstance(account, Account):
        return account
    if account.id not in reachable:
        return "locked" if account.locked else "disabled"
    return refusals.get(account.email, "asked") if account.takes_password else "signs_in_elsewhere"
