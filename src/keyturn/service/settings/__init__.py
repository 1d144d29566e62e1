"""One typed, frozen `Settings`, read once at the top from keyturn.toml and the environment.

The docstrings of the sections are docs/settings.md (`just reference`), so a link is relative to
docs/. `reading` parses the file, and the environment overrides it; `building` makes the types, and
lets `substitution` fill in `${NAME}` only then, so that no overridden value is looked up. A type
states the bounds of its setting; `rules` has what a type cannot state.

Declined: `pydantic-settings`, since msgspec is already a dependency, and all faults should be
reported at once, under the names that the user wrote.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from keyturn.hosts import host_of, is_loopback_address
from keyturn.mail.port.provider import Provider
from keyturn.mail.providers import PROVIDERS
from keyturn.service.problems.proofs import ChallengeMethod
from keyturn.values import FileOrUrl as FileOrUrl
from keyturn.values import Folder as Folder
from keyturn.values import SecretStr as SecretStr


def split_list(text: str) -> list[str]:
    """Return the members of a list that is written with commas."""
    members = [member.strip() for member in text.split(",")]
    return [member for member in members if member]


Credentials = Literal[
    "sessions",
    "passkeys",
    "access_tokens",
    "api_keys",
    "ssh_keys",
    "oauth_grants",
    "trusted_devices",
]
"""Kinds of credentials that admit clients besides a password. Mails have words for each."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an account's rows in a table of the app, whose rows admit clients.

    `what`: what the rows are, for the mail and the webhook: `sessions`, `passkeys`,
    `access_tokens`, `api_keys`, `ssh_keys`, `oauth_grants` or `trusted_devices`; empty: neither
    names them
    `when`: `change`: with each new password. `intrusion`: with "this was not me", with the link
    that follows it, and with a link that an operator asked for. `never`: your app ends them
    `set`: columns to set, written as `accounts.table.set`; without any, the rows are deleted
    `where`: columns and their values, if other rows of the account must stay; `"{null}"` is NULL
    """

    what: Literal["", Credentials] = ""
    when: Literal["change", "intrusion", "never"] = "change"
    set: dict[str, bool | int | float | str] = {}
    where: dict[str, bool | int | float | str] = {}


Conditions = Annotated[str | tuple[str, ...], Meta(description="a text, or a list of texts")]
"""What a row's columns must hold, as in "not deleted_at". Of a list, each condition must be met."""


class TableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An app's own table of accounts.

    `url`: `sqlite:///file`, `postgresql://...`, `mysql://...` or `mariadb://...`; empty if it is
    Keyturn's own
    `table`: its name, or `schema.name`
    `id`: column of exact numbers, UUIDs, texts or bytes
    `email`: column
    `password`: column of the hash; empty only with `supabase`
    `name`: column of the name in greetings
    `active`: column, or `"not deleted_at"`: active if that is null, false or 0; or `"status =
    active | invited"`. Of a list, each must be met: `["not deleted_at", "not banned_at"]`,
    separated by commas in the environment
    `provider`: column with the user's sign-in provider
    `kind`: column that selects one of `kinds`
    `locale`: column of the language of mails
    `identifiers`: the columns by which users name their accounts: that of the address, and one with
    [user names](accounts.md#user-names), as in `["email", "username"]`; empty: the address alone
    `set`: columns that a change sets: `{ must_change = false, changed_at = "{now}" }`;
    placeholders: `{now}`, `{now_ms}`, `{now_iso}` ([which
    form](accounts.md#how-the-time-is-written)), `{random}`, `{null}`
    `delete`: rows that a change deletes, by a column with the account's id:
    `["password_resets.user_id"]`
    `ends`: what else a change or an intrusion ends, by such columns: [below](#accountstableends)
    `lock`: columns that lock an account, written as in `set`: `{ status = "locked" }`; for
    `secure_account.lock`
    `unlock`: columns that unlock it: `{ status = "active" }`
    """

    url: SecretStr = SecretStr("")
    table: str = ""
    id: str = "id"
    email: str = "email"
    password: str = "password_hash"
    name: str = ""
    active: Conditions = ""
    provider: str = ""
    kind: str = ""
    locale: str = ""
    identifiers: tuple[str, ...] = ()
    set: dict[str, bool | int | float | str] = {}
    delete: tuple[str, ...] = ()
    ends: dict[str, Ending] = {}
    lock: dict[str, bool | int | float | str] = {}
    unlock: dict[str, bool | int | float | str] = {}

    @property
    def username(self) -> str:
        """The column of user names; "" if only the address names an account."""
        for column in self.identifiers:
            if column != self.email:
                return column
        return ""

    @property
    def endings(self) -> dict[str, Ending]:
        return dict.fromkeys(self.delete, Ending()) | self.ends


class SupabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A project at Supabase. Its service-role key has all rights there.

    `url`: `https://project.supabase.co`, also read from `SUPABASE_URL`
    `service_role_key`: also read from `SUPABASE_SERVICE_ROLE_KEY`
    """

    url: str = ""
    service_role_key: SecretStr = SecretStr("")


def is_plain_ldap(url: str) -> bool:
    """Tell whether a directory's server gets passwords without TLS.

    It may only if it is on this machine.
    """
    return url.startswith("ldap://") and is_loopback_address(host_of(url))


class LdapSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A directory, and the service account that sets passwords there.

    `kind`: `openldap`, also for servers that work like it, or `active_directory`, also for Samba
    `servers`: one to six, in the order in which they are asked: `["ldaps://dc1.example.org",
    "ldaps://dc2.example.org"]`. `ldap://` begins with StartTLS, but for `ldap://127.0.0.1` and
    `ldap://[::1]`
    `bind_dn`: the service account: `cn=keyturn,dc=example,dc=org`, or `keyturn@example.org` for
    Active Directory
    `bind_password`: its password
    `base`: the entry above all accounts: `ou=people,dc=example,dc=org`
    `where`: what an entry must have to be an account: `{ objectClass = "person", employeeType =
    "staff" }`; empty: `objectClass=person`, or a user of Active Directory
    """

    kind: Literal["openldap", "active_directory"] = "openldap"
    servers: tuple[str, ...] = ()
    bind_dn: str = ""
    bind_password: SecretStr = SecretStr("")
    base: str = ""
    where: dict[str, str] = {}


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the accounts are.

    `store`: `builtin`, `table`, `supabase`, `ldap`, or your own `package.module:factory`:
    [accounts.md](accounts.md)
    """

    store: str = "builtin"
    table: TableSettings = TableSettings()
    supabase: SupabaseSettings = SupabaseSettings()
    ldap: LdapSettings = LdapSettings()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for one kind of accounts.

    `settings_url`: the page of their security settings; placeholder: `{base_url}`
    `brand`: the keys of `[brand]` that differ: `[kinds.school.brand]`
    """

    settings_url: str = ""
    brand: dict[str, str | int] = {}


class SecureAccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The button "Secure your account" in the mail that confirms a change of the password.

    `url`: the button's page; placeholders: `{base_url}`, `{token}`. If empty, the button leads to
    `forgot_url`
    `lock`: locks the account until its owner has chosen a new password; a table needs its `lock`
    and `unlock`
    """

    url: str = "{base_url}/secure-your-account/{token}"
    lock: bool = False


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Rules for new passwords.

    The defaults follow ASVS 6.2; NIST SP 800-63B-4 3.1.1.2 asks for another length.

    `min_length`: characters
    `require`: characters that it needs: `uppercase`, `lowercase`, `digit`, `special`; in the
    environment with commas
    `breaches`: looks up [leaked passwords](proofs.md#passwords-from-data-leaks) at `hibp`, or at a
    mirror's https URL
    """

    min_length: Annotated[int, Meta(ge=1, le=72)] = 12
    require: tuple[Literal["uppercase", "lowercase", "digit", "special"], ...] = ()
    breaches: str = ""

    @property
    def breaches_url(self) -> str:
        return "https://api.pwnedpasswords.com" if self.breaches == "hibp" else self.breaches


BCRYPT_PREFIXES = {
    "bcrypt": "$2b$",
    "bcrypt-2a": "$2a$",
    "php": "$2y$",
    "django-bcrypt": "bcrypt$$2b$",
    "spring-bcrypt": "{bcrypt}$2a$",
}

PBKDF2_ITERATIONS = 1_200_000
"""Rounds, as in Django 6.0. OWASP requires 600,000.

If an app's Django has another number, it replaces the hash at the user's next sign-in.
"""


class HashShape(NamedTuple):
    """How a hash begins, and how many characters of salt and digest follow."""

    start: str
    rest: int


_REST_OF_BCRYPT = 22 + 31

_OTHER_SHAPES = {
    "django-pbkdf2": HashShape(f"pbkdf2_sha256${PBKDF2_ITERATIONS}$", 22 + 1 + 44),
    "argon2id": HashShape("$argon2id$v=19$m=65536,t=3,p=4$", 22 + 1 + 43),
    "werkzeug-scrypt": HashShape("scrypt:32768:8:1$", 145),
}


COSTS = range(10, 17)
"""The costs of bcrypt that may be chosen.

A lower one is too weak (OWASP Password Storage), a higher one too slow.
"""


class HashingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How passwords are hashed.

    `cost`: of the formats with bcrypt. One more doubles the time
    `workers`: threads; 0 is one for each core
    `queue`: hashes that may wait before the answer is 503, for strangers and for users with a link
    or a session each
    `format`: the format that your app's sign-in reads: `bcrypt`, `bcrypt-2a`, `php`,
    `django-bcrypt`, `spring-bcrypt`, `django-pbkdf2`, `argon2id` or `werkzeug-scrypt`
    ([hashes](accounts.md#hashes))
    """

    cost: Annotated[int, Meta(ge=COSTS[0], le=COSTS[-1])] = 12
    workers: Annotated[int, Meta(ge=0)] = 0
    queue: Annotated[int, Meta(ge=1)] = 64
    format: Literal[
        "bcrypt",
        "bcrypt-2a",
        "php",
        "django-bcrypt",
        "spring-bcrypt",
        "django-pbkdf2",
        "argon2id",
        "werkzeug-scrypt",
    ] = "bcrypt"

    @property
    def shape(self) -> HashShape:
        if self.format in BCRYPT_PREFIXES:
            return HashShape(f"{BCRYPT_PREFIXES[self.format]}{self.cost}$", _REST_OF_BCRYPT)
        return _OTHER_SHAPES[self.format]

    @property
    def hash_start(self) -> str:
        return self.shape.start

    @property
    def hash_length(self) -> int:
        return len(self.shape.start) + self.shape.rest

    @property
    def max_bytes(self) -> int:
        # bcrypt ignores all bytes after the 72nd (CVE-2025-22228). Other formats read all bytes:
        # 256 bytes are 64 characters in any script (OWASP ASVS 6.2.9).
        return 72 if self.format in BCRYPT_PREFIXES else 256


class ChallengeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge that programs which request thousands of links cannot pass.

    `method`: `"altcha"`, a puzzle from your own service (needs `keyturn[altcha]`), `"turnstile"` or
    `"hcaptcha"`
    `site_key`: the service's public key; none for `altcha`
    `secret`: the service's secret; none for `altcha`
    `url`: where a service verifies answers, if not at its own address; over https
    """

    method: Literal["none", ChallengeMethod] = "none"
    site_key: str = ""
    secret: SecretStr = SecretStr("")
    url: str = ""


class SecondStepTableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The columns with the accounts' second factors, in the database of `accounts.table`.

    `table`: its name, or `schema.name`; empty for the table of accounts
    `account`: column with the account's id; empty in the table of accounts
    `totp`: column of the seed
    `format`: the seed's format: `base32`, `hex`, `text`, `json`, `fernet` or `laravel`
    `key`: the key that encrypts `fernet` and `laravel`; while you change it, the new one, a comma
    and the old one
    `active`: like `accounts.table.active`: only active rows are factors
    `phone`: column of the phone number for codes
    """

    table: str = ""
    account: str = ""
    totp: str = ""
    format: Literal["base32", "hex", "text", "json", "fernet", "laravel"] = "base32"
    key: SecretStr = SecretStr("")
    active: Conditions = ""
    phone: str = ""

    @property
    def keys(self) -> list[str]:
        return split_list(self.key)


class SmsSettings(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """How Twilio sends codes to phones. While mails are captured, they are .eml files, too.

    `api_url`: Twilio's API, or a compatible one
    `account`: the Account SID; without it, no codes go to phones
    `password`: the Auth Token
    `from`: the number that sends the messages, such as `+14155552671`
    `overall`: messages a day for all accounts together
    """

    api_url: str = "https://api.twilio.com"
    account: str = ""
    password: SecretStr = SecretStr("")
    from_: str = ""
    overall: Annotated[int, Meta(ge=1)] = 1000


class SecondStepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a reset needs the account's second factor.

    `source`: where the factors are: `none`, `builtin`, `table`, `supabase`, or your own
    `package.module:factory`
    """

    source: str = "none"
    table: SecondStepTableSettings = SecondStepTableSettings()
    sms: SmsSettings = SmsSettings()


Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$", description="a colour as #rrggbb")]
Count = Annotated[int, Meta(ge=1)]
Radius = Annotated[int, Meta(ge=0, le=24)]

_QUOTED = r"""[^"'\\;{}<>&`$\n]+"""
_FAMILY = rf"""(?:"{_QUOTED}"|'{_QUOTED}'|-?[A-Za-z_][\w-]*(?: [\w-]+)*)"""
"""A name of a font that needs no escaping in a stylesheet, in an attribute of a mail and in a
JavaScript module.
"""

Fonts = Annotated[
    str,
    Meta(
        pattern=rf"^(\s*{_FAMILY}(?:\s*,\s*{_FAMILY})*\s*)?$",
        description='a list of font families, as in "Source Sans 3", system-ui, sans-serif',
    ),
]


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """The brand of mails and pages. The colour of text on an accent is chosen by contrast.

    `name`: in mails and on pages
    `accent`: `#rrggbb`; adjusted, with a warning, if it would be unreadable
    `accent_dark`: the same in dark
    `ground`: the background of pages and mails; adjusted, with a warning, if text on it would be
    unreadable
    `ground_dark`: the same in dark
    `logo`: shown on pages instead of the name: a file (SVG, PNG, JPEG, GIF or WebP, up to 200 kB),
    relative to this one and served by Keyturn, or an `https://` address
    `logo_dark`: the same for a dark background. Default: `logo`
    `mail_logo`: the same in mails, as PNG, JPEG or GIF: mail programs show no SVG. Default: such a
    `logo` or the name
    `mail_logo_dark`: the same for a dark background. Without it, the light logo keeps a light
    background
    `logo_width`: pixels. A logo fits into this width and 32 pixels of height, which pages reserve
    while it loads
    `radius`: of buttons and fields, pixels. Cards have one and a half times as much
    `font`: families as in CSS, such as `'"Source Sans 3", Georgia, serif'`; pages load none.
    Default: the system's own
    `support_address`: in the footer of mails; replies go there
    `postal_address`: in the footer of mails
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
    logo_width: Count = 120
    radius: Radius = 8
    font: Fonts = ""
    support_address: str = ""
    postal_address: str = ""


class PagesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The templates of the hosted pages.

    `templates`: a folder of [your own pages](frontend.md#pages-of-your-own), which replace those of
    the same name
    """

    templates: Folder = Folder("")


if TYPE_CHECKING:
    ProviderOrCapture: TypeAlias = str
    ProviderOrNone: TypeAlias = str
    _ProviderSections: Any
else:
    ProviderOrCapture = Literal[(*PROVIDERS, "capture")]
    ProviderOrNone = Literal[(*PROVIDERS, "")]
    _ProviderSections = msgspec.defstruct(
        "_ProviderSections",
        [(name, provider, provider()) for name, provider in PROVIDERS.items()],
        frozen=True,
        kw_only=True,
    )


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The database of Keyturn's own tables.

    `url`: `sqlite:///file` or `postgresql://...`, [as your app writes
    it](accounts.md#which-database); not MySQL
    `timeout`: how long a request waits for PostgreSQL from its arrival; then its connection ends,
    and the answer is 503
    """

    url: SecretStr = SecretStr("sqlite:///.keyturn/keyturn.db")
    timeout: timedelta = timedelta(seconds=10)


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a link works.

    `ttl`: how long a link works; a minute or more
    `code`: adds a [code of eight digits](proofs.md#a-code-beside-the-link), for mails that are read
    on another device
    """

    ttl: timedelta = timedelta(minutes=30)
    code: bool = False


class InvitationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Invitations to choose a first password.

    `service_key`: 32 or more random characters, with which your app's server can
    [invite](http.md#invitations) a user. Without it and `link_key`, the route does not exist
    `link_key`: the same for a [link](http.md#links-for-operators) to an owner's account, and for
    invitations; not equal to `service_key`
    """

    service_key: SecretStr = SecretStr("")
    link_key: SecretStr = SecretStr("")


class MailSettings(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The sender of mails, and how they are sent.

    `transport`: a [mail provider](mail-providers.md), with its section, or `capture` (.eml files,
    nothing is sent)
    `from`: `Name <address>` or an address. A name with a comma, a colon, a bracket or an @ needs
    quotation marks: `from = '"Acme, Inc." <accounts@example.org>'`
    `templates`: a folder of your own mails, which replace Keyturn's of the same name:
    [emails](emails.md)
    `capture_dir`: the folder for `capture`
    `fallback`: a second provider, used if `transport` refuses our key or log-in, or is down (four
    tries in a row, of any mails, did not reach it or got a 5xx): for every mail that `transport`
    certainly does not have
    """

    transport: ProviderOrCapture = "resend"
    from_: str = ""
    templates: Folder = Folder("")
    capture_dir: str = ".keyturn/mail"
    fallback: ProviderOrNone = ""


RATE = r"([1-9][0-9]{0,9}) ?/ ?(?:([1-9][0-9]{0,5}) )?(second|minute|hour|day)s?"
"""How an operator writes a rate: its amount, the number of units of time, and the unit."""

# In the settings, a higher amount is likely to be a mistake.
_UP_TO_100_000 = r"(?=(?:100000|[1-9][0-9]{0,4})\b)"

RateText = Annotated[
    str,
    Meta(
        pattern=f"^{_UP_TO_100_000}{RATE}$",
        description="a rate, as in 3/minute or 10/15 minutes, of 1 to 100000 requests",
    ),
]


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests are accepted.

    Rates have the syntax of the library `limits`, and refill evenly.

    `request`: requests for a link, per client (IPv6: a /64, so a /56 may send four times as many, a
    /48 sixteen times)
    `client`: checks of links, new passwords, and refused requests, per client and each counted by
    itself. Refused are addresses that are none, unreadable bodies, wrong keys, and unproven reports
    of mail providers
    `login`: sign-ins and changes, per client
    `account`: guesses at one account, from all clients together; counted separately in each browser
    where its owner signed in or set a password
    `overall`: requests for a link, all clients together; more get the same answer and are dropped
    `mailbox_cooldown`: a mailbox gets one mail in this time
    `mailbox_daily`: reset mails to one mailbox in a day, which refill evenly: with 12, one each two
    hours
    `in_memory`: `true`: each process counts separately. `false`: PostgreSQL counts for all
    processes; with SQLite, a second process refuses to start
    ([operating](operating.md#where-limits-are-counted))
    """

    request: RateText = "3/minute"
    client: RateText = "60/minute"
    login: RateText = "10/minute"
    account: RateText = "10/15 minutes"
    overall: RateText = "3000/minute"
    mailbox_cooldown: timedelta = timedelta(seconds=60)
    mailbox_daily: Count = 12
    in_memory: bool = False


RATES = tuple(
    field.name for field in msgspec.structs.fields(LimitSettings) if field.type == RateText
)


ListenAddress = Annotated[
    str,
    Meta(
        min_length=1,
        description="an address, such as 0.0.0.0 for all of IPv4, or :: for IPv6 as well",
    ),
]


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP server: where it listens, and what it trusts and accepts.

    `host`: what `serve` listens on; `--host` overrides it. `0.0.0.0` is every IPv4 address, `::`
    IPv6 as well
    `port`: `--port` overrides it, and 0 takes a free one. `serve` warns if links lead to another
    port, unless it took a free one. If a platform sets the port in `PORT`: `port = "${PORT:-8000}"`
    `trusted_proxies`: addresses or networks whose X-Forwarded-* count, an IPv4 one on `--host ::`
    too
    `allowed_origins`: origins such as `https://app.example.org` whose pages may call the API,
    without cookies
    `api_path`: the path of the routes that request, check and reset; `"/"` for none
    `worker`: which process sends the mails of `serve`, or of an app with the
    [plugin](plugin.md#the-worker).
    `child`: a process that it starts and restarts. `inside`: itself, if it is the only one; its
    other answers wait while it prepares a mail, so their time [tells strangers who has an
    account](security.md#whether-an-account-exists-stays-secret). `none`: a `keyturn worker`
    elsewhere
    """

    host: ListenAddress = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    trusted_proxies: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    api_path: str = "/api/auth"
    worker: Literal["child", "inside", "none"] = "child"


LONGEST_TRY = timedelta(seconds=60)
"""How long one delivery may take, its time-outs included, before it is cancelled. It may take as
long after the worker is told to stop. Only the last answer of a mail server may take longer, while
the worker runs (`Provider.last_answer`).
"""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the worker delivers.

    `timeout`: for one call of a mail provider or of a webhook, or for one reply of a mail server,
    which has 35 s until it has a mail and 10 minutes for its last reply (RFC 5321); less than 60 s
    """

    timeout: timedelta = timedelta(seconds=10)


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Webhooks to the app, in the format of Standard Webhooks.

    `url`: your app's address for events, without a user or a password: [webhooks](http.md#webhooks)
    `secret`: `whsec_` and base64 of 24 or more random bytes; while you change it, the new one, a
    comma and the old one
    """

    url: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")

    @property
    def secrets(self) -> list[str]:
        return split_list(self.secret)


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long records stay.

    `audit`: entries of the audit trail, and which mailbox [secured an
    account](security.md#this-was-not-me)
    """

    audit: timedelta = timedelta(days=365)


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged.

    `level`: `debug`, `info`, `warning` or `error`: for Keyturn's own records
    """

    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Access to /metrics.

    `token`: 32 or more random characters: clients that send it may read /metrics. Without it, no
    client may
    """

    token: SecretStr = SecretStr("")


class Settings(_ProviderSections, msgspec.Struct, frozen=True, kw_only=True):  # type: ignore[misc]  # its members are Any
    """All settings. Build them with `read_settings`, or directly in a test.

    Each mail provider has a section with its name: `settings.resend` is the struct of
    `mail/providers/resend/`.

    `environment`: `production` or `development`. Production refuses to start without a secret key,
    or with http that leaves this machine
    `base_url`: where users reach Keyturn; links are built from it
    `reset_url`: the link in the mail; placeholders: `{base_url}`, `{token}`, `{email}`
    `forgot_url`: the page that requests a new link; placeholder: `{base_url}`
    `sign_in_url`: where users sign in; placeholder: `{base_url}`. With the built-in accounts, empty
    means Keyturn's own page, `{base_url}/login`. With every other store it is required: [beside
    your app](beside-your-app.md)
    `after_reset`: what users see after a new password, if they sign in elsewhere. `page` confirms
    it and links to `sign_in_url`. `sign_in` redirects there at once, with `password=changed` in the
    query for your page
    `return_origins`: origins such as `["https://app.example.org"]`; a request may name an address
    there to [return to after the reset](frontend.md#return-after-a-reset)
    `secret_key`: 32 or more random characters: encrypts waiting mails, signs CSRF tokens
    `previous_secret_keys`: old keys that still decrypt; separated by commas in the environment
    `timezone`: the IANA zone for times in mails, after an account's [own](accounts.md), and in
    pages without JavaScript
    `locales`: a folder of your own catalogues: [languages](emails.md#languages)
    `languages`: the languages of mails and pages, such as `["de", "en"]`; the first is for users
    who want none of them. Empty means all languages, and English as the first; separated by commas
    in the environment
    """

    environment: Literal["production", "development"] = "production"
    base_url: str = "http://127.0.0.1:8000"
    reset_url: str = "{base_url}/reset-password/{token}"
    forgot_url: str = "{base_url}/forgot-password"
    sign_in_url: str = ""
    after_reset: Literal["page", "sign_in"] = "page"
    return_origins: tuple[str, ...] = ()
    secret_key: SecretStr = SecretStr("")
    previous_secret_keys: tuple[SecretStr, ...] = ()
    timezone: str = "UTC"
    locales: Folder = Folder("")
    languages: tuple[str, ...] = ()
    database: DatabaseSettings = DatabaseSettings()
    accounts: AccountSettings = AccountSettings()
    kinds: dict[str, Kind] = {}
    token: TokenSettings = TokenSettings()
    invitations: InvitationSettings = InvitationSettings()
    secure_account: SecureAccountSettings = SecureAccountSettings()
    mail: MailSettings = MailSettings()
    brand: Brand = Brand()
    pages: PagesSettings = PagesSettings()
    password: PasswordSettings = PasswordSettings()
    challenge: ChallengeSettings = ChallengeSettings()
    second_step: SecondStepSettings = SecondStepSettings()
    limits: LimitSettings = LimitSettings()
    server: ServerSettings = ServerSettings()
    hashing: HashingSettings = HashingSettings()
    worker: WorkerSettings = WorkerSettings()
    webhooks: WebhookSettings = WebhookSettings()
    retention: RetentionSettings = RetentionSettings()
    logs: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()

    def provider(self, name: str) -> Provider | None:
        """Return the section of a mail provider; None if `name` names no provider."""
        if name not in PROVIDERS:
            return None
        section: Provider = getattr(self, name)
        return section

    @property
    def sign_in_page(self) -> str:
        return self.sign_in_url or "{base_url}/login"

    @property
    def origin(self) -> str:
        """Scheme, host and port of `base_url`, as a browser writes them in an Origin header (RFC
        6454).
        """
        scheme, _, rest = self.base_url.partition("://")
        return f"{scheme}://{rest.split('/')[0]}".lower()

    @property
    def secure(self) -> bool:
        return self.base_url.startswith("https://")
