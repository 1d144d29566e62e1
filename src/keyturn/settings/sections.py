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
    """An app's own table of accounts.

    `url`: the address of its database; "" for Keyturn's own database.
    `table`: the table's name, or `schema.name`.
    `id` to `changed_at`: names of its columns; "" for none.
    `active`: "column", "not deleted_at" (active if that is null, false or 0), or "status = active | invited".
    `password_providers`: values of `provider` for accounts with a password; others sign in with another service.
    `set`: columns that a change of the password sets; "{now}" is the time, "{null}" is NULL.
    `delete`: columns of other tables with the account's id, such as `sessions.user_id`; a change deletes those rows.
    `lock`, `unlock`: columns that lock and unlock an account, written like `set`.
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
    changed_at: str = ""
    password_providers: tuple[str, ...] = PASSWORD_PROVIDERS
    set: dict[str, bool | int | float | str] = {}
    delete: tuple[str, ...] = ()
    lock: dict[str, bool | int | float | str] = {}
    unlock: dict[str, bool | int | float | str] = {}


class SupabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A project at Supabase. Its service-role key has all rights there."""

    url: str = ""
    service_role_key: Secret = Secret("")
    timeout: timedelta = timedelta(seconds=10)


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the accounts are.

    `store`: builtin, table, supabase, or `package.module:factory`, which is called with the settings. With supabase and
    a `table`, Keyturn looks users up in the table, and sets the password at Supabase.
    """

    store: str = "builtin"
    table: TableSettings = TableSettings()
    supabase: SupabaseSettings = SupabaseSettings()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for one kind of accounts.

    `settings_url`: the page with their security settings.
    `brand`: the keys of [brand] that differ.
    `locales`: a folder of catalogues that override all others.
    """

    settings_url: str = ""
    brand: dict[str, str | int] = {}
    locales: Folder = Folder("")


# Safeguards: what users can do about a change that was not theirs, and what an app may refuse


class SecureAccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The button "Secure your account" in the mail that confirms a change of the password.

    `url`: its page, with the placeholders {base_url} and {token}. With "", the button requests a new link.
    `ttl`: how long the button works.
    `lock`: lock the account until its owner has chosen a new password.
    """

    url: str = "{base_url}/secure-your-account/{token}"
    ttl: timedelta = timedelta(hours=24)
    lock: bool = False


class MuteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The small link in a reset mail that stops reset mails to its mailbox.

    `url`: its page, with the placeholders {base_url} and {token}; "" for no such link.
    `period`: how long the mailbox gets no reset mail.
    """

    url: str = ""
    period: timedelta = timedelta(days=7)


class HookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the app's, as `package.module:function`. Each call may take `timeout`.

    `before_reset` may refuse a reset.
    `locate` names the place of an IP address in mails.
    """

    before_reset: str = ""
    locate: str = ""
    timeout: timedelta = timedelta(seconds=5)


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which passwords are accepted. The defaults follow NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.

    `profile`: a standard that the other keys must meet; see `shortest`, and the rules in `rules/every_rule.py`.
    `block_current`: refuse the account's current password, if the store's hashes can be read.
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
        """The fewest characters of a password: `min_length`, or what the profile requires, if that is more.

        NIST SP 800-63B-4 3.1.1.1 requires 15 if a password is the only factor, ASVS 6.2.1 requires 8.
        """
        return max(self.min_length, {"": 1, "nist": 15, "asvs": 8}[self.profile])


class BreachSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look passwords up in lists of leaked ones.

    `source`: "hibp" sends five digits of a hash to `url`; "file" reads `file`, which `keyturn breaches build` writes.
    `timeout`: after it, the failure is counted, and the password is accepted.
    """

    source: Literal["none", "hibp", "file"] = "none"
    url: str = "https://api.pwnedpasswords.com"
    file: Folder = Folder("")
    timeout: timedelta = timedelta(seconds=1)


class HashingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How passwords are hashed.

    `workers`: threads; 0 means one for each core.
    `queue`: hashes that may wait, before requests get 503.
    `format`: the format that the app's own sign-in reads. "php" is bcrypt that begins with "$2y$".
    `prefix`: how the app's library writes bcrypt: Django "bcrypt$$2b$", Spring "{bcrypt}$2a$".
    `iterations`: of django-pbkdf2; OWASP requires 600,000.
    """

    cost: Annotated[int, Meta(ge=10, le=16)] = 12
    workers: Annotated[int, Meta(ge=0)] = 0
    queue: Annotated[int, Meta(ge=1)] = 64
    format: Literal["bcrypt", "django-pbkdf2", "argon2id", "werkzeug-scrypt", "php"] = "bcrypt"
    prefix: Literal["$2a$", "$2b$", "$2y$", "bcrypt$$2b$", "{bcrypt}$2a$"] = "$2b$"
    iterations: Annotated[int, Meta(ge=600_000, le=10_000_000)] = 1_200_000

    @property
    def hash_start(self) -> str:
        """The beginning of each hash: its format and its parameters."""
        return {
            "bcrypt": f"{self.prefix}{self.cost}$",
            "php": f"$2y${self.cost}$",
            "django-pbkdf2": f"pbkdf2_sha256${self.iterations}$",
            "argon2id": "$argon2id$v=19$m=65536,t=3,p=4$",
            "werkzeug-scrypt": "scrypt:32768:8:1$",
        }[self.format]

    @property
    def hash_length(self) -> int:
        """The number of characters of a hash, with its salt and its digest."""
        rest = {"bcrypt": 53, "php": 53, "django-pbkdf2": 22 + 1 + 44, "argon2id": 22 + 1 + 43, "werkzeug-scrypt": 145}
        return len(self.hash_start) + rest[self.format]

    @property
    def max_bytes(self) -> int:
        """The most bytes of a password: bcrypt ignores the 73rd and all after it (CVE-2025-22228).

        Other formats read all; 256 bytes are 64 characters in any script (OWASP ASVS 6.2.9).
        """
        return 72 if self.format in {"bcrypt", "php"} else 256


class ChallengeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge that programs which request thousands of links cannot pass.

    `method`: "altcha" is a puzzle for the browser, which Keyturn makes and checks; the others are services.
    `when`: "busy" asks only while one client exceeds `limits.busy_client`, or all exceed `limits.busy_overall`.
    `site_key`, `secret`: of the service; the first one is public.
    `timeout`: for each of at most two tries to reach the service.
    `on_failure`: "closed" refuses requests if the service fails or rejects our secret, "open" accepts them.
    `without_script`: the hosted page also accepts requests without an answer, within `limits.without_script`.
    `cost`: rounds of PBKDF2 for one guess at ALTCHA's puzzle; a browser needs 256 guesses on average.
    `url`: where the service verifies answers; "" for its own address.
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
    """The columns with the accounts' second factors, in the database of `accounts.table`.

    `table`: the table; "" for the table of accounts.
    `account`: its column with the account's id.
    `totp`, `phone`: its columns with the factors.
    `format`: how `totp` is written.
    `key`, `previous_key`: the key that encrypts `totp`, and an older one that still decrypts it.
    `active`: which rows are factors, written like `accounts.table.active`.
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
    """How codes are sent to phones.

    `transport`: "capture" writes each message as an .eml file beside the mails, and sends none.
    `user`, `password`: an API key and its secret, or the account's SID and token.
    `from_`: the sender's number; `messaging_service` replaces it.
    `daily`: messages a day for one account. `overall`: for all accounts together.
    `prefixes`: beginnings of the numbers that may get messages; () for all.
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
    """Whether a reset needs the account's second factor.

    `source`: where the factors are: none, builtin, table, supabase, or `package.module:factory`.
    `tries`: wrong codes after which a link stops working.
    `daily`: wrong codes of one account in 24 hours, with all its links.
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
    """The brand of mails and pages. The colour of text on an accent is chosen by contrast.

    `logo`: replaces the name on pages. `mail_logo`: in mails, where it cannot be an SVG. `..._dark`: in dark mode.
    `logo_width`, `logo_height`: the space for a logo, in CSS pixels.
    `logo_alt`: the logo's text for readers who cannot see it; "" for the name.
    `ground`: the background of pages and mails.
    `radius`: of the corners of buttons and fields, in CSS pixels.
    `font`: a CSS list of families.
    `stylesheet`: a file that pages load after their own styles.
    `url`: the front page, to which the name or the logo leads. `privacy_url`, `terms_url`: in the foot of pages.
    """

    name: str = "Keyturn"
    url: str = ""
    privacy_url: str = ""
    terms_url: str = ""
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


class IdentityProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A button "Continue with ..." on the hosted sign-in page.

    `name`: the name on the button.
    `url`: the https address that it leads to; "" leaves the button out.
    """

    name: str = ""
    url: str = ""


class PagesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The templates of the hosted pages.

    `templates`: a folder of your own pages; each replaces Keyturn's page of the same name.
    """

    templates: Folder = Folder("")
