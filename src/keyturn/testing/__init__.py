"""What an app tests with: its own mails against their golden files, and a sender that keeps what it is given.

`pytest_plugins = ["keyturn.testing"]` in a conftest.py brings the fixture `mail_snapshot` and `--accept-mails`. It is
asked for and does not load by itself: an entry point would put both into the tests of everybody who has Keyturn
installed, and have pytest rewrite the assertions of the whole package at every start.

PYTEST_DONT_REWRITE: a conftest.py may import from here before its plugins are loaded.
"""

from typing import TYPE_CHECKING, Any

from keyturn.testing.mail_snapshot import MailSnapshot
from keyturn.testing.memory import MemorySender
from keyturn.testing.sender_contract import RefusingSenderContract, SenderContract
from keyturn.testing.supabase_server import SupabaseServer

if TYPE_CHECKING:
    from keyturn.testing.account_contract import AccountStoreContract, JoiningStoreContract, People

__all__ = [
    "AccountStoreContract",
    "JoiningStoreContract",
    "MailSnapshot",
    "MemorySender",
    "People",
    "RefusingSenderContract",
    "SenderContract",
    "SupabaseServer",
]

pytest_plugins = ["keyturn.testing.plugin"]


def __getattr__(name: str) -> Any:
    # With them comes SQLAlchemy, and the tests of mails need not wait a second for it.
    if name in ("AccountStoreContract", "JoiningStoreContract", "People"):
        from keyturn.testing import account_contract  # noqa: PLC0415

        return getattr(account_contract, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
