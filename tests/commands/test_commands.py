"""What all commands share: help, completion, a sentence for each fault or missing extra, colours in
terminals only.
"""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.processes.serve.workers import PRODUCTION
from tests.servers.processes import run

from keyturn.service.database.migrations import head

pytestmark = pytest.mark.long


def test_the_help_of_each_command_fits_eighty_columns_in_whole_lines_with_an_example(
    keyturn: Keyturn,
) -> None:
    commands: list[tuple[str, ...]] = [()]
    for command in commands:
        text, name = (
            keyturn(*command, "--help", KEYTURN_SMTP_PORT="many").out,
            " ".join(("keyturn", *command)),
        )
        usage, _, listed = text.partition("Commands:\n")
        lines = [line for line in listed.splitlines() if line]
        commands += [(*command, line.split()[0]) for line in lines]
        assert [line for line in text.splitlines() if len(line) > 80] == []
        assert [
            line
            for line in lines
            if "..." in line or not re.match("  [a-z]", line) or len(line.split()) < 2
        ] == []
        takes_something = usage.count("\n  -") > 1 or not text.partition("\n")[0].endswith(
            "[OPTIONS]"
        )
        if takes_something and not lines:
            assert re.search(rf"{name}[ \n]", text.partition("  Example")[2]), text
    assert len(commands) > 20
    assert list(Path().iterdir()) == [], "help needs neither settings nor a database"


def test_an_unknown_command_is_refused_and_one_that_is_nearly_it_is_named(keyturn: Keyturn) -> None:
    assert keyturn("--version").out == f"keyturn {version('keyturn')}\n"
    for word, more in (("serv", " Did you mean 'serve'?"), ("harbour", "")):
        refused = keyturn(word)
        assert refused.code == 2
        assert refused.err.endswith(f"Error: No such command '{word}'.{more}\n")


def test_an_unknown_setting_is_told_to_every_command(keyturn: Keyturn) -> None:
    refused = keyturn(
        "migrate", KEYTURN_TOKN_TTL="1h", KEYTURN_SMTP_PORT="many", KEYTURN_TOKEN_TTL="soon"
    )

    assert refused.code == 1
    assert refused.out == ""
    first, *faults = refused.err.splitlines()
    assert (
        first == f"keyturn: The settings have errors, and there is no keyturn.toml in {Path.cwd()}:"
    )
    named = [fault.strip().partition(":")[0] for fault in faults]
    assert named == ["KEYTURN_TOKN_TTL", "KEYTURN_SMTP_PORT", "KEYTURN_TOKEN_TTL"], (
        "init is no remedy for these"
    )


@pytest.mark.parametrize(
    "command", ["accounts list", "accounts add ada@northwind.example", "audit", "outbox list"]
)
def test_a_database_that_was_not_migrated_is_one_sentence(keyturn: Keyturn, command: str) -> None:
    refused = keyturn(*command.split())

    assert refused.code == 1
    said, missing = refused.err.splitlines()
    assert missing == f"there is no keyturn.toml in {Path.cwd()}: all settings have their defaults"
    assert said == "keyturn: the database does not have Keyturn's tables yet: run `keyturn migrate`"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://keyturn:hunter2@127.0.0.1:9/keyturn",
        "sqlite:////dev/null/keyturn.db",
        "sqlite:////dev/null",
    ],
)
def test_a_database_that_cannot_be_reached_is_one_sentence(keyturn: Keyturn, url: str) -> None:
    for command in ("migrate", "accounts list"):
        refused = keyturn(*command.split(), KEYTURN_DATABASE_URL=url)
        assert (refused.code, "database" in refused.err) == (1, True)
        assert [word for word in ("hunter2", "Traceback") if word in refused.err] == []


