"""Password reset and change by email, beside an app with users. A name is loaded on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyturn.errors import DataUnfit as DataUnfit
    from keyturn.errors import KeyturnError as KeyturnError
    from keyturn.errors import QuotaExhausted as QuotaExhausted
    from keyturn.errors import SendFailed as SendFailed
    from keyturn.errors import SendRefused as SendRefused
    from keyturn.errors import SendRetryable as SendRetryable
    from keyturn.errors import SendUnknown as SendUnknown
    from keyturn.errors import SettingsInvalid as SettingsInvalid
    from keyturn.errors import TemplateInvalid as TemplateInvalid
    from keyturn.errors import UnknownMail as UnknownMail
    from keyturn.mail.port.email import Email as Email
    from keyturn.mail.port.email import Sender as Sender
    from keyturn.service.accounts.port import Account as Account
    from keyturn.service.accounts.port import AccountStore as AccountStore
    from keyturn.service.accounts.port import Ended as Ended
    from keyturn.service.accounts.port import NewPassword as NewPassword
    from keyturn.service.app import create_app as create_app
    from keyturn.service.plugin import KeyturnPlugin as KeyturnPlugin
    from keyturn.service.problems.passwords import PasswordRejected as PasswordRejected
    from keyturn.service.problems.passwords import Violation as Violation
    from keyturn.service.problems.requests import AccountsUnready as AccountsUnready
    from keyturn.service.settings import Settings as Settings
    from keyturn.service.settings.reading import read_settings as read_settings
    from keyturn.studio.mails import Mails as Mails
    from keyturn.studio.mails import RenderedMail as RenderedMail

__version__ = "1.0.0rc1"

_MODULES = {
    "DataUnfit": "keyturn.errors",
    "KeyturnError": "keyturn.errors",
    "QuotaExhausted": "keyturn.errors",
    "SendFailed": "keyturn.errors",
    "SendRefused": "keyturn.errors",
    "SendRetryable": "keyturn.errors",
    "SendUnknown": "keyturn.errors",
    "SettingsInvalid": "keyturn.errors",
    "TemplateInvalid": "keyturn.errors",
    "UnknownMail": "keyturn.errors",
    "Email": "keyturn.mail.port.email",
    "Sender": "keyturn.mail.port.email",
    "Account": "keyturn.service.accounts.port",
    "AccountStore": "keyturn.service.accounts.port",
    "Ended": "keyturn.service.accounts.port",
    "NewPassword": "keyturn.service.accounts.port",
    "create_app": "keyturn.service.app",
    "KeyturnPlugin": "keyturn.service.plugin",
    "PasswordRejected": "keyturn.service.problems.passwords",
    "Violation": "keyturn.service.problems.passwords",
    "AccountsUnready": "keyturn.service.problems.requests",
    "Settings": "keyturn.service.settings",
    "read_settings": "keyturn.service.settings.reading",
    "Mails": "keyturn.studio.mails",
    "RenderedMail": "keyturn.studio.mails",
}
"""The module of each public name."""

__all__ = sorted(_MODULES)  # noqa: PLE0605 - a list of texts


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
