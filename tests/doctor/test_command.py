"""`keyturn doctor` as an operator runs it."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.databases import SqliteFiles

pytestmark = pytest.mark.long

DOCTOR = [sys.executable, "-m", "keyturn", "doctor"]


@pytest.fixture(scope="module")
def folder(sqlite: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a database."""
    folder = tmp_path_factory.mktemp("doctor")
    return Path(sqlite.migrated().removeprefix("sqlite:///")).rename(folder / "keyturn.db").parent


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Return an environment in which nothing fails."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("KEYTURN_", "RESEND_", "NO_"))},
        "KEYTURN_ENVIRONMENT": "development",
        "KEYTURN_MAIL_TRANSPORT": "capture",
        "KEYTURN_DATABASE_URL": "sqlite:///keyturn.db",
    }


def doctor(folder: Path, environment: dict[str, str], *flags: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*DOCTOR, *flags], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def on_a_terminal(folder: Path, environment: dict[str, str]) -> str:
    """Return what a terminal of 80 columns gets, both streams."""
    ours, theirs = pty.openpty()
    wide = environment | {"COLUMNS": "80", "TERM": "xterm"}
    with subprocess.Popen(DOCTOR, cwd=folder, env=wide, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        output = b""
        while chunk := _read(ours):
            output += chunk
        process.wait()
    os.close(ours)
    return output.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # EIO: the other side is closed
        return b""


def test_where_all_is_well_it_ends_with_0(folder: Path, environment: dict[str, str]) -> None:
    done = doctor(folder, environment)

    assert (done.returncode, done.stderr) == (0, "")
    *lines, empty, last = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["settings", "ok"],
        ["database", "ok"],
        ["accounts", "ok"],
        ["capture", "ok"],
        ["changed", "ok"],
    ]
    assert (empty, last) == ("", "All checks passed.")
    assert lines[0].endswith(f"for development; there is no keyturn.toml in {folder}")
    assert lines[2].endswith("the store builtin matches the settings")


def test_where_something_fails_it_ends_with_1_and_says_what_to_do(folder: Path, environment: dict[str, str]) -> None:
    done = doctor(folder, environment | {"KEYTURN_TOKEN_TTL": "soon"})
    lines = done.stdout.splitlines()

    assert (done.returncode, done.stderr) == (1, "")
    (fault,) = [number for number, line in enumerate(lines) if "KEYTURN_TOKEN_TTL" in line and "fail" in line]
    assert lines[fault + 1].strip().startswith("Set KEYTURN_TOKEN_TTL")
    assert lines[0].split(maxsplit=2) == ["settings", "warn", f"there is no keyturn.toml in {folder}"]
    assert lines[-1] == "1 to fix, 1 to look at."


def test_a_file_of_the_app_s_that_is_not_there_is_not_made_and_its_path_is_wrong(
    environment: dict[str, str], tmp_path: Path
) -> None:
    table = '[accounts]\nstore = "table"\n[accounts.table]\ntable = "users"\npassword = "password"\n'
    (tmp_path / "keyturn.toml").write_text(table, "utf-8")
    together = environment | {
        "KEYTURN_DATABASE_URL": "sqlite:///dev.db",
        "KEYTURN_SIGN_IN_URL": "https://app.example.org/login",
    }
    for given in (together, together | {"KEYTURN_ACCOUNTS_TABLE_URL": f"sqlite:///{tmp_path / 'dev.db'}"}):
        found = {one["check"]: one for one in json.loads(doctor(tmp_path, given, "--json").stdout)}

        assert (found["database"]["verdict"], found["accounts"]["verdict"]) == ("fail", "fail")
        assert "the path is wrong" in found["database"]["fix"]
        assert str(tmp_path / "dev.db") in found["accounts"]["message"]
        assert [file.name for file in tmp_path.iterdir()] == ["keyturn.toml"]


def test_a_page_of_one_s_own_that_cannot_be_drawn_fails_with_its_line(
    folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    page = '{% extends "keyturn/forgot.html" %}\n{% block answer %}\n{{ emial }}{% endblock %}'
    (tmp_path / "forgot.html").write_text(page)
    done = doctor(folder, environment | {"KEYTURN_PAGES_TEMPLATES": str(tmp_path)}, "--json")
    (found,) = [finding for finding in json.loads(done.stdout) if finding["check"] == "pages"]

    assert (done.returncode, found["verdict"]) == (1, "fail")
    assert found["message"].startswith(f"pages.templates: {tmp_path.resolve()}/forgot.html:3: 'emial' is undefined")
    assert "`keyturn serve` does not start" in found["fix"]


def test_json_is_an_array_of_findings(folder: Path, environment: dict[str, str]) -> None:
    done = doctor(folder, environment | {"KEYTURN_DATABASE_URL": "sqlite:///none.db"}, "--json")
    findings = json.loads(done.stdout)

    assert done.returncode == 1
    assert all(finding.keys() == {"check", "verdict", "message", "fix"} for finding in findings)
    assert {finding["check"]: finding["verdict"] for finding in findings} == {
        "settings": "ok",
        "database": "fail",
        "accounts": "ok",
        "capture": "ok",
        "changed": "ok",
    }


def test_it_shows_what_differs_from_the_defaults_and_no_secret(
    folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    secret = "0123456789abcdef" * 4
    (tmp_path / "keyturn.toml").write_text('[kinds.school]\n[brand]\nname = "Northwind"\n', "utf-8")
    done = doctor(
        folder,
        environment
        | {
            "KEYTURN_CONFIG": str(tmp_path / "keyturn.toml"),
            "KEYTURN_SECRET_KEY": secret,
            "KEYTURN_PREVIOUS_SECRET_KEYS": f"{secret[::-1]},{secret}0",
            "KEYTURN_TOKEN_TTL": "20m",
            "KEYTURN_SIGN_IN_URL": f"https://ada:{secret}@app.example.org/login",
        },
        "--json",
    )
    (changed,) = [one["message"] for one in json.loads(done.stdout) if one["check"] == "changed"]

    assert changed.split(", ") == [
        "environment = development",
        "sign_in_url = set",
        "secret_key = set",
        "previous_secret_keys = set",
        "database.url = set",
        "kinds = school",
        "token.ttl = 0:20:00",
        "mail.transport = capture",
        "brand.name = Northwind",
    ]
    assert secret not in done.stdout


def test_a_terminal_gets_colour_and_lines_that_fit(folder: Path, environment: dict[str, str]) -> None:
    output = on_a_terminal(folder, environment | {"KEYTURN_TOKEN_TTL": "2h"})

    assert "\x1b[33mwarn" in output
    assert "\x1b[32mok" in output
    report = re.sub(r"\x1b\[[0-9;]*m", "", output)
    assert max(len(line) for line in report.splitlines()) <= 80
    assert report.endswith("0 to fix, 1 to look at.\n")


def test_a_doubt_alone_is_no_failure_and_piped_it_has_columns_without_colour(
    folder: Path, environment: dict[str, str]
) -> None:
    doubtful = doctor(folder, environment | {"KEYTURN_TOKEN_TTL": "2h"})
    *lines, _, last = doubtful.stdout.splitlines()

    assert (doubtful.returncode, last) == (0, "0 to fix, 1 to look at.")
    assert len({len(line) - len(line.split(None, 2)[2]) for line in lines if not line.startswith(" ")}) == 1
    assert "\x1b" not in doubtful.stdout + doubtful.stderr
