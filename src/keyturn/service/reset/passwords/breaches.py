"""Checks passwords against data leaks, by Have I Been Pwned's range protocol, whose service may be
down.
"""

import re
from datetime import timedelta
from hashlib import sha1

from keyturn.hosts import host_in
from keyturn.http_client import CallFailed, HttpClient
from keyturn.mail.port.finding import Finding
from keyturn.service.reset.stores import Stores
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import Meters

PATIENCE = timedelta(seconds=2)
"""For one lookup, because the user waits for it."""


_PREFIX = 5
_LONGEST_ANSWER = 2**20
"""Bytes; 1,000 to 2,000 lines of 43 are usual."""

_MOST_AT_ONCE = 16
_OK = 200
_MOST_LINES = _LONGEST_ANSWER // 35
_LINE = re.compile(rb"[0-9A-F]{35}(?:[ \t]*:[ \t]*([\d,]*))?")


class Breaches:
    """Asks `url`, which learns five of forty digits of a hash, as some 1,000 passwords have.

    Padding hides the rest.
    """

    def __init__(self, url: str, meters: Meters | None = None) -> None:
        self._url = url.rstrip("/")
        self._http = HttpClient(
            PATIENCE.total_seconds(), _LONGEST_ANSWER, most_at_once=_MOST_AT_ONCE
        )
        self._meters = meters or Meters()
        self.close = self._http.close

    async def holds(self, password: str) -> bool:
        """Tell whether the list contains the password (NIST SP 800-63B-4 3.1.1.2; ASVS 6.2.12); no
        if the source fails.

        If an outage blocked resets, users would keep a password that they want to replace. Metrics
        and the log tell.
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

        Raises CallFailed without a readable answer.
        """
        # The lists use SHA-1, which protects nothing here (ASVS 11.4.1).
        written = (
            sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False)
            .hexdigest()
            .upper()
        )
        url, wanted = f"{self._url}/range/{written[:_PREFIX]}", written[_PREFIX:].encode()
        answer = await self._http.ask("GET", url, headers={"add-padding": "true"})
        if answer.status != _OK:
            raise CallFailed(f"status {answer.status}")
        lines = [
            one for line in answer.body.upper().split(b"\n", _MOST_LINES) if (one := line.strip())
        ]
        # Check all lines: a truncated answer would report every hash behind the cut as unknown.
        if not lines or not all(map(_LINE.fullmatch, lines)):
            raise CallFailed("the answer is not a list of hashes")
        match = next((_LINE.fullmatch(line) for line in lines if line.startswith(wanted)), None)
        return (
            match is not None and (match[1] or b"1").strip(b"0,") != b""
        )  # padding has a count of 0


def build(settings: Settings, stores: Stores) -> Breaches | None:
    return Breaches(url, stores.meters) if (url := settings.password.breaches_url) else None


async def check(settings: Settings) -> list[Finding]:
    """Ask as a reset does, for the doctor.

    Failures are warnings, since resets then skip the check.
    """
    if not (url := settings.password.breaches_url):
        return []
    # Without a path or a query, which may hold a key.
    source, where = Breaches(url), host_in(url)
    try:
        knows = await source.ask("password")
    except CallFailed as error:
        fix = (
            "Let this machine connect, or correct password.breaches. Until then, Keyturn "
            "accepts leaked passwords."
        )
        return [Finding("breaches", "warn", f"{where}: {error}", fix)]
    finally:
        await source.close()
    if not knows:
        message = (
            f'{where} does not list the password "password", so it is not a list of leaked '
            "passwords"
        )
        return [Finding("breaches", "warn", message, 'Set password.breaches to "hibp".')]
    return [Finding("breaches", "ok", f'{where} works: it lists the password "password"')]
