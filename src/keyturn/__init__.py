"""Password reset and change by email, beside an app that already has users.

The names for an app are here, and each is loaded on first use: `import keyturn` alone costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from keyturn.service.accounts.port import (
        Account,
        AccountStore,
        Ended,
        NewPassword,
    )
    from keyturn.service.app import create_app
    from keyturn.service.plugin import KeyturnConfig, KeyturnPlugin
    from keyturn.service.problems.passwords import PasswordRejected, Violation
    from keyturn.service.problems.requests import AccountsUnready
    from keyturn.service.reset.events import (
        AccountSecured,
        Event,
        PasswordChanged,
        PasswordResetRequested,
        SecondStepFailed,
    )
    from keyturn.service.reset.reset_hook import PendingReset
    from keyturn.service.settings import Settings
    from keyturn.service.settings.reading import read_settings
    from keyturn.studio.mails import Mails, RenderedMail

__version__ = "1.0.0rc1"

__all__ = [
    "Account",
    "AccountSecured",
    "AccountStore",
    "AccountsUnready",
    "DataUnfit",
    "Email",
    "Ended",
    "Event",
    "KeyturnConfig",
    "KeyturnError",
    "KeyturnPlugin",
    "Mails",
    "NewPassword",
    "PasswordChanged",
    "PasswordRejected",
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
    "Violation",
    "create_app",
    "read_settings",
]

_MODULES = {
    "Account": "service.accounts.port",
    "AccountSecured": "service.reset.events",
    "AccountStore": "service.accounts.port",
    "AccountsUnready": "service.problems.requests",
    "DataUnfit": "errors",
    "Email": "mail.port.email",
    "Ended": "service.accounts.port",
    "Event": "service.reset.events",
    "KeyturnConfig": "service.plugin",
    "KeyturnError": "errors",
    "KeyturnPlugin": "service.plugin",
    "Mails": "studio.mails",
    "NewPassword": "service.accounts.port",
    "PasswordChanged": "service.reset.events",
    "PasswordRejected": "service.problems.passwords",
    "PasswordResetRequested": "service.reset.events",
    "PendingReset": "service.reset.reset_hook",
    "QuotaExhausted": "errors",
    "RenderedMail": "studio.mails",
    "SecondStepFailed": "service.reset.events",
    "SendFailed": "errors",
    "SendRefused": "errors",
    "SendRetryable": "errors",
    "SendUnknown": "errors",
    "Sender": "mail.port.email",
    "Settings": "service.settings",
    "SettingsInvalid": "errors",
    "TemplateInvalid": "errors",
    "UnknownMail": "errors",
    "Violation": "service.problems.passwords",
    "create_app": "service.app",
    "read_settings": "service.settings.reading",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
