"""One typed, frozen `Settings`, read once at the top from keyturn.toml and the environment.

The sections are below, with their defaults. A section and key in TOML is `KEYTURN_SECTION_KEY` in the environment.
`reading` parses the file and lets these variables override it. `building` fills in `${NAME}` and makes the types of the
sections. In `rules`, `bounds` is the table of what each value must be, and the others check settings against each
other. `${NAME}` is filled in when a value is converted, so an overridden or unknown value is never looked up.
`variables` also reads secrets from files, `NAME_FILE`. `paths` turns the URLs of pages into paths once.

Declined: `pydantic-settings`, since msgspec is already a dependency, and all faults should be reported at once, under
the names that the user wrote.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from keyturn.mail.providers import PROVIDERS
from keyturn.service.problems.proofs import ChallengeMethod
from keyturn.values import FileOrUrl as FileOrUrl
from keyturn.values import Folder as Folder
from keyturn.values import Secret as Secret

PASSWORD_PROVIDERS = ("", "credentials", "default", "email", "local", "password")
"""What apps write into the provider's column of an account that signs in with a password."""


def split_secrets(text: str) -> list[str]:
    """Return the secrets that commas separate, the newest first."""
    return [secret.strip() for secret in text.split(",") if secret.strip()]


Credentials = Literal[
    "sessions", "passkeys", "access_tokens", "api_keys", "ssh_keys", "oauth_grants", "trusted_devices"
]
"""What admits clients beside a password. Mails have words for each."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an account's rows in a table of the app, whose rows admit clients.

    `what`: what the rows are, for mails and webhooks; "" leaves them out there.
    `when`: "change" is each change of the password. "intrusion" is only "this was not me", a link that follows it, and
    a link that an operator asked for. "never" leaves them to the app.
    `set`: columns to set, written as in `TableSettings.set`; without any, the rows are deleted.
    `where`: columns and their values, if other rows of the account must stay.
    """

    what: Literal["", Credentials] = ""
    when: Literal["change", "intrusion", "never"] = "change"
    set: dict[str, bool | int | float | str] = {}
    where: dict[str, bool | int | float | str] = {}


class TableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An app's own table of accounts.

    `url`: the address of its database; "" for Keyturn's own database.
    `table`: the table's name, or `schema.name`.
    `id` to `locale`: names of its columns; "" for none.
    `active`: "column", "not deleted_at" (active if that is null, false or 0), or "status = active | invited".
    `identifiers`: the columns by which a user may name the account: that of `email`, and one with user names.
    `password_providers`: values of `provider` for accounts with a password; others sign in with another service.
    `set`: columns that a change of the password sets. "{now}" is the time in the column's own type, "{now_ms}" are
    milliseconds since 1970, "{now_iso}" is a text by ISO 8601, "{null}" is NULL.
    `delete`: columns of other tables with the account's id, such as `sessions.user_id`; a change deletes those rows.
    `ends`: what a change, or an intrusion, ends, by such columns; `delete` is the short form.
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
    identifiers: tuple[str, ...] = ()
    password_providers: tuple[str, ...] = PASSWORD_PROVIDERS
    set: dict[str, bool | int | float | str] = {}
    delete: tuple[str, ...] = ()
    ends: dict[str, Ending] = {}
    lock: dict[str, bool | int | float | str] = {}
    unlock: dict[str, bool | int | float | str] = {}

    @property
    def username(self) -> str:
        """The column with user names; "" if users name their accounts by the address alone."""
        return next((column for column in self.identifiers if column != self.email), "")

    @property
    def endings(self) -> dict[str, Ending]:
        """Everything that ends, `delete` included, by the columns with the account's id."""
        return dict.fromkeys(self.delete, Ending()) | self.ends


class SupabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A project at Supabase. Its service-role key has all rights there."""

    url: str = ""
    service_role_key: Secret = Secret("")


class LdapSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A directory, and the service account that sets passwords there.

    `servers`: `ldaps://` or `ldap://` with host and port, in the order in which they are asked.
    `base`: the entry under which the accounts are.
    `where`: attributes and the values that accounts have; {} for any person.
    `phone`: the name of an attribute; "" for none.
    """

    kind: Literal["openldap", "active_directory"] = "openldap"
    servers: tuple[str, ...] = ()
    start_tls: bool = False
    ca_file: Folder = Folder("")
    bind_dn: str = ""
    bind_password: Secret = Secret("")
    base: str = ""
    where: dict[str, str] = {}
    phone: str = ""


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the accounts are.

    `store`: builtin, table, supabase, ldap, or `package.module:factory`, which is called with the settings. With
    supabase and a `table`, Keyturn looks users up in the table, and sets the password at Supabase.
    """

    store: str = "builtin"
    table: TableSettings = TableSettings()
    supabase: SupabaseSettings = SupabaseSettings()
    ldap: LdapSettings = LdapSettings()


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
    `lock`: lock the account until its owner has chosen a new password.
    """

    url: str = "{base_url}/secure-your-account/{token}"
    lock: bool = False


class HookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the app's, as `package.module:function`.

    `before_reset` may refuse a reset.
    """

    before_reset: str = ""


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which passwords are accepted. The defaults follow NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.

    `require`: kinds of characters of which a password has at least one.
    `breaches`: where to look passwords up in lists of leaked ones: "hibp", or the address of a service that answers
    like it. It gets five digits of a hash. "" for nowhere.
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
"""How each library writes bcrypt."""

PBKDF2_ITERATIONS = 1_200_000
"""Those of Django 6.0; OWASP requires 600,000. Django itself replaces a hash with others at the next sign-in."""

_OTHER_HASHES = {
    "django-pbkdf2": (f"pbkdf2_sha256${PBKDF2_ITERATIONS}$", 22 + 1 + 44),
    "argon2id": ("$argon2id$v=19$m=65536,t=3,p=4$", 22 + 1 + 43),
    "werkzeug-scrypt": ("scrypt:32768:8:1$", 145),
}
"""The beginning of each hash, and the characters of its salt and its digest."""


class HashingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How passwords are hashed.

    `workers`: threads; 0 means one for each core.
    `queue`: hashes that may wait, before requests get 503.
    `format`: the format that the app's own sign-in reads.
    """

    cost: Annotated[int, Meta(ge=10, le=16)] = 12
    workers: Annotated[int, Meta(ge=0)] = 0
    queue: Annotated[int, Meta(ge=1)] = 64
    format: Literal[
        "bcrypt", "bcrypt-2a", "php", "django-bcrypt", "spring-bcrypt", "django-pbkdf2", "argon2id", "werkzeug-scrypt"
    ] = "bcrypt"

    @property
    def hash_start(self) -> str:
        """The beginning of each hash: its format and its parameters."""
        prefix = BCRYPT_PREFIXES.get(self.format)
        return f"{prefix}{self.cost}$" if prefix else _OTHER_HASHES[self.format][0]

    @property
    def hash_length(self) -> int:
        """The number of characters of a hash, with its salt and its digest."""
        return len(self.hash_start) + (_OTHER_HASHES[self.format][1] if self.format in _OTHER_HASHES else 53)

    @property
    def max_bytes(self) -> int:
        """The most bytes of a password: bcrypt ignores the 73rd and all after it (CVE-2025-22228).

        Other formats read all; 256 bytes are 64 characters in any script (OWASP ASVS 6.2.9).
        """
        return 72 if self.format in BCRYPT_PREFIXES else 256


class ChallengeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge that programs which request thousands of links cannot pass.

    `method`: "altcha" is a puzzle for the browser, which Keyturn makes and checks; the others are services.
    `when`: "busy" asks only while one client, or all together, request more links than people do.
    `site_key`, `secret`: of the service; the first one is public.
    `on_failure`: "closed" refuses requests if the service fails or rejects our secret, "open" accepts them.
    `cost`: rounds of PBKDF2 for one guess at ALTCHA's puzzle; a browser needs 256 guesses on average.
    `url`: where the service verifies answers; "" for its own address.
    """

    method: Literal["none", ChallengeMethod] = "none"
    when: Literal["always", "busy"] = "always"
    site_key: str = ""
    secret: Secret = Secret("")
    on_failure: Literal["closed", "open"] = "closed"
    cost: Annotated[int, Meta(ge=1_000, le=200_000)] = 5_000
    url: str = ""


# Second steps


class SecondStepTableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The columns with the accounts' second factors, in the database of `accounts.table`.

    `table`: the table; "" for the table of accounts.
    `account`: its column with the account's id.
    `totp`, `phone`: its columns with the factors.
    `format`: how `totp` is written.
    `key`: the key that encrypts `totp`. While you replace it, a comma separates the new one and the old one.
    `active`: which rows are factors, written like `accounts.table.active`.
    """

    table: str = ""
    account: str = ""
    totp: str = ""
    format: Literal["base32", "hex", "text", "json", "fernet", "laravel"] = "base32"
    key: Secret = Secret("")
    active: str = ""
    phone: str = ""

    @property
    def keys(self) -> list[str]:
        return split_secrets(self.key)


