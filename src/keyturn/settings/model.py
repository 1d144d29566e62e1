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
"""What an app may be told of."""


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where Keyturn's own tables are.

    `url` is a Secret, since it may hold a password. A worker keeps a connection of the pool to listen on.

    `schema` is PostgreSQL's, for Keyturn's tables alone; "" is the one that a connection finds by itself. `timeout` is
    how long a request waits for its server, counted from its arrival: one that keeps quiet is not waited for for ever.
    """

    url: Secret = Secret("sqlite:///.keyturn/keyturn.db")
    schema: str = ""
    pool_size: Annotated[int, Meta(ge=2)] = 10
    timeout: timedelta = timedelta(seconds=10)


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a link works.

    ASVS 6.5.5 asks for ten minutes at most; thirty is the least that the supported sources promise their users.

    `code` puts a code beside the link, for those who read their mail on another device.
    """

    ttl: timedelta = timedelta(minutes=30)
    live_per_account: Count = 5
    code: bool = False


class InvitationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Inviting people to choose their first password.

    `ttl` is how long a link works that an operator asked for. Who bears `service_key` may ask over HTTP; without one
    nobody may.
    """

    ttl: timedelta = timedelta(days=3)
    service_key: Secret = Secret("")


class MailSettings(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Who mails come from, and how they leave.

    `from_` is `Name <address>` or an address. `capture_dir` is where "capture" writes .eml files.

    `templates` is a folder of one's own mails: what is in it stands in for Keyturn's own of the same name.

    `fallback` is asked where `transport` refuses our key or log-in, or was not reached or failed in `fallback_after`
    tries in a row, of any mails; but never for a mail that `transport` may have.
    """

    transport: ProviderOrCapture = "resend"
    from_: str = ""
    reply_to: str = ""
    templates: Folder = Folder("")
    capture_dir: str = ".keyturn/mail"
    fallback: ProviderOrNone = ""
    fallback_after: Count = 4


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How often a client may ask.

    Rates as the `limits` library writes them. A client is an IPv4 address or an IPv6 /64. A /56 and a /48 may ask
    `ipv6_56` and `ipv6_48` times as often as one client. `overall` is what all clients together may ask for, about what
    a worker settles.

    `challenge` counts the puzzles that a client fetches, and the answers that it sends; `code` the codes that it tries,
    and `code_overall` the wrong ones of all clients, at codes that were mailed and work still.
    The last four are about `[challenge]`: from when on "busy" asks for one, and how often one may do without a script.

    `storage_url` is a Secret, since it may hold a password; "" is the memory of one process, and a second is refused.
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
"""How the address begins of what can count them."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the HTTP server listens, what it believes and takes.

    `host` and `port` are those of `serve`; port 0 takes a free one.

    `trusted_proxies`: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto count.

    `max_headers` and `max_body` are in bytes. `request_timeout` is how long a request may take to come, and how long a
    client may take nothing of an answer. Beyond `max_connections`, the client that holds most of them loses the one
    that has been waiting for longest; each connection of a trusted proxy is a client of its own. These four are those
    of `serve`.

    `allowed_origins`: origins whose pages may call the API, without cookies. `api_path`: where the routes for asking,
    checking and resetting are. `allowed_hosts`: the only names, beside that of `base_url`, that are answered for; any
    where there are none. `worker` is what sends the mails that `serve`, or an app with the plugin, accepts: a process
    of its own, which it starts and keeps ("child"), itself ("inside": its other answers then wait while a mail is
    prepared, so that their time tells strangers who has an account), or none that it starts ("none").
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
    """How long a session lasts. `ttl` is absolute: a session ends then, however busy it was (ASVS 7.3.2)."""

    ttl: timedelta = timedelta(hours=12)


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the worker delivers. `lease` must outlast one delivery, its time-outs included."""

    concurrency: Count = 8
    poll: timedelta = timedelta(seconds=1)
    lease: timedelta = timedelta(seconds=60)
    max_attempts: Count = 140
    housekeeping: timedelta = timedelta(hours=1)


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the app is told what happened (Standard Webhooks). An older secret signs, too, while they change.

    `url` is a Secret, since its path or query may hold one.
    """

    url: Secret = Secret("")
    secret: Secret = Secret("")
    previous_secret: Secret = Secret("")
    events: tuple[AppEventType, ...] = get_args(AppEventType)
    timeout: timedelta = timedelta(seconds=10)


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long rows stay after they have stopped mattering, and addresses in a message that was settled."""

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

    Without a `token`, /metrics answers this machine alone, and only where `base_url` is on it.
    """

    token: Secret = Secret("")


class Settings(_ProviderSections, msgspec.Struct, frozen=True, kw_only=True):  # type: ignore[misc]  # its members are Any
    """Everything that can be set. Build it with `read_settings`, or directly in a test.

    Each mail provider has a section with its name: `settings.resend` is the struct of `mail/providers/resend.py`.

    `sign_in_url` is "" with the built-in accounts alone, for Keyturn's own page.

    `after_reset` is what people see once a new password is saved, where they sign in elsewhere: a "page" that says so
    and leads on, or the "sign_in" page at once, with `password=changed` in its query.

    `locales` is a folder of one's own catalogues, for languages that Keyturn does not bring and texts that it words
    differently. `languages` are the tags of those that are spoken, the first to whoever wants none of them.
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
        """Where people sign in, with the place {base_url} perhaps: `sign_in_url`, or Keyturn's own page."""
        return self.sign_in_url or "{base_url}/login"

    @property
    def origin(self) -> str:
        """Scheme, host and port of `base_url`, as a browser writes them in an Origin header (RFC 6454)."""
        scheme, _, rest = self.base_url.partition("://")
        return f"{scheme}://{rest.split('/')[0]}".lower()

    @property
    def answered_hosts(self) -> frozenset[str]:
        """The names that a Host header may hold; none where any will do."""
        allowed = self.server.allowed_hosts
        return frozenset(
            host.lower().strip("[]") for host in (*allowed, urlsplit(self.base_url).hostname or "") if allowed
        )

    @property
    def secure(self) -> bool:
        return self.base_url.startswith("https://")
