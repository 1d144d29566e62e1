"""The capture transport: what would have been sent lies in a folder."""

import asyncio
import os
import stat
from email import message_from_bytes, policy
from pathlib import Path
from typing import NoReturn

import pytest

from keyturn.mail.port.email import Email
from keyturn.service.sending.senders import CaptureSender

pytestmark = pytest.mark.slow


def captured(folder: Path) -> list[Path]:
    files = sorted(folder.iterdir())
    assert all(file.suffix == ".eml" for file in files), "something half-written stayed"
    return files


async def test_a_mail_becomes_one_file_under_its_key_that_nobody_else_on_the_machine_can_read(
    tmp_path: Path, mail: Email
) -> None:
    made = tmp_path / "a" / "b"
    sender = CaptureSender(made)
    for _ in range(2):
        assert await sender.send(mail, "key-1") == "key-1"
    await sender.close()

    (file,) = captured(made)
    assert file.name == "key-1.eml"
    assert [rights(path) for path in (tmp_path / "a", made, file)] == [0o700, 0o700, 0o600]
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (message["to"], message["subject"]) == (mail.to, mail.subject)


def test_a_folder_that_is_there_keeps_its_rights(tmp_path: Path, mail: Email) -> None:
    tmp_path.chmod(0o750)
    asyncio.run(CaptureSender(tmp_path).send(mail, "key-1"))

    assert rights(tmp_path) == 0o750


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_a_mail_takes_does_not_grow_with_those_that_lie_there(
    tmp_path: Path, mail: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = CaptureSender(tmp_path)
    await sender.send(mail, "key-1")
    for listing in ("listdir", "scandir"):
        monkeypatch.setattr(os, listing, _fail)
    for listing in ("glob", "rglob", "iterdir"):
        monkeypatch.setattr(Path, listing, _fail)
    await sender.send(mail, "key-2")
    await sender.send(mail, "key-2")
    monkeypatch.undo()

    assert len(captured(tmp_path)) == 2


def _fail(*_: object) -> NoReturn:
    pytest.fail("the folder was listed")
