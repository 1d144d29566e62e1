"""The codes beside links, for users who read the mail on one device and continue on another."""

import unicodedata
from collections.abc import Collection
from datetime import datetime

from keyturn.errors import Fault
from keyturn.service import identifiers, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.limits import Limit, StoredCounters
from keyturn.service.one_time_secrets import Minted, OneTimeSecret, Purpose, ToStore
from keyturn.service.problems.proofs import CodeRefused
from keyturn.service.problems.requests import DatabaseUnready, InputInvalid, TooManyRequests
from keyturn.service.reset.ports import ResetCodes
from keyturn.service.reset.proofs.short_codes import ShortCodes
from keyturn.service.reset.records.lifetimes import LinkLifetimes
from keyturn.service.reset.records.links import mint_link
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings.rates import DAY, Rate
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute, reset_log
from keyturn.service.telemetry.meters import count_calls

DIGITS = 8
"""Digits of a code. NIST SP 800-63B 4.2.1.2 asks for at least six; ASVS 6.5.4 asks for 20 bits, and
eight digits have 26.
"""

TRIES = 5
"""Tries at one code. The odds of guessing it are 5 in 100 million."""

_FAILURES = Rate(100, 365 * DAY)
"""Wrong tries at one mailbox in a row, however many codes it gets (NIST SP 800-63B 3.1.3.2, 3.2.2).

The limit refills in a year. In practice, a mailbox under attack gets codes again once its owner has
used a link.
"""

_ALL_FAILURES = Limit(Rate(300, 60), "code failures of all mailboxes")
"""Wrong codes of all clients, a minute (OWASP ASVS 6.3.1). At this rate, a guess at eight digits is
right once in 231 days.
"""

_LONGEST_WRITTEN = 64
"""Characters of a typed code that are read; the rest is cut. NFKC may make a text 18 times as long
(U+FDFA), so a long text of an attacker would cost much work.
"""

_BETWEEN = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014.")


def read(written: str) -> str:
    """Return the digits of a code as a user types it, also full-width or with dashes.

    Raises InputInvalid for another text. It does not count as a try.
    """
    plain = unicodedata.normalize("NFKC", written[:_LONGEST_WRITTEN])
    digits = "".join(plain.split()).translate(_BETWEEN)
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
        raise InputInvalid(Fault("code", f"not a code of {DIGITS} digits"))
    return digits


