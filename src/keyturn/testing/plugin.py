"""The pytest plugin: a test that asks for `mail_snapshot` is run for every mail, with each of its samples."""

import pytest

from keyturn.errors import KeyturnError
from keyturn.testing.mail_snapshot import MailSnapshot


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("keyturn").addoption(
        "--accept-mails", action="store_true", help="write the golden files of mails that differ, instead of failing"
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
    from keyturn.testing.collecting import snapshots_of  # noqa: PLC0415 - loads Jinja and MJML

    try:
        snapshots = snapshots_of(metafunc.definition.get_closest_marker("mails"), metafunc.config.rootpath)
    except KeyturnError as error:
        pytest.fail(str(error), pytrace=False)
    accepting = metafunc.config.getoption("--accept-mails")
    mails = [MailSnapshot(snapshots, name, accepting=accepting) for name in snapshots.names()]
    if not mails:
        pytest.fail(f"There is no mail in {snapshots.folder}.", pytrace=False)
    metafunc.parametrize("mail_snapshot", mails, ids=str)
