"""Addresses of databases as docs/accounts.md lists them: the service and init read them alike."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.commands.init.apps import READY, TEXTS, sqlite_app

from keyturn.errors import SettingsInvalid
from keyturn.extras import folder
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long


def codes() -> Iterator[tuple[str, bool]]:
    """Yield each address of the table, and whether the table calls it a fault."""
    page = (folder("docs") / "accounts.md").read_text("utf-8")
    for line in page.partition("| In the address |")[2].partition("\n\n")[0].splitlines()[2:]:
        spellings, *_, says = line.strip().strip("|").split("|")
        for code in re.findall(r"`([^`]+)`", spellings):
            address = f"postgresql://app:hunter2@db/app{code}" if code.startswith("?") else code
            yield address, says.strip().startswith("a fault")


def test_each_spelling_is_read(keyturn: Keyturn) -> None:
    sqlite_app("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT);")
    kinds = {
        code: read_url(code, "accounts.table.url").kind
        for code, is_refused in codes()
        if not is_refused
    }
    assert {*kinds.values()} == {"sqlite", "postgresql", "mysql"}
    for code in [code for code, kind in kinds.items() if kind == "sqlite"]:
        assert keyturn("init", "--database", code, *TEXTS, "--force").code == 0
        assert read_settings(Path("keyturn.toml"), READY).accounts.table.url == code


@pytest.mark.parametrize("code", [code for code, is_refused in codes() if is_refused])
def test_what_is_not_understood_is_refused_by_one_sentence(keyturn: Keyturn, code: str) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read_url(code, "accounts.table.url")
    (fault,) = invalid.value.faults
    ended = keyturn("init", "--database", code, "--table", "users", *TEXTS)
    assert (ended.code, ended.err) == (1, f"keyturn: --database: {fault.message}\n")
    assert ("hunter2" in ended.err, Path("keyturn.toml").exists()) == (False, False)
