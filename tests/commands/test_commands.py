"""What all commands share: help, one sentence for each fault, and colours in terminals only."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.commands.terminal import in_a_terminal

from keyturn.service.database.migrations import head

pytestmark = pytest.mark.long


def test_help_needs_neither_settings_nor_a_database(keyturn: Keyturn, workplace: Path) -> None:
    assert keyturn("serve", "--help", KEYTURN_SMTP_PORT="many").code == 0
    assert list(workplace.iterdir()) == []


def test_the_help_of_each_command_fits_eighty_columns_in_whole_lines_with_an_example(keyturn: Keyturn) -> None:
    commands: list[tuple[str, ...]] = [()]
    for command in commands:
        text, name = keyturn(*command, "--help").out, " ".join(("keyturn", *command))
        usage, _, listed = text.partition("Commands:\n")
        lines = [line for line in listed.splitlines() if line]
        commands += [(*command, line.split()[0]) for line in lines]
        assert [line for line in text.splitlines() if len(line) > 80] == []
        assert [line for line in lines if "..." in line or not re.match("  [a-z]", line) or len(line.split()) < 2] == []
        takes_something = usage.count("\n  -") > 1 or not text.partition("\n")[0].endswith("[OPTIONS]")
        if takes_something and not lines:
            assert re.search(rf"{name}[ \n]", text.partition("  Example")[2]), text
    assert len(commands) > 20


def test_the_version_is_that_of_the_package(keyturn: Keyturn) -> None:
    assert keyturn("--version").out == f"keyturn {version('keyturn')}\n"


def test_an_unknown_command_is_refused_and_one_that_is_nearly_it_is_named(keyturn: Keyturn) -> None:
    refused = keyturn("serv")

    assert refused.code == 2
    assert refused.err.endswith("Error: No such command 'serv'. Did you mean 'serve'?\n")
    assert keyturn("harbour").err.endswith("Error: No such command 'harbour'.\n")


def test_an_unknown_setting_is_told_to_every_command(keyturn: Keyturn) -> None:
    refused = keyturn("migrate", KEYTURN_TOKN_TTL="1h", KEYTURN_SMTP_PORT="many", KEYTURN_TOKEN_TTL="soon")

    assert refused.code == 1
    assert refused.out == ""
    first, *faults = refused.err.splitlines()
    assert first == f"keyturn: The settings have errors, and there is no keyturn.toml in {Path.cwd()}:"
    named = [fault.strip().partition(":")[0] for fault in faults]
    assert named == ["KEYTURN_TOKN_TTL", "KEYTURN_SMTP_PORT", "KEYTURN_TOKEN_TTL"]


def test_init_is_no_remedy_for_a_variable(keyturn: Keyturn) -> None:
    remedy = "Run `keyturn init` to write the file.\n"

    assert not keyturn("migrate", KEYTURN_SERVER_PORT="abc").err.endswith(remedy)
    assert keyturn("migrate", KEYTURN_HASHING_COST="3", KEYTURN_SERVER_PORT="1").err.count(remedy) == 0
    assert keyturn("outbox", "list", KEYTURN_SERVER_PORT="abc", KEYTURN_MAIL_TRANSPORT="smtp").err.count(remedy) == 0


@pytest.mark.parametrize(
    "command", [("accounts", "list"), ("accounts", "add", "ada@northwind.example"), ("audit",), ("outbox", "list")]
)
def test_a_database_that_was_not_migrated_is_one_sentence(keyturn: Keyturn, command: tuple[str, ...]) -> None:
    refused = keyturn(*command)

    assert refused.code == 1
    said, missing = refused.err.splitlines()
    assert missing == f"there is no keyturn.toml in {Path.cwd()}: all settings have their defaults"
    assert said == "keyturn: the database does not have Keyturn's tables yet: run `keyturn migrate`"


def test_a_folder_without_settings_is_named_unless_the_environment_has_some(keyturn: Keyturn) -> None:
    said = f"keyturn: there is no keyturn.toml in {Path.cwd()}: all settings have their defaults\n"

    assert keyturn("migrate").err == said
    assert keyturn("migrate", KEYTURN_BASE_URL="http://127.0.0.1:8000").err == ""
    Path("keyturn.toml").touch()
    assert keyturn("migrate").err == ""


@pytest.mark.parametrize(
    "url", ["postgresql://keyturn:hunter2@127.0.0.1:9/keyturn", "sqlite:////dev/null/keyturn.db", "sqlite:////dev/null"]
)
@pytest.mark.parametrize("command", [("migrate",), ("accounts", "list")])
def test_a_database_that_cannot_be_reached_is_one_sentence(
    keyturn: Keyturn, command: tuple[str, ...], url: str
) -> None:
    refused = keyturn(*command, KEYTURN_DATABASE_URL=url)

    assert refused.code == 1
    assert "database" in refused.err
    assert "hunter2" not in refused.err
    assert "Traceback" not in refused.err


def test_nothing_is_coloured_when_it_is_piped(migrated: Keyturn) -> None:
    shown = [migrated("accounts", "add", "ada@northwind.example"), migrated("accounts", "list"), migrated("audit")]

    assert all("\x1b" not in ended.out + ended.err for ended in shown)


def test_a_terminal_has_an_accent_unless_no_color_is_set(workplace: Path) -> None:
    """https://no-color.org: any value counts but the empty one."""
    url = f"sqlite:///{workplace}/keyturn.db"

    assert "\x1b[32m" in in_a_terminal("migrate", KEYTURN_DATABASE_URL=url)
    assert "\x1b" not in in_a_terminal("migrate", KEYTURN_DATABASE_URL=f"{url}2", NO_COLOR="1")
    assert "\x1b" not in in_a_terminal("migrate", KEYTURN_SMTP_PORT="many", NO_COLOR="1")


@pytest.mark.usefixtures("workplace")
def test_a_command_in_a_sentence_stays_on_one_line() -> None:
    shown = in_a_terminal("doctor", COLUMNS="40", NO_COLOR="1")

    assert '`python -c "import secrets; print(secrets.token_hex(32))"`' in shown


def test_it_says_where_the_database_went_and_needs_no_secrets(keyturn: Keyturn, workplace: Path) -> None:
    assert keyturn("migrate").out == f"Updated the database from revision none to {head()}.\n"
    assert (workplace / ".keyturn" / "keyturn.db").is_file()


def test_a_second_time_there_is_nothing_to_do(migrated: Keyturn) -> None:
    again = migrated("migrate")

    assert again.code == 0
    assert again.out == f"The database is already at revision {head()}.\n"
