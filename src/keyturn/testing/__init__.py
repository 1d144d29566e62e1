"""Tools for an app's tests: the service in a test's process, snapshots for mails, mailboxes that keep their mails.

`pytest_plugins = ["keyturn.testing"]` in a conftest.py adds the fixtures `mail_snapshot` and `mailbox`. It does not
load by itself: an entry point would add both to the tests of every app with Keyturn installed. It would also make
pytest rewrite the assertions of the whole package at every start.

PYTEST_DONT_REWRITE: a conftest.py may import from here before its plugins are loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyturn.service.clock import Clock, MovableClock
    from keyturn.testing.account_contract import AccountStoreContract, JoiningStoreContract, People
    from keyturn.testing.mailbox import Mailbox, ReceivedMail
    from keyturn.testing.memory import MemorySender
    from keyturn.testing.plugin import MailSnapshot
    from keyturn.testing.running_service import RunningService, service

__all__ = [
    "AccountStoreContract",
    "Clock",
    "JoiningStoreContract",
    "MailSnapshot",
    "Mailbox",
    "MemorySender",
    "MovableClock",
    "People",
    "ReceivedMail",
    "RunningService",
    "service",
]

_MODULES = {
    "AccountStoreContract": ".account_contract",
    "Clock": "keyturn.service.clock",
    "JoiningStoreContract": ".account_contract",
    "MailSnapshot": ".plugin",
    "Mailbox": ".mailbox",
    "MemorySender": ".memory",
    "MovableClock": "keyturn.service.clock",
    "People": ".account_contract",
    "ReceivedMail": ".mailbox",
    "RunningService": ".running_service",
    "service": ".running_service",
}

pytest_plugins = ["keyturn.testing.plugin"]


def __getattr__(name: str) -> Any:
    # Each name imports only its own needs: tests of mails save the second that SQLAlchemy's import takes.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)
