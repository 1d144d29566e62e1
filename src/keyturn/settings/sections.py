"""The sections for the accounts, their kinds, passwords, proofs, the brand and the pages; `model` has the others."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from keyturn.problems.proofs import ChallengeMethod
from keyturn.texts import FileOrUrl, Folder, Secret

PASSWORD_PROVIDERS = ("", "credentials", "default", "email", "local", "password")
"""What apps write into the provider's column of an account that signs in with a password."""


class TableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An app's own table. `table` is its name, or `schema.name`; the others are names of its columns, "" for none.

    `url` is empty where the table is in Keyturn's own database. `active` may be "not deleted_at": then an account is
    active where that column is null, false or 0; or "status = active | invited". An account whose `provider` is none of
    `password_providers` signs in elsewhere. `set` are columns that a change of the password sets: "{now}" is the time,
    "{null}" is NULL. `delete` are columns of other tables that hold the account's id, as `sessions.user_id`: a change
    deletes those rows. `lock` are columns that lock an account, written as `set`, and `unlock` those that undo it.
    """

    url: Secret = Secret("")
    table: str = ""
    id: str = "id"
    email: str = "email"
    password: str = "password_hash"
    name: str = ""
    active: str = ""
    provider: str = ""
    kind: str = ""
    locale: str = ""
    timezone: str = ""
    password_providers: tuple[str, ...] = PASSWORD_PROVIDERS
    set: dict[str, bool | int | float | str] = {}
    delete: tuple[str, ...] = ()
    lock: dict[str, bool | int | float | str] = {}
    unlock: dict[str, bool | int | float | str] = {}


class SupabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A project of Supabase's. Its service-role key may do everything there."""

    url: str = ""
    service_role_key: Secret = Secret("")
    timeout: timedelta = timedelta(seconds=10)


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the accounts are.

    `store` is builtin, table, supabase, or `package.module:factory`, which is called with the settings.

    With supabase and a `table`, people are looked up in the table, and the password is set at Supabase.
    """

    store: str = "builtin"
    table: TableSettings = TableSettings()
    supabase: SupabaseSettings = SupabaseSettings()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What differs for accounts of one kind. `brand` holds the keys of [brand] that do.

    `settings_url` is where they have their security settings; `locales` a folder of catalogues, before all others.
    """

    settings_url: str = ""
    brand: dict[str, str | int] = {}
    locales: Folder = Folder("")


# Safeguards: what users can do about a change that was not theirs, and what an app may refuse


class SecureAccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The button "Secure your account" of the mail that confirms a change of the password.

    `url` is the page it leads to, with the places {base_url} and {token}; "" leaves it out, and the button asks for a
    new link. It works for `ttl`. `lock` says that the account is locked until its owner has chosen a new password.
    """

    url: str = "{base_url}/secure-your-account/{token}"
    ttl: timedelta = timedelta(hours=24)
    lock: bool = False


class MuteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The small link of a reset mail by which its mailbox gets no other one for `period`, whoever asks.

    `url` is the page it leads to, with the places {base_url} and {token}; "" leaves it out.
    """

    url: str = ""
    period: timedelta = timedelta(days=7)


class HookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the app's, as `package.module:function`, that are asked before something is done.

    `before_reset` may refuse a reset; it has `timeout` for that.
    """

    before_reset: str = ""
    timeout: timedelta = timedelta(seconds=5)


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which passwords are accepted.

    `profile` is what an authority asks for, and what the other keys may not fall short of: see `shortest`, and
    `rules.py` for the rest.

    The defaults follow NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2: length and a blocklist, no composition rules.

    `block_current`: not the password again that the account has, where the store's hashes can be read.
    """

    profile: Literal["", "nist", "asvs"] = ""
    min_length: Annotated[int, Meta(ge=1, le=72)] = 12
    uppercase: bool = False
    lowercase: bool = False
    digit: bool = False
    special: bool = False
    block_common: bool = True
    block_current: bool = True

    @property
    def shortest(self) -> int:
        """How many characters a password has at least: `min_length`, or what the profile asks for where that is more.

        NIST SP 800-63B-4 3.1.1.1 says 15 where a password alone signs somebody in, ASVS 6.2.1 says 8.
        """
        return max(self.min_length, {"": 1, "nist": 15, "asvs": 8}[self.profile])


class BreachSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is asked whether a password is known from a data leak.

    `source`: "hibp" asks `url` by five digits of a hash, "file" looks into `file`, which `keyturn breaches build`
    makes. What does not answer within `timeout` is counted, and the password taken.
    """

    source: Literal["none", "hibp", "file"] = "none"
    url: str = "https://api.pwnedpasswords.com"
    file: Folder = Folder("")
    timeout: timedelta = timedelta(seconds=1)


class HashingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How passwords are hashed.

    `workers` 0 means one for each core. `queue`: hashes that may wait before the answer is 503.

    `format` is what the app's own sign-in reads: PHP's is bcrypt that begins with "$2y$"; `prefix` is how any other
    library writes bcrypt, Django "bcrypt$$2b$", Spring "{bcrypt}$2a$". `iterations` are those of django-pbkdf2; OWASP
    asks for 600,000.
    """

    cost: Annotated[int, Meta(ge=10, le=16)] = 12
    workers: Annotated[int, Meta(ge=0)] = 0
    queue: Annotated[int, Meta(ge=1)] = 64
    format: Literal["bcrypt", "django-pbkdf2", "argon2id", "werkzeug-scrypt", "php"] = "bcrypt"
    prefix: Literal["$2a$", "$2b$", "$2y$", "bcrypt$$2b$", "{bcrypt}$2a$"] = "$2b$"
    iterations: Annotated[int, Meta(ge=600_000, le=10_000_000)] = 1_200_000

    @property
    def hash_start(self) -> str:
        """How each hash begins: its format, and the parameters that say what it costs."""
        return {
            "bcrypt": f"{self.prefix}{self.cost}$",
            "php": f"$2y${self.cost}$",
            "django-pbkdf2": f"pbkdf2_sha256${self.iterations}$",
            "argon2id": "$argon2id$v=19$m=65536,t=3,p=4$",
            "werkzeug-scrypt": "scrypt:32768:8:1$",
        }[self.format]

    @property
    def hash_length(self) -> int:
        """How many characters a hash has: those of its salt and its digest follow."""
        rest = {"bcrypt": 53, "php": 53, "django-pbkdf2": 22 + 1 + 44, "argon2id": 22 + 1 + 43, "werkzeug-scrypt": 145}
        return len(self.hash_start) + rest[self.format]

    @property
    def max_bytes(self) -> int:
        """What a password may have: bcrypt ignores what follows the 72nd (CVE-2025-22228).

        The others read all of it; 256 are 64 characters in any script (OWASP ASVS 6.2.9).
        """
        return 72 if self.format in {"bcrypt", "php"} else 256


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


Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$", description="a colour as #rrggbb")]
Pixels = Annotated[int, Meta(ge=1)]
Radius = Annotated[int, Meta(ge=0, le=24)]


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """Whose mails and pages these are. The text on an accent is chosen by contrast.

    `logo` stands for the name on the pages, `mail_logo` in mails, where it may be no SVG; `..._dark` stand in for them
    on a dark ground. Each is fitted into `logo_width` by `logo_height` CSS pixels, which are kept free for it.
    `logo_alt` is what it says where it cannot be seen, the name unless it is set.

    `ground` is what pages and mails lie on, `radius` the corners of buttons and fields in CSS pixels, `font` a list of
    families as CSS has it, and `stylesheet` a file that pages load after their own.
    """

    name: str = "Keyturn"
    accent: Colour = "#14614b"
    accent_dark: Colour = "#6fd3ae"
    ground: Colour = "#faf9f6"
    ground_dark: Colour = "#141412"
    logo: FileOrUrl = FileOrUrl("")
    logo_dark: FileOrUrl = FileOrUrl("")
    mail_logo: FileOrUrl = FileOrUrl("")
    mail_logo_dark: FileOrUrl = FileOrUrl("")
    logo_width: Pixels = 120
    logo_height: Pixels = 32
    logo_alt: str = ""
    radius: Radius = 8
    font: str = ""
    stylesheet: Folder = Folder("")
    support_address: str = ""
    postal_address: str = ""


class PagesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the hosted pages are drawn from.

    `templates` is a folder of one's own pages: what is in it stands in for Keyturn's own of the same name.
    """

    templates: Folder = Folder("")
