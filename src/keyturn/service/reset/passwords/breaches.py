"""Checks passwords against data leaks, by the range protocol of Have I Been Pwned."""

import re
from datetime import timedelta
from hashlib import sha1

from keyturn.hosts import host_in
from keyturn.http_client import CallFailed, HttpClient
from keyturn.mail.port.check_result import CheckResult
from keyturn.service.reset.stores import Stores
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import Meters

PATIENCE = timedelta(seconds=2)
"""Time for one look-up. The user waits for it."""


_PREFIX = 5
_LONGEST_ANSWER = 2**20
"""Bytes; 1,000 to 2,000 lines of 43 are usual."""

_MOST_AT_ONCE = 16
_OK = 200
_MOST_LINES = _LONGEST_ANSWER // 35
_LINE = re.compile(rb"[0-9A-F]{35}(?:[ \t]*:[ \t]*([\d,]*))?")


class Breaches:
    """Asks the service at `url` whether a password is in a data leak.

    The service learns the first five of forty digits of the password's hash. Some 1,000 leaked
    passwords begin with them. With padding, the size of the answer tells an observer nothing.
    """

    def __init__(self, url: str, meters: Meters | None = None) -> None:
        self._url = url.rstrip("/")
        self._http = HttpClient(
            PATIENCE.total_seconds(), _LONGEST_ANSWER, most_at_once=_MOST_AT_ONCE
        )
        self._meters = meters or Meters()

    async def close(self) -> None:
        await self._http.close()

    async def holds(self, password: str) -> bool:
        """Tell whether the list contains the password (NIST SP 800-63B-4 3.1.1.2; ASVS 6.2.12).

        False if the service fails: if an outage blocked resets, users would keep a password that
        they want to replace. The metrics and the log show the outage.
        """
        try:
            is_breached = await self.ask(password)
        except CallFailed as error:
            self._meters.breach_lookup("failed")
            reset_log.warning(LogEvent("breaches.unanswered", reason=error))
            return False
        self._meters.breach_lookup("breached" if is_breached else "clear")
        return is_breached

    async def ask(self, password: str) -> bool:
        """Tell whether the list contains the password.

        Raises CallFailed if there is no readable answer.
        """
        # The protocol uses SHA-1. Nothing depends on its strength here (ASVS 11.4.1).
        secret = password.encode("utf-8", "surrogatepass")
        digits = sha1(secret, usedforsecurity=False).hexdigest().upper()
        url = f"{self._url}/range/{digits[:_PREFIX]}"
        wanted = digits[_PREFIX:].encode()
        answer = await self._http.ask("GET", url, headers={"add-padding": "true"})
        if answer.status != _OK:
            raise CallFailed(f"status {answer.status}")
        lines = map(bytes.strip, answer.body.upper().split(b"\n", _MOST_LINES))
        matches = [_LINE.fullmatch(line) for line in lines if line]
        # All lines are checked: a page of a proxy, or an answer that is cut, would make every
        # password look unknown.
        if not matches or not all(matches):
            raise CallFailed("the answer is not a list of hashes")
        for match in matches:
            if match and match[0].startswith(wanted):
                # A line of padding has a count of 0.
                return (match[1] or b"1").strip(b"0,") != b""
        return False


def build(settings: Settings, stores: Stores) -> Breaches | None:
    url = settings.password.breaches_url
    if not url:
        return None
    return Breaches(url, stores.meters)


async def check(settings: Settings) -> list[CheckResult]:
    """Make the call of a reset, for the doctor.

    A failure is a warning, since resets then skip the check.
    """
    url = settings.password.breaches_url
    if not url:
        return []
    source = Breaches(url)
    # Findings show only the host: the path or the query may hold a key.
    where = host_in(url)
    try:
        knows = await source.ask("password")
    except CallFailed as error:
        fix = (
            "Let this machine connect, or correct password.breaches. Until then, Keyturn "
            "accepts leaked passwords."
        )
        return [CheckResult("breaches", "warn", f"{where}: {error}", fix)]
    finally:
        await source.close()
    if not knows:
        message = (
            f'{where} does not list the password "password", so it is not a list of leaked '
            "passwords"
        )
        return [CheckResult("breaches", "warn", message, 'Set password.breaches to "hibp".')]
    return [CheckResult("breaches", "ok", f'{where} works: it lists the password "password"')]
