"""What an app tests with: its own mails against their golden files, and a sender that keeps what it is given.

`pytest_plugins = ["keyturn.testing"]` in a conftest.py brings the fixture `mail_snapshot` and `--accept-mails`. It is
asked for and does not load by itself: an entry point would put both into the tests of everybody who has Keyturn
installed, and have pytest rewrite the assertions of the whole package at every start.

PYTEST_DONT_REWRITE: a conftest.py may import from here before its plugins are loaded.
"""

from keyturn.testing.mail_snapshot import MailSnapshot
from keyturn.testing.memory import MemorySender
from keyturn.testing.sender_contract import RefusingSenderContract, SenderContract

__all__ = ["MailSnapshot", "MemorySender", "RefusingSenderContract", "SenderContract"]

pytest_plugins = ["keyturn.testing.plugin"]
