"""A missing extra is one sentence and an exit code, in every command."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.commands.command import Keyturn

pytestmark = pytest.mark.long

PRODUCTION = {
    "KEYTURN_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "KEYTURN_MAIL_TRANSPORT": "capture",
    "KEYTURN_MAIL_FROM": "Northwind <no-reply@northwind.example>",
}
POSTGRES = {"KEYTURN_DATABASE_URL": "postgresql://app:secret@127.0.0.1:1/app"}
MYSQL = {
    "KEYTURN_ACCOUNTS_STORE": "table",
    "KEYTURN_ACCOUNTS_TABLE_URL": "mysql://app:secret@127.0.0.1:1/app",
    "KEYTURN_ACCOUNTS_TABLE_TABLE": "users",
    "KEYTURN_SIGN_IN_URL": "https://northwind.example/sign-in",
}
SMTP = {"KEYTURN_MAIL_TRANSPORT": "smtp", "KEYTURN_SMTP_HOST": "127.0.0.1"}

ON_THE_DATABASE = ("outbox list", "outbox show 1", "outbox retry 1", "audit", "accounts find ada@x.example")


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let a module be not installed, as the import system sees it (Python reference, 5.3.1)."""
    monkeypatch.setitem(sys.modules, request.param, None)


@pytest.mark.parametrize(
    ("lacking", "environment", "sentence", "command"),
    [
        *(
            ("asyncpg", POSTGRES, "database.url: postgresql needs: pip install 'keyturn[postgres]'", command)
            for command in ("serve --port 0", "worker", "migrate", *ON_THE_DATABASE)
        ),
        *(
            ("aiomysql", MYSQL, "accounts.table.url: mysql needs: pip install 'keyturn[mysql]'", command)
            for command in ("serve --port 0", "worker", *ON_THE_DATABASE)
        ),
        *(
            ("aiosmtplib", SMTP, "mail.transport: smtp needs: pip install 'keyturn[smtp]'", command)
            for command in ("serve --port 0", "worker")
        ),
    ],
    indirect=["lacking"],
)
@pytest.mark.usefixtures("lacking")
def test_it_is_named_with_the_way_to_get_it(
    migrated: Keyturn, environment: dict[str, str], sentence: str, command: str
) -> None:
    shown = migrated(*command.split(), **PRODUCTION | environment)

    assert shown.code == 1
    assert shown.err.splitlines()[-1].strip() == sentence
    assert "Traceback" not in shown.err


STUDIOS_OWN = ["cachetools", "polyfactory", "pygments", "tinycss2", "trustme", "watchfiles"]
STUDIO = "needs: pip install 'keyturn[studio]'"
MAIL = """\
<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ name }}</mj-text></mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def emails(workplace: Path) -> Path:
    """Lay out a folder with one mail and a sample in TOML."""
    folder = workplace / "emails"
    folder.mkdir()
    (folder / "welcome.mjml").write_text(MAIL)
    (folder / "welcome.samples.toml").write_text('[ada]\nname = "Ada"\n')
    return folder


@pytest.mark.parametrize("lacking", STUDIOS_OWN, indirect=True)
@pytest.mark.parametrize(
    ("words", "who"),
    [
        ("studio emails --port 0", "the studio"),
        ("check emails --only mjml", "keyturn check"),
        ("check --explain contrast/light", "keyturn check"),
    ],
)
@pytest.mark.usefixtures("lacking", "emails")
def test_the_studio_and_the_checks_need_their_extra_whole(keyturn: Keyturn, words: str, who: str) -> None:
    shown = keyturn(*words.split())

    assert (shown.code, shown.out) == (1, "")
    assert shown.err.endswith(f"{who} {STUDIO}\n")
    assert "Traceback" not in shown.err


def test_so_do_the_mails_of_a_program() -> None:
    program = "import sys; sys.modules['tinycss2'] = None; import keyturn; keyturn.Mails"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert shown.stderr.splitlines()[-1].endswith(f"keyturn.Mails {STUDIO}")


@pytest.mark.parametrize("lacking", STUDIOS_OWN, indirect=True)
@pytest.mark.usefixtures("lacking", "emails")
def test_a_mail_is_rendered_without_it(keyturn: Keyturn) -> None:
    assert "Hello Ada" in keyturn("render", "welcome", "--dir", "emails").out
