"""Files that are written whole."""

import os
from pathlib import Path

import pytest

from keyturn.plain_files import add_private_file


def test_private_file_without_chmod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private file can be added on a mount that refuses to change permissions."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chmod", refuse)
    file = tmp_path / "new" / "token"
    add_private_file(file, b"content")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"content", 0o600)
