"""Password reset and change by email, beside an app that already has users.

The names for an app are here, and each is loaded on first use: `import keyturn` alone costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyturn.accounts.port import (
        Account,
        AccountStore,
        Ended,
        EndsIntrusions,
        EndsSessions,
        JoinsTransaction,
        KnowsHashes,
        ListsAddresses,
        LocksAccounts,
        NewPassword,
    )
    from keyturn.accounts.table.model import table_of
    from keyturn.app import create_app
    from keyturn.emails.mails import Mails, RenderedMail
    from keyturn.errors import (
        DataUnfit,
        KeyturnError,
        QuotaExhausted,
        SendFailed,
        SendRefused,
        SendRetryable,
        SendUnknown,
        SettingsInvalid,
        TemplateInvalid,
        UnknownMail,
    )
    from keyturn.mail.port.email import Email, Sender
    from keyturn.plugin import KeyturnConfig, KeyturnPlugin
    from keyturn.problems.requests import AccountsUnready
    from keyturn.reset.reset_hook import PendingReset
    from keyturn.settings import Ending, Settings
    from keyturn.settings.reading import read_settings
    from keyturn.webhooks.events import (
        AccountSecured,
        Event,
        PasswordChanged,
        PasswordResetRequested,
        SecondStepFailed,
    )

__version__ = "1.0.0rc1"

__all__ = [
    "Account",
    "AccountSecured",
    "AccountStore",
    "AccountsUnready",
    "DataUnfit",
    "Email",
    "Ended",
    "Ending",
    "EndsIntrusions",
    "EndsSessions",
    "Event",
    "JoinsTransaction",
    "KeyturnConfig",
    "KeyturnError",
    "KeyturnPlugin",
    "KnowsHashes",
    "ListsAddresses",
    "LocksAccounts",
    "Mails",
    "NewPassword",
    "PasswordChanged",
    "PasswordResetRequested",
    "PendingReset",
    "QuotaExhausted",
    "RenderedMail",
    "SecondStepFailed",
    "SendFailed",
    "SendRefused",
    "SendRetryable",
    "SendUnknown",
    "Sender",
    "Settings",
    "SettingsInvalid",
    "TemplateInvalid",
    "UnknownMail",
    "create_app",
    "read_settings",
    "table_of",
]

_MODULES = {
    "Account": "accounts.port",
    "AccountSecured": "webhooks.events",
    "AccountStore": "accounts.port",
    "AccountsUnready": "problems.requests",
    "DataUnfit": "errors",
    "Email": "mail.port.email",
    "Ended": "accounts.port",
    "Ending": "settings",
    "EndsIntrusions": "accounts.port",
    "EndsSessions": "accounts.port",
    "Event": "webhooks.events",
    "JoinsTransaction": "accounts.port",
    "KeyturnConfig": "plugin",
    "KeyturnError": "errors",
    "KeyturnPlugin": "plugin",
    "KnowsHashes": "accounts.port",
    "ListsAddresses": "accounts.port",
    "LocksAccounts": "accounts.port",
    "Mails": "emails.mails",
    "NewPassword": "accounts.port",
    "PasswordChanged": "webhooks.events",
    "PasswordResetRequested": "webhooks.events",
    "PendingReset": "reset.reset_hook",
    "QuotaExhausted": "errors",
    "RenderedMail": "emails.mails",
    "SecondStepFailed": "webhooks.events",
    "SendFailed": "errors",
    "SendRefused": "errors",
    "SendRetryable": "errors",
    "SendUnknown": "errors",
    "Sender": "mail.port.email",
    "Settings": "settings",
    "SettingsInvalid": "errors",
    "TemplateInvalid": "errors",
    "UnknownMail": "errors",
    "create_app": "app",
    "read_settings": "settings.reading",
    "table_of": "accounts.table.model",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
