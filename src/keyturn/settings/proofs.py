"""Settings for the challenge on the request form, and for second steps."""

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


# Second steps


class SecondStepTableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of an app's that hold its accounts' second factors, in the database of `accounts.table`.

    `table` is that of the accounts unless it is set, and `account` its column with the account's id. `active` is as
    that of `accounts.table`: rows that it does not hold for are no factors. `format` is how `totp` is written, and
    `key` what it is sealed with; `previous_key` opens, too.
    """

    table: str = ""
    account: str = ""
    totp: str = ""
    format: Literal["base32", "hex", "text", "json", "fernet", "laravel"] = "base32"
    key: Secret = Secret("")
    previous_key: Secret = Secret("")
    active: str = ""
    phone: str = ""


class SmsSettings(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """How a code goes to a phone. `from_` is a number, and `messaging_service` stands in its place.

    `user` and `password` are an API key and its secret, or the account's own SID and token. "capture" writes each
    message as an .eml file beside the mails: nothing leaves the machine. `daily` is how many one account gets in a day,
    `overall` how many all accounts get together. `prefixes` are those of the numbers that get any; () is all.
    """

    transport: Literal["", "twilio", "capture"] = ""
    api_url: str = "https://api.twilio.com"
    account: str = ""
    user: str = ""
    password: Secret = Secret("")
    from_: str = ""
    messaging_service: str = ""
    timeout: timedelta = timedelta(seconds=10)
    ttl: timedelta = timedelta(minutes=10)
    cooldown: timedelta = timedelta(minutes=1)
    daily: Annotated[int, Meta(ge=1)] = 5
    overall: Annotated[int, Meta(ge=1)] = 1000
    prefixes: tuple[str, ...] = ()


class SecondStepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an account that has a second factor needs it for a reset.

    `source` is where the factors are: none, builtin, table, supabase, or `package.module:factory`. `tries` is how many
    codes a link lives through, `daily` how many wrong ones an account has in 24 hours, with all of its links.
    """

    source: str = "none"
    tries: Annotated[int, Meta(ge=1, le=10)] = 5
    daily: Annotated[int, Meta(ge=1, le=100)] = 20
    table: SecondStepTableSettings = SecondStepTableSettings()
    sms: SmsSettings = SmsSettings()
