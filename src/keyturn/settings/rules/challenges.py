"""What must hold within `[challenge]`."""

from collections.abc import Iterator
from datetime import timedelta

from keyturn.errors import Fault
from keyturn.hosts import is_loopback
from keyturn.settings.challenges import ChallengeSettings
from keyturn.settings.sentences import not_this
from keyturn.settings.url_rules import policy_faults

_LONGEST = timedelta(seconds=10)


def challenge_faults(challenge: ChallengeSettings) -> Iterator[Fault]:
    is_service = challenge.method in {"turnstile", "hcaptcha"}
    for name, value in (("site_key", challenge.site_key), ("secret", challenge.secret)):
        if is_service and not value:
            yield Fault(f"challenge.{name}", f"missing: challenge.method is {challenge.method}")
        elif challenge.method == "altcha" and value:
            yield Fault(f"challenge.{name}", "says nothing where challenge.method is altcha: leave it out")
    if not timedelta(0) < challenge.timeout <= _LONGEST:
        yield Fault("challenge.timeout", f"must be up to {_LONGEST.seconds} s: somebody waits meanwhile")
    if challenge.url and not challenge.url.startswith("https://") and not is_loopback(challenge.url):
        yield Fault("challenge.url", f"must begin with https://{not_this(challenge.url)}")
    else:
        yield from policy_faults("challenge.url", challenge.url)
