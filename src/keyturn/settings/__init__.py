"""One typed, frozen `Settings`, read once at the top from keyturn.toml and the environment.

`reading` parses the file and lets `KEYTURN_...` variables override it. `building` fills in `${NAME}` and makes the
types of `model`, and `rules` checks settings against each other. `${NAME}` is filled in when a value is converted, so
an overridden or unknown value is never looked up. `variables` also reads secrets from files, `NAME_FILE`. `effective`
lists settings with their origins. `paths` turns the URLs of pages into paths once.

Declined: `pydantic-settings`, since msgspec is already a dependency, and all faults should be reported at once, under
the names that the user wrote.
"""

from keyturn.settings.model import (
    DatabaseSettings,
    InvitationSettings,
    LimitSettings,
    LogSettings,
    MailSettings,
    MetricsSettings,
    RetentionSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    TokenSettings,
    WebhookSettings,
    WorkerSettings,
)
from keyturn.settings.paths import Paths, hosted_path, paths_of
from keyturn.settings.reading import FILE_NAME, Reading, inspect_settings, read_settings, require_valid
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
    SecondStepTableSettings,
    SecureAccountSettings,
    SmsSettings,
    SupabaseSettings,
    TableSettings,
)
from keyturn.texts import FileOrUrl, Folder, Secret

__all__ = [
    "FILE_NAME",
    "AccountSettings",
    "Brand",
    "BreachSettings",
    "ChallengeSettings",
    "DatabaseSettings",
    "FileOrUrl",
    "Folder",
    "HashingSettings",
    "HookSettings",
    "IdentityProvider",
    "InvitationSettings",
    "Kind",
    "LimitSettings",
    "LogSettings",
    "MailSettings",
    "MetricsSettings",
    "MuteSettings",
    "PagesSettings",
    "PasswordSettings",
    "Paths",
    "Reading",
    "RetentionSettings",
    "SecondStepSettings",
    "SecondStepTableSettings",
    "Secret",
    "SecureAccountSettings",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "SmsSettings",
    "SupabaseSettings",
    "TableSettings",
    "TokenSettings",
    "WebhookSettings",
    "WorkerSettings",
    "hosted_path",
    "inspect_settings",
    "paths_of",
    "read_settings",
    "require_valid",
]