def in_a_terminal(*arguments: str, **environment: str) -> str:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "keyturn", *arguments]
    subprocess.run(
        command, env={**os.environ, **environment}, stdout=theirs, stderr=theirs, check=False
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # EIO: the other side is closed
        while part := os.read(ours, 100_000):
            shown += part
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_has_an_accent_unless_no_color_is_set(workplace: Path) -> None:
    """https://no-color.org: any value counts but the empty one."""
    url = f"sqlite:///{workplace}/keyturn.db"

    assert "\x1b[32m" in in_a_terminal("migrate", KEYTURN_DATABASE_URL=url)
    assert "\x1b" not in in_a_terminal("migrate", KEYTURN_DATABASE_URL=f"{url}2", NO_COLOR="1")
    refused = in_a_terminal("doctor", COLUMNS="40", NO_COLOR="1")
    assert "\x1b" not in refused
    assert '`python -c "import secrets; print(secrets.token_hex(32))"`' in refused, (
        "a command stays on one line"
    )


def test_migrate_needs_no_secrets_and_says_that_there_are_no_settings(
    keyturn: Keyturn, workplace: Path
) -> None:
    first = keyturn("migrate")
    assert first.out == f"Updated the database from revision none to {head()}.\n"
    assert (
        first.err
        == f"keyturn: there is no keyturn.toml in {Path.cwd()}: all settings have their defaults\n"
    )
    assert (workplace / ".keyturn" / "keyturn.db").is_file()
    again = keyturn("migrate", KEYTURN_BASE_URL="http://127.0.0.1:8000")
    assert (again.code, again.out, again.err) == (
        0,
        f"The database is already at revision {head()}.\n",
        "",
    )
    Path("keyturn.toml").touch()
    assert keyturn("migrate").err == ""


def test_each_documented_shell_gets_a_script(keyturn: Keyturn) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
    shells = re.findall(r"_KEYTURN_COMPLETE=(\w+)_source keyturn", page)
    assert shells == ["bash", "zsh", "fish"]
    for shell in shells:
        assert "_keyturn_completion" in keyturn(_KEYTURN_COMPLETE=f"{shell}_source").out


SENDER = {"KEYTURN_MAIL_FROM": "Northwind <no-reply@northwind.example>"}
POSTGRES = {"KEYTURN_DATABASE_URL": "postgresql://app:secret@127.0.0.1:1/app"}
MYSQL = {
    "KEYTURN_ACCOUNTS_STORE": "table",
    "KEYTURN_ACCOUNTS_TABLE_URL": "mysql://app:secret@127.0.0.1:1/app",
    "KEYTURN_ACCOUNTS_TABLE_TABLE": "users",
    "KEYTURN_SIGN_IN_URL": "https://northwind.example/sign-in",
}
SMTP = {"KEYTURN_MAIL_TRANSPORT": "smtp", "KEYTURN_SMTP_HOST": "127.0.0.1"}

ON_ACCOUNTS = ("accounts find ada@x.example",)
ON_THE_DATABASE = ("outbox list", "outbox show 1", "outbox retry 1", "audit", *ON_ACCOUNTS)
SENDING = ("serve --port 0", "worker")
Lack = tuple[str, dict[str, str], str, tuple[str, ...]]
LACKING: list[Lack] = [
    (
        "asyncpg",
        POSTGRES,
        "database.url: postgresql needs: pip install 'keyturn[postgres]'",
        ("migrate", *SENDING, *ON_THE_DATABASE),
    ),
    (
        "aiomysql",
        MYSQL,
        "accounts.table.url: mysql needs: pip install 'keyturn[mysql]'",
        (*SENDING, *ON_ACCOUNTS),
    ),
    ("aiosmtplib", SMTP, "mail.transport: smtp needs: pip install 'keyturn[smtp]'", SENDING),
]


@pytest.mark.parametrize("lack", LACKING, ids=lambda lack: str(lack[0]))
def test_a_missing_extra_is_named(
    migrated: Keyturn, monkeypatch: pytest.MonkeyPatch, lack: Lack
) -> None:
    module, environment, sentence, commands = lack
    monkeypatch.setitem(sys.modules, module, None)  # not installed, as the import system sees it
    for command in commands:
        shown = migrated(*command.split(), **PRODUCTION | SENDER | environment)
        assert (shown.code, shown.err.splitlines()[-1].strip()) == (1, sentence), command
        assert "Traceback" not in shown.err
    told = json.loads(migrated("doctor", "--json", **PRODUCTION | SENDER | environment).out)
    assert [
        one for one in told if sentence.partition("needs: ")[2] in one["fix"] + one["message"]
    ], told


STUDIO = "needs: pip install 'keyturn[studio]'"


@pytest.mark.parametrize(
    "module", ["cachetools", "polyfactory", "pygments", "tinycss2", "trustme", "watchfiles"]
)
def test_the_studio_and_the_checks_need_their_extra_whole_and_a_mail_is_rendered_without(
    keyturn: Keyturn, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    Path("emails").mkdir()
    Path("emails/welcome.html").write_text("<p>Hello {{ name }}</p>")
    Path("emails/welcome.samples.toml").write_text('[ada]\nname = "Ada"\n')
    for words, who, code in (
        ("studio emails --port 0", "the studio", 1),
        ("demo --port 0", "keyturn demo", 1),
        ("check emails --only mjml", "keyturn check", 1),
        ("check --explain contrast/light", "keyturn check", 1),
        ("probe http://127.0.0.1:3000", "keyturn probe", 2),  # 1 says that an attack succeeded
    ):
        shown = keyturn(*words.split())
        assert (shown.code, shown.out, "Traceback" in shown.err) == (code, "", False)
        assert shown.err.endswith(f"{who} {STUDIO}\n")
    assert "Hello Ada" in keyturn("render", "welcome", "--dir", "emails").out


def test_so_do_the_mails_of_a_program() -> None:
    program = "import sys; sys.modules['tinycss2'] = None; import keyturn; keyturn.Mails"
    shown = run([sys.executable, "-c", program])
    assert shown.stderr.splitlines()[-1].endswith(f"keyturn.Mails {STUDIO}")
