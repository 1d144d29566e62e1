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
    name: module
    for module, names in {
        "errors": "DataUnfit KeyturnError QuotaExhausted SendFailed SendRefused SendRetryable "
        "SendUnknown"
        " SettingsInvalid TemplateInvalid UnknownMail",
        "mail.port.email": "Email Sender",
        "service.accounts.port": "Account AccountStore Ended NewPassword",
        "service.app": "create_app",
        "service.plugin": "KeyturnPlugin",
        "service.problems.passwords": "PasswordRejected Violation",
        "service.problems.requests": "AccountsUnready",
        "service.settings": "Settings",
        "service.settings.reading": "read_settings",
        "studio.mails": "Mails RenderedMail",
    }.items()
    for name in names.split()
}
"""The module of each public name."""

__all__ = sorted(_MODULES)  # noqa: PLE0605 - a list of texts


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
