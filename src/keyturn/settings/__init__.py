"""One typed, frozen `Settings`, read once at the top from keyturn.toml and the environment."""

from keyturn.settings.model import (
    HOSTED_SIGN_IN,
    Brand,
    DatabaseSettings,
    HashingSettings,
    LimitSettings,
    MailSettings,
    PasswordSettings,
    ResendSettings,
    RetentionSettings,
    Secret,
    ServerSettings,
    SessionSettings,
    Settings,
    SmtpSettings,
    TokenSettings,
    WorkerSettings,
)
from keyturn.settings.reading import FILE_NAME, read_settings

__all__ = [
    "FILE_NAME",
    "HOSTED_SIGN_IN",
    "Brand",
    "DatabaseSettings",
    "HashingSettings",
    "LimitSettings",
    "MailSettings",
    "PasswordSettings",
    "ResendSettings",
    "RetentionSettings",
    "Secret",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "SmtpSettings",
    "TokenSettings",
    "WorkerSettings",
    "read_settings",
]
