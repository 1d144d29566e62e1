"""Tools for an app's tests: the service in a test's process, snapshots of mails, and a mailbox.

`pytest_plugins = ["keyturn.testing"]` in a conftest.py adds the fixtures `mail_snapshot` and
`mailbox`.

PYTEST_DONT_REWRITE: a conftest.py may import from here before its plugins are loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyturn.service.clock import Clock as Clock
    from keyturn.service.clock import MovableClock as MovableClock
    from keyturn.testing.account_contract import AccountStoreContract as AccountStoreContract
    from keyturn.testing.account_contract import JoiningStoreContract as JoiningStoreContract
    from keyturn.testing.account_contract import People as People
    from keyturn.testing.mailbox import Mailbox as Mailbox
    from keyturn.testing.mailbox import ReceivedMail as ReceivedMail
    from keyturn.testing.plugin import MailSnapshot as MailSnapshot
    from keyturn.testing.running_service import MemorySender as MemorySender
    from keyturn.testing.running_service import RunningService as RunningService
    from keyturn.testing.running_service import service as service

_MODULES = {
    "AccountStoreContract": ".account_contract",
    "Clock": "keyturn.service.clock",
    "JoiningStoreContract": ".account_contract",
    "MailSnapshot": ".plugin",
    "Mailbox": ".mailbox",
    "MemorySender": ".running_service",
    "MovableClock": "keyturn.service.clock",
    "People": ".account_contract",
    "ReceivedMail": ".mailbox",
    "RunningService": ".running_service",
    "service": ".running_service",
}
"""The module of each public name."""

__all__ = sorted(_MODULES)  # noqa: PLE0605 - a list of texts

pytest_plugins = ["keyturn.testing.plugin"]


def __getattr__(name: str) -> Any:
    # Each name is imported when it is used: tests of mails save the second that SQLAlchemy takes.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)