class EmailCodes(ResetCodes):
    """Makes the codes of mails, and exchanges them for tokens like those of links.

    A code works for the mailbox that it was sent to, which has one code at a time, the latest. Five
    tries for each code and 100 for each mailbox limit the guesses at one account (NIST SP 800-63B
    3.2.2). A limit of wrong codes over all accounts stops an attacker who tries each of many
    accounts a few times (OWASP ASVS 6.3.1).

    Only tries at codes that were mailed and still work count, so a stranger would have to cause 60
    mails a minute to use that limit up. No code is compared then and no try is lost, and codes work
    again within a minute.
    """

    def __init__(self, stores: Stores, lifetimes: LinkLifetimes) -> None:
        self._stores = stores
        self._codes = ShortCodes(stores.keys, Purpose.CODE, DIGITS)
        self._lifetimes = lifetimes
        self.meters = stores.meters
        self._lines = OnceAMinute()

    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        limits = {email: _failures(identifiers.mailbox_digest(email)) for email in emails}
        levels = await self._stores.database.read(
            lambda connection: StoredCounters(connection).levels(*limits.values())
        )
        return {email for email, limit in limits.items() if limit.wait(levels[limit])}

    def mint(self, account: Account, moment: datetime) -> Minted:
        # The wrong tries at the mailbox stay counted: a fresh code brings no fresh hundred.
        mailbox = identifiers.mailbox_digest(account.email)
        return self._codes.mint(account.id, mailbox, moment, mailbox=mailbox)

    def forget_failures(self, tx: Transaction, mailbox: bytes) -> None:
        tx.counters.clear(_failures(mailbox))

    @count_calls("code")
    async def exchange(
        self, email: str, written: str, client: Client, return_to: str = ""
    ) -> Minted:
        """Return a token for the code that was sent to the mailbox, and the token's link.

        The answer and the work are the same for a wrong, expired or used code, and for an address
        without a code or an account (OWASP ASVS 6.3.8).

        `email`: the address, or a user name if the store takes names.
        `written`: the code as typed.
        `return_to`: the address to return to after the reset.

        Raises InputInvalid for a malformed address or code, CodeRefused, TooManyRequests.
        """
        try:
            identifier = identifiers.identify(email, takes_names=self._stores.accounts.takes_names)
            code = read(written)
        except InputInvalid:
            await self._stores.limits.count("malformed", client)
            raise
        await self._stores.limits.count("code", client)
        # The code of a user name was sent to its account's mailbox. An unknown name has no mailbox,
        # and its text finds no code.
        address = identifier
        if "@" not in identifier:
            named = await self._stores.accounts.find(identifier)
            if named:
                address = named.email
        mailbox = identifiers.mailbox_digest(address)
        tried = await self._try(mailbox, code)
        account = await self._account_of(tried, mailbox) if tried else None
        if tried is None or account is None:
            reset_log.info(LogEvent("code.refused", email=identifiers.mask(address)))
            raise CodeRefused
        issued = await self._issue(account, tried, client, return_to)
        reset_log.info(LogEvent("code.exchanged", account_id=account.id))
        return issued

    async def _try(self, mailbox: bytes, written: str) -> OneTimeSecret | None:
        """Return the mailbox's code if `written` is that code and may be tried; else None.

        One transaction counts the try, before any comparison: of concurrent tries, the sixth is not
        compared. Only a try at a working code counts as wrong, so a stranger cannot use up a
        mailbox's hundred tries while it has no code.

        Raises TooManyRequests. The try is not counted then.
        """
        moment = now()

        def count(tx: Transaction) -> OneTimeSecret | None:
            code = one_time_secrets.count_try(tx.connection, Purpose.CODE, mailbox, moment)
            is_live = code.tries <= TRIES and not code.dead_reason(moment)
            # The limit of all mailboxes also refuses a try that it does not count. So whether a
            # mailbox has a code makes no difference to the answer.
            levels = tx.counters.levels(_ALL_FAILURES)
            wait = _ALL_FAILURES.wait(levels[_ALL_FAILURES])
            limits = (_ALL_FAILURES, _failures(mailbox)) if is_live else ()
            hit = tx.counters.count(*limits)
            if hit.full == _ALL_FAILURES:
                wait = wait or hit.wait
            if wait:
                raise self._over_budget(wait)
            return code if is_live and not hit.full else None

        code = await self._stores.transact(count)
        return code if self._codes.fits(written, mailbox, code) else None

    def _over_budget(self, wait: float) -> TooManyRequests:
        count = self._lines.count("over budget")
        if count:
            reset_log.warning(LogEvent("code.over_budget", count=count))
        return TooManyRequests(wait)

    async def _account_of(self, code: OneTimeSecret, mailbox: bytes) -> Account | None:
        """Return the account of a code; None if it is not active, or has another mailbox by now."""
        account = await self._stores.accounts.get(code.account_id)
        if account is None or not account.active:
            return None
        return account if identifiers.mailbox_digest(account.email) == mailbox else None

    async def _issue(
        self, account: Account, code: OneTimeSecret, client: Client, return_to: str
    ) -> Minted:
        """Use the code up, and store a link. If the database fails, try a second time.

        Raises CodeRefused if another request has used the code.
        """
        moment = now()
        end = moment + self._lifetimes.requested
        token, link = mint_link(account, Purpose.RESET, moment, end, return_to=return_to)

        def write(tx: Transaction) -> None:
            # First the account, then the code, then its counters: `_try` and a change of the
            # password lock them in the same order, so none can deadlock.
            held = tx.hold(account.id)
            if one_time_secrets.use(tx.connection, code, moment):
                tx.counters.clear(_failures(code.key))
                tx.counters.give_back(_ALL_FAILURES)
                held.store([ToStore(link)])
                tx.audit.write(
                    "code_check", "code_accepted", client, moment, account.id, account.email
                )
            elif not one_time_secrets.find(tx.connection, link.key, Purpose.RESET):
                raise CodeRefused

        try:
            await self._stores.transact(write)
        except DatabaseUnready:
            await self._stores.transact(write)
        return Minted(token, link)


def _failures(mailbox: bytes) -> Limit:
    """Return the limit of wrong tries at a mailbox, given the digest of its address."""
    return Limit(_FAILURES, "code failures", mailbox.hex())
