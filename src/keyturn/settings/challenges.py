"""What can be set of the challenge on the form that asks for a link."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from keyturn.problems.proofs import ChallengeMethod
from keyturn.texts import Secret


class ChallengeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that no program asks for links by the thousand.

    `method`: "altcha" is a puzzle for the browser, made and checked here; the two others are services, of which
    `site_key` is public and `secret` is not. `when`: "busy" asks only while a client, or all clients together, are over
    `limits.busy_client` or `limits.busy_overall`.

    `timeout` is how long a service may take, for each of two tries at most. `on_failure` is what happens where it does
    not answer, or says that our secret is wrong: "closed" refuses the request, "open" takes it.

    `without_script`: the hosted page takes requests without an answer, too, within `limits.without_script`.

    `cost` is how many rounds of PBKDF2 one guess at ALTCHA's puzzle takes; a browser needs 256 guesses on average.

    `url` is where a service verifies answers; "" is its own address.
    """

    method: Literal["none", ChallengeMethod] = "none"
    when: Literal["always", "busy"] = "always"
    site_key: str = ""
    secret: Secret = Secret("")
    timeout: timedelta = timedelta(seconds=3)
    on_failure: Literal["closed", "open"] = "closed"
    without_script: bool = True
    cost: Annotated[int, Meta(ge=1_000, le=200_000)] = 5_000
    url: str = ""
