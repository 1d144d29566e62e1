"""All settings with their defaults. A section and key in TOML is `KEYTURN_SECTION_KEY` in the environment."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from keyturn.mail.providers import PROVIDERS
from keyturn.settings.sections import (
    AccountSettings,
    Brand,
    BreachSettings,
    ChallengeSettings,
    HashingSettings,
    HookSettings,
    IdentityProvider,
    Kind,
    MuteSettings,
    PagesSettings,
    PasswordSettings,
    SecondStepSettings,
    SecureAccountSettings,
)
from keyturn.texts import Folder, Secret

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
Share = Annotated[int, Meta(ge=1, le=1024)]


AppEventType = Literal["password.changed", "password.reset_requested", "account.secured", "second_step.failed"]
"""Events that an app can get."""


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The database of Keyturn's own tables.

    `url`: a Secret, since it may contain a password.
    `schema`: the PostgreSQL schema of these tables; "" for the connection's default.
    `pool_size`: connections; a worker keeps one of them to listen on.
    `timeout`: how long a request may wait for the server, counted from its arrival.
    """

    url: Secret = Secret("sqlite:///.keyturn/keyturn.db")
    schema: str = ""
    pool_size: Annotated[int, Meta(ge=2)] = 10
    timeout: timedelta = timedelta(seconds=10)


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a link works.

    `ttl`: ASVS 6.5.5 asks for ten minutes at most. The apps that Keyturn supports promise their users thirty.
    `code`: also mail a code, for users who read their mail on another device.
    """

    ttl: timedelta = timedelta(minutes=30)
    live_per_account: Count = 5
    code: bool = False


class InvitationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Invitations to choose a first password.

    `ttl`: how long a link works that an operator requested.
    `service_key`: the key for requests over HTTP; "" turns them off.
    """

    ttl: timedelta = timedelta(days=3)
    service_key: Secret = Secret("")


class MailSettings(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The sender of mails, and how they are sent.

    `from_`: `Name <address>`, or an address.
    `templates`: a folder of your own mails; each replaces Keyturn's mail of the same name.
    `capture_dir`: the folder in which "capture" writes .eml files.
    `fallback`: a second provider, for mails that `transport` certainly does not have. It is used if `transport` refuses
    our key or log-in, or fails or cannot be reached in `fallback_after` tries in a row, of any mails.
    """

    transport: ProviderOrCapture = "resend"
    from_: str = ""
    reply_to: str = ""
    templates: Folder = Folder("")
    capture_dir: str = ".keyturn/mail"
    fallback: ProviderOrNone = ""
    fallback_after: Count = 4


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests are accepted. Rates have the syntax of the library `limits`.

    A client is an IPv4 address or an IPv6 /64. A /56 and a /48 may send `ipv6_56` and `ipv6_48` times as many requests.

    `overall`: requests of all clients together, about as many as a worker can answer.
    `code`: codes that a client tries. `code_overall`: wrong codes of all clients, if the codes were mailed and still
    work.
    `challenge`: puzzles that a client fetches, and answers that it sends.
    `busy_client`, `busy_overall`: the rates from which "busy" requires a challenge.
    `without_script`, `without_script_overall`: requests without an answer to the challenge.
    `storage_url`: a Secret, since it may contain a password. With "", PostgreSQL counts for all processes. With SQLite,
    one process counts in its memory, and a second one is refused.
    """

    request: str = "3/minute"
    malformed: str = "30/minute"
    validate: str = "60/minute"
    reset: str = "20/minute"
    login: str = "10/minute"
    account: str = "10/15 minutes"
    overall: str = "3000/minute"
    code: str = "10/minute"
    code_overall: str = "300/minute"
    challenge: str = "30/minute"
    busy_client: str = "1/minute"
    busy_overall: str = "300/minute"
    without_script: str = "2/hour"
    without_script_overall: str = "60/hour"
    ipv6_56: Share = 4
    ipv6_48: Share = 16
    mailbox_cooldown: timedelta = timedelta(seconds=60)
    mailbox_daily: Count = 12
    suppression: timedelta = timedelta(days=14)
    storage_url: Secret = Secret("")


RATES = tuple(field.name for field in msgspec.structs.fields(LimitSettings) if field.type is str)
"""The limits that are rates."""

STORES = ("memory://", "redis://", "rediss://", "redis+unix://")
"""Beginnings of the addresses of stores that can count them."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP server: where it listens, and what it trusts and accepts.

    `host`, `port`: of `serve`; port 0 takes a free one.
    `trusted_proxies`: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are trusted.
    `allowed_origins`: origins whose pages may call the API, without cookies.
    `allowed_hosts`: host names that are answered, beside the one of `base_url`; () for all.
    `max_body`, `max_headers`: bytes of a request.
    `max_connections`: beyond it, the client with the most connections loses the one that has waited longest. Each
    connection of a trusted proxy counts as a client.
    `request_timeout`: how long a request may take to arrive, and how long a client may stop reading an answer. It and
    the three before apply to `serve`.
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
    max_body: Count = 16_384
    max_headers: Annotated[int, Meta(ge=1024)] = 16_384
    max_connections: Annotated[int, Meta(ge=16)] = 800
    request_timeout: timedelta = timedelta(seconds=10)
    api_path: str = "/api/auth"
    worker: Literal["child", "inside", "none"] = "child"


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session lasts. `ttl` is absolute: activity does not extend it (ASVS 7.3.2)."""

    ttl: timedelta = timedelta(hours=12)


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the worker delivers. `lease` must be longer than one delivery with its time-outs."""

    concurrency: Count = 8
    poll: timedelta = timedelta(seconds=1)
    lease: timedelta = timedelta(seconds=60)
    max_attempts: Count = 140
    housekeeping: timedelta = timedelta(hours=1)


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Webhooks to the app, in the format of Standard Webhooks.

    `url`: a Secret, since its path or query may contain one.
    `previous_secret`: also signs, while you replace `secret`.
    """

    url: Secret = Secret("")
    secret: Secret = Secret("")
    previous_secret: Secret = Secret("")
    events: tuple[AppEventType, ...] = get_args(AppEventType)
    timeout: timedelta = timedelta(seconds=10)


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long records stay after they are no longer needed, and addresses in messages that were sent."""

    tokens: timedelta = timedelta(days=7)
    outbox: timedelta = timedelta(days=30)
    audit: timedelta = timedelta(days=365)
    addresses: timedelta = timedelta(days=3)


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How logs are written. `format` "auto" is text on a terminal and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


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
    `locales`: a folder of your own catalogues, for further languages and for other wordings.
    `languages`: the tags of the languages in use; the first is for users who want none of them. () for all languages.
    """

    environment: Literal["production", "development"] = "production"
    base_url: str = "http://127.0.0.1:8000"
    reset_url: str = "{base_url}/reset-password/{token}"
    forgot_url: str = "{base_url}/forgot-password"
    sign_in_url: str = ""
    after_reset: Literal["page", "sign_in"] = "page"
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
    mute: MuteSettings = MuteSettings()
    hooks: HookSettings = HookSettings()
    mail: MailSettings = MailSettings()
    brand: Brand = Brand()
    pages: PagesSettings = PagesSettings()
    identity_provider: IdentityProvider = IdentityProvider()
    password: PasswordSettings = PasswordSettings()
    breaches: BreachSettings = BreachSettings()
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