class SmsSettings(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """How codes are sent to phones.

    `transport`: "capture" writes each message as an .eml file beside the mails, and sends none.
    `account`, `password`: the account's SID and Auth Token.
    `from_`: the sender's number.
    `overall`: messages a day for all accounts together.
    `prefixes`: beginnings of the numbers that may get messages; () for all.
    """

    transport: Literal["", "twilio", "capture"] = ""
    api_url: str = "https://api.twilio.com"
    account: str = ""
    password: Secret = Secret("")
    from_: str = ""
    cooldown: timedelta = timedelta(minutes=1)
    overall: Annotated[int, Meta(ge=1)] = 1000
    prefixes: tuple[str, ...] = ()


class SecondStepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a reset needs the account's second factor.

    `source`: where the factors are: none, builtin, table, supabase, ldap, or `package.module:factory`.
    `tries`: wrong codes after which a link stops working and its owner is told, of all the account's links together.
    `daily`: wrong codes of one account in a day, with all its links, which refill evenly.
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
    `ground`: the background of pages and mails.
    `radius`: of the corners of buttons and fields, in CSS pixels.
    `font`: a CSS list of families.
    `stylesheet`: a file that pages load after their own styles.
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
    radius: Radius = 8
    font: str = ""
    stylesheet: Folder = Folder("")
    support_address: str = ""
    postal_address: str = ""


class PagesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The templates of the hosted pages.

    `templates`: a folder of your own pages; each replaces Keyturn's page of the same name.
    """

    templates: Folder = Folder("")


if TYPE_CHECKING:
    ProviderOrCapture: TypeAlias = str
    ProviderOrNone: TypeAlias = str
    _ProviderSections: Any
else:
    ProviderOrCapture, ProviderOrNone = Literal[(*PROVIDERS, "capture")], Literal[(*PROVIDERS, "")]
    _ProviderSections = msgspec.defstruct(
        "_ProviderSections",
        [(name, provider.settings, provider.settings()) for name, provider in PROVIDERS.items()],
        frozen=True,
        kw_only=True,
    )

Count = Annotated[int, Meta(ge=1)]


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The database of Keyturn's own tables.

    `url`: a Secret, since it may contain a password.
    `schema`: the PostgreSQL schema of these tables; "" for the connection's default.
    `timeout`: how long a request may wait for the server, counted from its arrival.
    """

    url: Secret = Secret("sqlite:///.keyturn/keyturn.db")
    schema: str = ""
    timeout: timedelta = timedelta(seconds=10)


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a link works.

    `ttl`: ASVS 6.5.5 asks for ten minutes at most. The apps that Keyturn supports promise their users thirty.
    `code`: also mail a code, for users who read their mail on another device.
    """

    ttl: timedelta = timedelta(minutes=30)
    code: bool = False


class InvitationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Invitations to choose a first password.

    `ttl`: how long a link works that an operator requested.
    `service_key`: the key for requests over HTTP; "" turns them off.
    `link_key`: the key with which an app gets links, for invitations or for resets; "" turns that off.
    """

    ttl: timedelta = timedelta(days=3)
    service_key: Secret = Secret("")
    link_key: Secret = Secret("")


class MailSettings(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The sender of mails, and how they are sent.

    `from_`: `Name <address>`, or an address.
    `templates`: a folder of your own mails; each replaces Keyturn's mail of the same name.
    `capture_dir`: the folder in which "capture" writes .eml files.
    `fallback`: a second provider, for mails that `transport` certainly does not have. It is used if `transport` refuses
    our key or log-in, or fails or cannot be reached in four tries in a row, of any mails.
    """

    transport: ProviderOrCapture = "resend"
    from_: str = ""
    templates: Folder = Folder("")
    capture_dir: str = ".keyturn/mail"
    fallback: ProviderOrNone = ""


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests are accepted. Rates have the syntax of the library `limits`, and refill evenly.

    A client is an IPv4 address or an IPv6 /64.

    `overall`: requests of all clients together, about as many as a worker can answer.
    `in_memory`: each process counts in its own memory. Otherwise PostgreSQL counts for all processes; with SQLite, one
    process counts in its memory, and a second one is refused.
    """

    request: str = "3/minute"
    malformed: str = "30/minute"
    validate: str = "60/minute"
    reset: str = "20/minute"
    login: str = "10/minute"
    account: str = "10/15 minutes"
    overall: str = "3000/minute"
    mailbox_cooldown: timedelta = timedelta(seconds=60)
    mailbox_daily: Count = 12
    in_memory: bool = False


RATES = tuple(field.name for field in msgspec.structs.fields(LimitSettings) if field.type is str)
"""The limits that are rates."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP server: where it listens, and what it trusts and accepts.

    `host`, `port`: of `serve`; port 0 takes a free one.
    `trusted_proxies`: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are trusted.
    `allowed_origins`: origins whose pages may call the API, without cookies.
    `allowed_hosts`: host names that are answered, beside the one of `base_url`; () for all.
    `api_path`: the path of the routes that request, check and use links.
    `worker`: the process that sends the mails of `serve`, or of an app with the plugin. "child": a process that it
    starts and restarts. "inside": itself; its other answers wait while it prepares a mail, so their time tells
    strangers who has an account. "none": a process that you start.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    trusted_proxies: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    api_path: str = "/api/auth"
    worker: Literal["child", "inside", "none"] = "child"


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session lasts. `ttl` is absolute: activity does not extend it (ASVS 7.3.2)."""

    ttl: timedelta = timedelta(hours=12)


LONGEST_TRY = timedelta(seconds=60)
"""How long one delivery may take, its time-outs included, before it is stopped."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the worker delivers.

    `timeout`: for one call of a mail provider or of a webhook, or for one reply of a mail server.
    """

    timeout: timedelta = timedelta(seconds=10)


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Webhooks to the app, in the format of Standard Webhooks.

    `url`: a Secret, since its path or query may contain one.
    `secret`: signs them. While you replace it, a comma separates the new one and the old one, and both sign.
    """

    url: Secret = Secret("")
    secret: Secret = Secret("")

    @property
    def secrets(self) -> list[str]:
        return split_secrets(self.secret)


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long records stay. `audit`: entries of the audit trail."""

    audit: timedelta = timedelta(days=365)


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged. `level` is of Keyturn's own records."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may read /metrics.

    `token`: the bearer token. Without it, only this machine may read /metrics, and only if `base_url` is on it.
    """

    token: Secret = Secret("")


class Settings(_ProviderSections, msgspec.Struct, frozen=True, kw_only=True):  # type: ignore[misc]  # its members are Any
    """All settings. Build them with `read_settings`, or directly in a test.

    Each mail provider has a section with its name: `settings.resend` is the struct of `mail/providers/resend.py`.

    `sign_in_url`: the app's sign-in page; "" for Keyturn's page, which only the built-in accounts may use by default.
    `after_reset`: what users see after they save a new password, if they sign in elsewhere: a "page" that confirms it
    and links to `sign_in_url`, or the "sign_in" page at once, with `password=changed` in its query.
    `return_origins`: origins to whose addresses a request may ask to return after the reset.
    `locales`: a folder of your own catalogues, for further languages and for other wordings.
    `languages`: the tags of the languages in use; the first is for users who want none of them. () for all languages.
    """

    environment: Literal["production", "development"] = "production"
    base_url: str = "http://127.0.0.1:8000"
    reset_url: str = "{base_url}/reset-password/{token}"
    forgot_url: str = "{base_url}/forgot-password"
    sign_in_url: str = ""
    after_reset: Literal["page", "sign_in"] = "page"
    return_origins: tuple[str, ...] = ()
    secret_key: Secret = Secret("")
    previous_secret_keys: tuple[Secret, ...] = ()
    timezone: str = "UTC"
    locales: Folder = Folder("")
    languages: tuple[str, ...] = ()
    database: DatabaseSettings = DatabaseSettings()
    accounts: AccountSettings = AccountSettings()
    kinds: dict[str, Kind] = {}
    token: TokenSettings = TokenSettings()
    invitations: InvitationSettings = InvitationSettings()
    secure_account: SecureAccountSettings = SecureAccountSettings()
    hooks: HookSettings = HookSettings()
    mail: MailSettings = MailSettings()
    brand: Brand = Brand()
    pages: PagesSettings = PagesSettings()
    password: PasswordSettings = PasswordSettings()
    challenge: ChallengeSettings = ChallengeSettings()
    second_step: SecondStepSettings = SecondStepSettings()
    limits: LimitSettings = LimitSettings()
    server: ServerSettings = ServerSettings()
    session: SessionSettings = SessionSettings()
    hashing: HashingSettings = HashingSettings()
    worker: WorkerSettings = WorkerSettings()
    webhooks: WebhookSettings = WebhookSettings()
    retention: RetentionSettings = RetentionSettings()
    logs: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()

    @property
    def sign_in_page(self) -> str:
        """The sign-in page, possibly with the placeholder {base_url}: `sign_in_url`, or Keyturn's own page."""
        return self.sign_in_url or "{base_url}/login"

    @property
    def origin(self) -> str:
        """Scheme, host and port of `base_url`, as a browser writes them in an Origin header (RFC 6454)."""
        scheme, _, rest = self.base_url.partition("://")
        return f"{scheme}://{rest.split('/')[0]}".lower()

    @property
    def answered_hosts(self) -> frozenset[str]:
        """The names that a Host header may contain; empty if any name is accepted."""
        allowed = self.server.allowed_hosts
        return frozenset(
            host.lower().strip("[]") for host in (*allowed, urlsplit(self.base_url).hostname or "") if allowed
        )

    @property
    def secure(self) -> bool:
        return self.base_url.startswith("https://")
