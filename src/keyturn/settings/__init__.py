"""One typed, frozen `Settings`, read once at the top from keyturn.toml and the environment."""

from keyturn.settings.accounts import AccountSettings, Kind, SupabaseSettings, TableSettings
from keyturn.settings.model import (
    Brand,
    DatabaseSettings,
    HashingSettings,
    LimitSettings,
    LogSettings,
    MailSettings,
    MetricsSettings,
    PasswordSettings,
    ResendSettings,
    RetentionSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    SmtpSettings,
    TokenSettings,
    WebhookSettings,
    WorkerSettings,
)
from keyturn.settings.paths import Paths, hosted_path, paths_of
from keyturn.settings.reading import FILE_NAME, Reading, inspect_settings, read_settings
from keyturn.settings.texts import Folder, Secret
from keyturn.settings.url_rules import is_loopback

__all__ = [
    "FILE_NAME",
    "AccountSettings",
    "Brand",
    "DatabaseSettings",
    "Folder",
    "HashingSettings",
    "Kind",
    "LimitSettings",
    "LogSettings",
    "MailSettings",
    "MetricsSettings",
    "PasswordSettings",
    "Paths",
    "Reading",
    "ResendSettings",
    "RetentionSettings",
    "Secret",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "SmtpSettings",
    "SupabaseSettings",
    "TableSettings",
    "TokenSettings",
    "WebhookSettings",
    "WorkerSettings",
    "hosted_path",
    "inspect_settings",
    "is_loopback",
    "paths_of",
    "read_settings",
]
