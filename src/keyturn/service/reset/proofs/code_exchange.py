"""Exchanges a mailed code for a link's token, for users who read the mail on one device and continue on another."""

from collections.abc import Awaitable
from datetime import datetime, timedelta

import msgspec

from keyturn.service import addresses, secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import monotonic, now, random_bytes
from keyturn.service.problems.proofs import CodeRefused
from keyturn.service.problems.requests import InputInvalid, TooManyRequests
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.proofs import codes
from keyturn.service.reset.proofs.codes import MailedCodes
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.links import LinkFacts, new_link
from keyturn.service.reset.records.stores import Transaction
from keyturn.service.secrets import Purpose, Secret
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import count_calls

_LOGGED_EVERY = 60.0
"""Seconds between two log lines that report that the overall limit is used up."""


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token like that of a link: it works once, until `expires_at`."""

    token: str
    expires_at: datetime


def unmailed_link(
    account: Account, purpose: Purpose, moment: datetime, life: timedelta, *, reason: str = "", return_to: str = ""
) -> tuple[IssuedToken, Secret]:
    """Return a token for a client that has typed a code, or for an operator, and the link that it belongs to."""
    token, facts = secrets.mint(random_bytes), LinkFacts(email=account.email, reason=reason, return_to=return_to)
    link = new_link(secrets.digest(token), purpose, account.id, facts, moment, moment + life)
    return IssuedToken(token=token, expires_at=link.expires_at), link


class CodeExchange:
    """Exchanges codes for tokens, which follow the rules of the tokens in links.

    Five tries per code and 100 per mailbox limit guesses at one account (NIST SP 800-63B 3.2.2). They do not limit an
    attacker who tries each of many accounts a few times (OWASP ASVS 6.3.1). Wrong codes are therefore also counted over
    all accounts: with 300 a minute, one guess at eight digits is right in 231 days.

    Only tries at codes that were mailed and are alive count. A stranger needs 60 mails a minute to use up this limit;
    posting digits is not enough. Once it is used up, no code is compared and no try is lost. Links still work, and
    codes work again within a minute.
    """

    def __init__(self, ground: Ground, mailed: MailedCodes, lifetime: timedelta) -> None:
        self._mailed = mailed
        self._lifetime = lifetime
        self._records = ground.records
        self._accounts = ground.accounts
        self._takes_names = ground.accounts.takes_names
        self._limits = ground.limits
        self.meters = ground.meters
        self._logged = -_LOGGED_EVERY

    @count_calls("code")
    async def exchange(self, email: str, written: str, client: Client, return_to: str = "") -> IssuedToken:
        """Return a token for the code that the mailbox was sent.

        `return_to`: as in a request, checked already.

        The answer and the work are the same for a wrong, expired or used code and for an address without a code or an
        account (OWASP ASVS 6.3.8). Raises InputInvalid for a malformed address or code, CodeRefused, TooManyRequests.
        """
        try:
            identifier, code = addresses.identify(email, takes_names=self._takes_names), codes.read(written)
        except InputInvalid:
            await self._limits.count("malformed", client)
            raise
        await self._limits.count("code", client)
        address = await self._mailbox_of(identifier)
        mailbox = addresses.digest(address)
        await self._require_budget()
        tried = await self._mailed.count_try(mailbox, now())
        await self._count_guess(has_code=tried is not None)
        is_right = self._mailed.fits(code, mailbox, tried)
        if tried is None or not is_right:
            reset_log.info(LogEvent("code.refused", email=addresses.mask(address)))
            raise CodeRefused
        await self._limits.give_back_overall("code_overall")
        account = await self._accounts.get(tried.account_id)
        if account is None or not account.active or addresses.digest(account.email) != mailbox:
            raise CodeRefused
        issued = await self._issue(account, tried, client, return_to)
        reset_log.info(LogEvent("code.exchanged", account_id=account.id))
        return issued

    async def _mailbox_of(self, identifier: str) -> str:
        """Return the address whose mailbox got the code: that of a user name's account. A name without one stays."""
        account = None if "@" in identifier else await self._accounts.find(identifier)
        return account.email if account else identifier

    async def _count_guess(self, *, has_code: bool) -> None:
        """Count a try before it is judged, so that a burst cannot exceed the budget. A right code is given back.

        A try for which there is no code makes the same calls. It counts in a window that is never read.
        """
        who = "everybody" if has_code else "nobody"
        counted = await _refusal(self._limits.count_overall("code_overall", who))
        left = await _refusal(self._limits.require_left_overall("code_overall"))
        self._refuse(counted if has_code else left)

    async def _require_budget(self) -> None:
        """Raise TooManyRequests, for right and wrong codes alike, if all accounts together had too many wrong ones."""
        self._refuse(await _refusal(self._limits.require_left_overall("code_overall")))

    def _refuse(self, over: TooManyRequests | None) -> None:
        if over is None:
            return
        if (moment := monotonic()) - self._logged >= _LOGGED_EVERY:
            self._logged = moment
            reset_log.warning(LogEvent("code.over_budget"))
        raise TooManyRequests(over.retry_after)

    async def _issue(self, account: Account, tried: Secret, client: Client, return_to: str) -> IssuedToken:
        """Use the code up and store a link, in one transaction. Raises CodeRefused if another request was quicker."""
        moment = now()
        issued, link = unmailed_link(account, Purpose.RESET, moment, self._lifetime, return_to=return_to)

        def write(tx: Transaction) -> None:
            if not self._mailed.use(tx.connection, tried, moment):
                raise CodeRefused
            secrets.add(tx.connection, [(link, True)])
            tx.audit.write("code_check", "code_accepted", client, moment, account.id, account.email)

        await self._records.transact(write)
        return issued


def mailed_codes(settings: Settings, ground: Ground) -> MailedCodes | None:
    """Return the codes of mails; None if the settings want none."""
    records = ground.records
    return MailedCodes(records.database, records.counters, ground.secrets) if settings.token.code else None


def build(settings: Settings, ground: Ground, mailed: MailedCodes | None) -> CodeExchange | None:
    """Return what takes codes; None if there are none."""
    return CodeExchange(ground, mailed, settings.token.ttl) if mailed else None


async def _refusal(counting: Awaitable[None]) -> TooManyRequests | None:
    """Return the refusal of the limits; None if they let the call through."""
    try:
        await counting
    except TooManyRequests as over:
        return over
    return None
