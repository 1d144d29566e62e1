"""The code beside a link, which its mailbox can try five times, and its digest in the database."""

import hmac
import unicodedata
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection

from keyturn.errors import Fault
from keyturn.service import addresses, secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import random_below
from keyturn.service.database import Database
from keyturn.service.keys import derive
from keyturn.service.limits import Limit, StoredCounters
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.secrets import Purpose, Secret
from keyturn.service.settings.building import Rate

DIGITS = 8
"""NIST SP 800-63B 4.2.1.2 asks for at least six; ASVS 6.5.4 for 20 bits, and these have 26."""

LIFE = timedelta(minutes=10)
"""OWASP ASVS 6.5.5."""

TRIES = 5
"""Tries at one code. The odds of guessing it are 5 in 100 million."""

_FAILURES = Rate(100, 365 * 86_400)
"""Wrong tries at one mailbox in a row, however many codes it gets (NIST SP 800-63B 3.1.3.2, 3.2.2).

They refill so slowly that a mailbox that is guessed at gets codes again once its owner has used a link.
"""

_BETWEEN = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014.")


def mint(random_below: Callable[[int], int]) -> str:
    """Return a fresh code of evenly distributed digits."""
    return f"{random_below(10**DIGITS):0{DIGITS}}"


def read(written: str) -> str:
    """Return the digits of a code as it was typed, including full-width digits, and with spaces or dashes between.

    Raises InputInvalid for other text: it says nothing about the code that was sent, and does not count as a try.
    """
    digits = "".join(unicodedata.normalize("NFKC", written[:64]).split()).translate(_BETWEEN)
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
        raise InputInvalid(Fault("code", f"not a code of {DIGITS} digits"))
    return digits


class CodeKeys:
    """Computes digests of codes with keys that are not in the database: 26 bits alone would be guessed instantly.

    The first of `secrets` writes, and all of them are compared (NIST SP 800-63B 3.1.2.2 on look-up secrets).
    `use`: what the keys are derived for. `owner`: for whom a code is; it fits nobody else.
    """

    def __init__(self, secrets: Sequence[str], use: str) -> None:
        self._keys = [derive(secret, use) for secret in secrets]

    def digest(self, code: str, owner: bytes) -> bytes:
        return self._digest(self._keys[0], code, owner)

    def fits(self, code: str, owner: bytes, stored: bytes) -> bool:
        """Return whether it is the code; a wrong one takes as long wherever it differs (CWE-208)."""
        compared = [hmac.compare_digest(self._digest(key, code, owner), stored) for key in self._keys]
        return any(compared)

    def _digest(self, key: bytes, code: str, owner: bytes) -> bytes:
        return hmac.digest(key, owner + code.encode("utf-8", "surrogatepass"), sha256)


class MailedCodes:
    """The codes of mails: minted, stored, tried and used up, each for the mailbox that it was sent to.

    A mailbox has one code, the latest. The database holds a code's digest, made with a key of the settings.
    """

    def __init__(self, database: Database, counters: StoredCounters, keys: Sequence[str]) -> None:
        self._database = database
        self._counters = counters
        self._keys = CodeKeys(keys, "reset codes")

    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        """Return the addresses with too many wrong tries, where a code would no longer work."""
        limits = [code_failures(addresses.digest(email)) for email in emails]
        levels = await self._database.read(lambda connection: self._counters.look(connection, *limits))
        return {email for email, limit, level in zip(emails, limits, levels, strict=True) if limit.wait(level)}

    def mint(self, email: str) -> tuple[str, bytes]:
        """Return a fresh code for that address, and the digest that is stored."""
        code = mint(random_below)
        return code, self._keys.digest(code, addresses.digest(email))

    def store(
        self, connection: Connection, codes: Sequence[tuple[bytes | None, Account, bool]], moment: datetime
    ) -> None:
        """Store the digests of wanted codes, of at least one, each in place of the mailbox's earlier code.

        Its failures stay counted. The statements are the same if none is wanted.
        """
        secrets.add(connection, [(_secret(proof or b"", account, moment), wanted) for proof, account, wanted in codes])

    async def count_try(self, mailbox: bytes, moment: datetime) -> Secret | None:
        """Count a try at the mailbox's code, and commit; return the code if it may be compared.

        One statement counts, before any comparison: of concurrent tries the sixth gets nothing. The work is the same
        for an address without a code. Only a try at a working code is a failure, so a stranger cannot use up a
        mailbox's hundred tries while it has no code.
        """

        def count(connection: Connection) -> Secret | None:
            code = secrets.count_try(connection, Purpose.CODE, mailbox, moment)
            is_live = code.tries <= TRIES and code.state(moment) == "works"
            hit = self._counters.count(connection, code_failures(mailbox), wanted=is_live)
            return code if is_live and not hit.wait else None

        return await self._database.transact(count)

    def fits(self, written: str, mailbox: bytes, code: Secret | None) -> bool:
        """Return whether it is the code. Without one the work is the same."""
        return self._keys.fits(written, mailbox, code.proof or b"" if code else b"")

    def use(self, connection: Connection, code: Secret, moment: datetime) -> bool:
        """Use the code up, and forget the mailbox's failures. Of concurrent callers exactly one gets True."""
        # The code first, as `count_try` and a change do: two transactions cannot deadlock.
        used = secrets.use(connection, Purpose.CODE, code.key, moment, code.proof) is not None
        self._counters.empty(connection, code_failures(code.key))
        return used


def code_failures(mailbox: bytes) -> Limit:
    """Return the limit of wrong tries at a mailbox, by its digest."""
    return Limit(_FAILURES, "code failures", mailbox.hex())


def _secret(proof: bytes, account: Account, moment: datetime) -> Secret:
    mailbox = addresses.digest(account.email)
    return Secret(
        purpose=Purpose.CODE,
        key=mailbox,
        proof=proof,
        account_id=account.id,
        mailbox=mailbox,
        created_at=moment,
        expires_at=moment + LIFE,
    )
