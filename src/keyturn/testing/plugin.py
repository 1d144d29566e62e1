"""The pytest plugin.

A test with `mail_snapshot` runs for every mail, with each of its samples. A test with `mailbox` gets the mails that
the app sends over SMTP.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from keyturn.errors import KeyturnError
from keyturn.packaging import require_studio
from keyturn.testing.mail_snapshot import MailSnapshot

if TYPE_CHECKING:
    from keyturn.testing.mailbox import Mailbox


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("keyturn")
    group.addoption(
        "--accept-mails", action="store_true", help="write the golden files of mails that differ, instead of failing"
    )
    group.addoption(
        "--mailbox-port", type=int, default=0, help="where `mail_server` listens, for an app that runs already"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "mails(folder, goldens, languages=()): the templates that `mail_snapshot` stands for and the folder of their "
        "golden files; without it, what [tool.keyturn.studio] says",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mail_snapshot" not in metafunc.fixturenames:
        return
    from keyturn.testing.collecting import snapshots_of

    try:
        snapshots = snapshots_of(metafunc.definition.get_closest_marker("mails"), metafunc.config.rootpath)
    except KeyturnError as error:
        pytest.fail(str(error), pytrace=False)
    accepting = metafunc.config.getoption("--accept-mails")
    mails = [MailSnapshot(snapshots, name, accepting=accepting) for name in snapshots.names()]
    if not mails:
        pytest.fail(f"There is no mail in {snapshots.folder}.", pytrace=False)
    metafunc.parametrize("mail_snapshot", mails, ids=str)


@pytest.fixture(scope="session")
def mail_server(pytestconfig: pytest.Config) -> Iterator["Mailbox"]:
    """Listen during all tests, for the fixture that starts the app and passes it `host` and `port`."""
    try:
        require_studio("the fixture mailbox")
    except KeyturnError as error:
        pytest.fail(str(error), pytrace=False)
    from keyturn.testing.mailbox import running_mailbox

    with running_mailbox(pytestconfig.getoption("--mailbox-port")) as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(mail_server: "Mailbox") -> "Mailbox":
    """Return the mailbox without the mails and faults of earlier tests."""
    mail_server.clear()
    return mail_server
