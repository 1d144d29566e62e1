"""The pytest plugin, with the fixtures `mail_snapshot`, `mail_server` and `mailbox`.

Only tests of mails import Jinja and MJML.

PYTEST_DONT_REWRITE: a conftest.py may import MailSnapshot before its plugins are loaded.
"""

from collections.abc import Iterator, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import asdict

from keyturn.errors import KeyturnError, SettingsInvalid
from keyturn.extras import require_studio

if TYPE_CHECKING:
    from keyturn.studio.snapshots import Comparison, MailName, Snapshots
    from keyturn.testing.mailbox import Mailbox


_STUDIO = "http://127.0.0.1:8001/studio/snapshots"


class MailSnapshot:
    """A mail in a language, with its snapshots; or snapshots whose mail no longer exists."""

    def __init__(self, snapshots: "Snapshots", name: "MailName", *, accepting: bool) -> None:
        self.name = name
        self._snapshots = snapshots
        self._accepting = accepting

    def assert_matches(self) -> None:
        """Fail with a diff if the mail differs from its snapshots.

        With --accept-mails, write the snapshots instead.
        """
        comparison = self._snapshots.compare(self.name)
        if self._accepting and comparison.acceptable:
            self._snapshots.accept(comparison)
        elif comparison.state != "same":
            pytest.fail("\n".join(self._report(comparison)), pytrace=False)

    def __str__(self) -> str:
        return str(self.name)

    def _report(self, comparison: "Comparison") -> Iterator[str]:
        stored = self._snapshots.stored
        match comparison.state:
            case "broken":
                yield f"{self.name} cannot be rendered: {comparison.fault}"
                return
            case "new":
                yield f"{self.name} has no snapshots yet."
            case "gone":
                yield f"{self.name} no longer exists, but these snapshots do:"
                yield from map(_typed_path, stored.files(self.name))
            case _:
                yield f"{self.name} differs from its accepted files."
                yield from self._diffs(comparison)
        yield ""
        yield f"To accept the change: pytest --accept-mails, or `keyturn studio` and {_STUDIO}"

    def _diffs(self, comparison: "Comparison") -> Iterator[str]:
        files = self._snapshots.stored.places(self.name)
        before = comparison.before or ()
        after = comparison.after or ()
        for file, was, is_now in zip(files, before, after, strict=True):
            if was != is_now:
                yield ""
                yield from unified_diff(
                    was.split("\n"),
                    is_now.split("\n"),
                    _typed_path(file),
                    "rendered now",
                    lineterm="",
                )


def _typed_path(file: Path) -> str:
    """Return the path as one would type it here: relative, if it is below this folder."""
    if not file.is_relative_to(Path.cwd()):
        return str(file)
    return file.relative_to(Path.cwd()).as_posix()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("keyturn")
    group.addoption(
        "--accept-mails",
        action="store_true",
        help="write the snapshots of changed mails instead of failing",
    )
    group.addoption(
        "--mailbox-port",
        type=int,
        default=0,
        help="where `mail_server` listens, for an app that is already running",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "mails(folder, snapshots, languages=()): the templates that `mail_snapshot` stands for "
        "and the folder of their snapshots; without it, what [tool.keyturn.studio] says",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mail_snapshot" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("mails")
    try:
        snapshots = _snapshots_of(mark, metafunc.config.rootpath)
    except KeyturnError as error:
        pytest.fail(str(error), pytrace=False)
    accepting = metafunc.config.getoption("--accept-mails")
    mails = [MailSnapshot(snapshots, name, accepting=accepting) for name in snapshots.names()]
    if not mails:
        pytest.fail(f"There is no mail in {snapshots.gallery.folder}.", pytrace=False)
    metafunc.parametrize("mail_snapshot", mails, ids=str)


def _snapshots_of(mark: pytest.Mark | None, project: Path) -> "Snapshots":
    """Return the snapshots that the marker or the project's configuration names.

    Raises SettingsInvalid if neither does.
    """
    from keyturn.service.reset.mails.theme import builtin_emails
    from keyturn.service.settings.reading import FILE_NAME, read_settings
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.gallery.configuration import read_studio_settings
    from keyturn.studio.gallery.opening import open_gallery
    from keyturn.studio.snapshots import SnapshotFolder, Snapshots

    settings = read_studio_settings(project)

    def marked(folder: str, snapshots: str, languages: Sequence[str] = ()) -> Snapshots:
        gallery = open_gallery(project / folder, settings=settings)
        return Snapshots(gallery, SnapshotFolder(project / snapshots), languages)

    if mark:
        return marked(*mark.args, **mark.kwargs)
    if settings.snapshots is None:
        message = 'is not set: write snapshots = "tests/mails" under [tool.keyturn.studio]'
        raise SettingsInvalid.of("snapshots", message)
    if settings.folder:
        gallery = open_gallery(settings.folder, settings=settings)
    else:  # the emails that Keyturn sends, for the brand of this project
        file = project / FILE_NAME
        own = read_settings(file if file.is_file() else None, sending=False, connecting=False)
        gallery = Gallery(**asdict(builtin_emails(own)))
    return Snapshots(gallery, SnapshotFolder(settings.snapshots), settings.snapshot_languages)


@pytest.fixture(scope="session")
def mail_server(pytestconfig: pytest.Config) -> Iterator["Mailbox"]:
    """Return a mailbox that listens during all tests.

    A fixture that starts the app passes its `host` and `port` to it.
    """
    try:
        require_studio("the fixture mailbox")
    except KeyturnError as error:
        pytest.fail(str(error), pytrace=False)
    from keyturn.testing.mailbox import running_mailbox

    with running_mailbox(pytestconfig.getoption("--mailbox-port")) as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(mail_server: "Mailbox") -> "Mailbox":
    """Return the mailbox without the mails of earlier tests."""
    mail_server.clear()
    return mail_server
