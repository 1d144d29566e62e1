"""The code beside a link, for users who read the mail on one device and continue on another."""

import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta

from keyturn.errors import Fault
from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.limits import Limit, StoredCounters
from keyturn.service.one_time_secrets import OneTimeSecret, Purpose
from keyturn.service.problems.proofs import CodeRefused
from keyturn.service.problems.requests import DatabaseUnready, InputInvalid, TooManyRequests
from keyturn.service.reset.ports import ResetCodes
from keyturn.service.reset.proofs.short_codes import ShortCodes
from keyturn.service.reset.records.links import mint_link
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.settings.building import Rate
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute, reset_log
from keyturn.service.telemetry.meters import count_calls

DIGITS = 8
"""NIST SP 800-63B 4.2.1.2 asks for at least six; ASVS 6.5.4 for 20 bits, and these have 26."""

TRIES = 5
"""Tries at one code. The odds of guessing it are 5 in 100 million."""

_FAILURES = Rate(100, 365 * 86_400)
"""Wrong tries at one mailbox in a row, however many codes it gets (NIST SP 800-63B 3.1.3.2, 3.2.2).

They refill so slowly that a mailbox that is guessed at gets codes again once its owner has used a
link.
"""

_ALL_FAILURES = Limit(Rate(300, 60), "code failures of all mailboxes")
"""Wrong codes of all clients (OWASP ASVS 6.3.1): at this rate, a guess at eight digits is right
once in 231 days.
"""

_BETWEEN = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014.")


def read(written: str) -> str:
    """Return the digits of a code as typed, also full-width or with dashes.

    Raises InputInvalid, which costs no try.
    """
    digits = "".join(unicodedata.normalize("NFKC", written[:64]).split()).translate(_BETWEEN)
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
        raise InputInvalid(Fault("code", f"not a code of {DIGITS} digits"))
    return digits


class EmailCodes(ResetCodes):
    """The codes of mails, each for the mailbox that it was sent to, and their exchange for tokens
    like those of links.

    A mailbox has one code, the latest. Five tries per code and 100 per mailbox limit guesses at one
    account (NIST SP 800-63B 3.2.2), and a limit of wrong codes over all accounts those of an
    attacker who tries each of many a few times (OWASP ASVS 6.3.1). Only tries at codes that were
    mailed and are alive count, so a stranger needs 60 mails a minute to use that limit up. Then no
    code is compared and no try is lost, and codes work again within a minute.

    `lifetime`: how long the token works.
    """

    def __init__(self, stores: Stores, lifetime: timedelta) -> None:
        self._limits, self._accounts, self._stores = stores.limits, stores.accounts, stores
        self._codes = ShortCodes(stores.keys, Purpose.CODE, DIGITS)
        self._lifetime = lifetime
        self.meters = stores.meters
        self._lines = OnceAMinute()

    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        limits = [_failures(addresses.digest(email)) for email in emails]
        levels = await self._stores.database.read(
            lambda connection: StoredCounters(connection).levels(*limits)
        )
        return {
            email
            for email, limit, level in zip(emails, limits, levels, strict=True)
            if limit.wait(level)
        }

    def mint(self, account: Account, moment: datetime) -> tuple[str, OneTimeSecret]:
        # The mailbox's failures stay counted.
        mailbox = addresses.digest(account.email)
        return self._codes.mint(account.id, mailbox, moment, mailbox=mailbox)

    def forget_failures(self, tx: Transaction, mailbox: bytes) -> None:
        tx.counters.clear(_failures(mailbox))

    @count_calls("code")
    async def exchange(
        self, email: str, written: str, client: Client, return_to: str = ""
    ) -> tuple[str, OneTimeSecret]:
        """Return a token for the code that the mailbox was sent, and the link that it opens.

        The answer and the work are the same for a wrong, expired or used code and for an address
        without a code or an account (OWASP ASVS 6.3.8). Raises InputInvalid for a malformed address
        or code, CodeRefused, TooManyRequests.
        """
        try:
            identifier, code = (
                addresses.identify(email, takes_names=self._accounts.takes_names),
                read(written),
            )
        except InputInvalid:
            await self._limits.count("malformed", client)
            raise
        await self._limits.count("code", client)
        # A user name's account has the mailbox that got the code. A name without an account has
        # none.
        named = None if "@" in identifier else await self._accounts.find(identifier)
        address = named.email if named else identifier
        mailbox = addresses.digest(address)
        tried = await self._try(mailbox, code)
        account = await self._accounts.get(tried.account_id) if tried else None
        if (
            not tried
            or not account
            or not account.active
            or addresses.digest(account.email) != mailbox
        ):
            reset_log.info(LogEvent("code.refused", email=addresses.mask(address)))
            raise CodeRefused
        issued = await self._issue(account, tried, client, return_to)
        reset_log.info(LogEvent("code.exchanged", account_id=account.id))
        return issued

    async def _try(self, mailbox: bytes, written: str) -> OneTimeSecret | None:
        """Return the mailbox's code if that is it and it may be tried.

        Raises TooManyRequests, and counts nothing then.

        One transaction counts the try, before any comparison: of concurrent tries the sixth gets
        nothing. Only a try at a working code is a failure, so a stranger cannot use up a mailbox's
        hundred tries while it has no code.
        """
        of_mailbox, moment = _failures(mailbox), now()

        def count(tx: Transaction) -> OneTimeSecret | None:
            code = one_time_secrets.count_try(tx.connection, Purpose.CODE, mailbox, moment)
            is_live = code.tries <= TRIES and not code.dead_reason(moment)
            wait = _ALL_FAILURES.wait(tx.counters.levels(_ALL_FAILURES)[0])
            hit = tx.counters.count(*((_ALL_FAILURES, of_mailbox) if is_live else ()))
            if wait or hit.full == _ALL_FAILURES:
                if count := self._lines.count("over budget"):
                    reset_log.warning(LogEvent("code.over_budget", count=count))
                raise TooManyRequests(wait or hit.wait)
            return code if is_live and not hit.full else None

        code = await self._stores.transact(count)
        return code if self._codes.fits(written, mailbox, code) else None

    async def _issue(
        self, account: Account, code: OneTimeSecret, client: Client, return_to: str
    ) -> tuple[str, OneTimeSecret]:
        """Use the code up and store a link, at an outage a second time.

        Raises CodeRefused if the code was used.
        """
        moment = now()
        token, link = mint_link(
            account, Purpose.RESET, moment, moment + self._lifetime, return_to=return_to
        )

        def write(tx: Transaction) -> None:
            # First the account, then the code, then its counters, as `_try` and a change do: none
            # can deadlock.
            held = tx.hold(account.id)
            if one_time_secrets.use(tx.connection, code, moment):
                tx.counters.clear(_failures(code.key))
                tx.counters.give_back(_ALL_FAILURES)
                held.mint([(link, True)])
                tx.audit.write(
                    "code_check", "code_accepted", client, moment, account.id, account.email
                )
            elif not one_time_secrets.find(tx.connection, link.key, Purpose.RESET):
                raise CodeRefused

        try:
            await self._stores.transact(write)
        except DatabaseUnready:
            await self._stores.transact(write)
        return token, link


def _failures(mailbox: bytes) -> Limit:
    """Return the limit of wrong tries at a mailbox, by its digest."""
    return Limit(_FAILURES, "code failures", mailbox.hex())


def build(settings: Settings, stores: Stores) -> EmailCodes | None:
    return EmailCodes(stores, settings.token.ttl) if settings.token.code else None
