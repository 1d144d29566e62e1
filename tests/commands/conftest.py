"""The command line, in a folder of its own and with an environment that holds nothing of
Keyturn's.
"""

import io
import os
import sys
from pathlib import Path

import pytest
from tests.commands.command import ADA, CHEAP, PASSWORD, Ended, Keyturn
from tests.commands.school import School
from tests.servers.databases import SqliteFiles

from keyturn.cli import main


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("KEYTURN_", "RESEND_", "SUPABASE_")) or name in {
            "NO_COLOR",
            "DATABASE_URL",
        }:
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def keyturn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Keyturn:
    """Run a command as the console script does, with its output piped."""

    def run(*arguments: str, stdin: object = "", **environment: str) -> Ended:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["keyturn", *arguments])
            patch.setattr(sys, "stdin", io.StringIO(stdin) if isinstance(stdin, str) else stdin)
            for name, value in environment.items():
                patch.setenv(name, value)
            code: object = 0
            try:
                main()
            except SystemExit as end:
                code = end.code
        assert isinstance(code, int)
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def migrated(keyturn: Keyturn, workplace: Path, sqlite: SqliteFiles) -> Keyturn:
    """Do what `keyturn` does, on a database that is ready: what `keyturn migrate` makes."""
    (workplace / ".keyturn").mkdir(0o700)
    Path(sqlite.migrated().removeprefix("sqlite:///")).rename(workplace / ".keyturn" / "keyturn.db")
    return keyturn


@pytest.fixture
def with_ada(migrated: Keyturn) -> Keyturn:
    """Do what `migrated` does, with an account that has a password: without one it would be sent an
    invitation.
    """
    added = migrated("accounts", "add", ADA, "--password-stdin", stdin=PASSWORD, **CHEAP)
    assert added.code == 0, added.err
    return migrated


@pytest.fixture
def school(migrated: Keyturn) -> School:
    del migrated  # asked for, so that the database is ready
    return School()
