"""Secrets in files: `NAME_FILE` and systemd's credentials, for Keyturn's variables and `${NAME}` in
keyturn.toml.
"""

import os
import tempfile
import traceback
from pathlib import Path

import pytest
from tests.functions.settings.conftest import ENOUGH, Faults, Read
from tests.permissions import as_stranger

from keyturn.errors import SettingsInvalid
from keyturn.service.settings import SecretStr
from keyturn.service.settings.reading import read_settings, secret_variables

WORD = "hunter2-" * 5
NO_KEY = {name: value for name, value in ENOUGH.items() if name != "KEYTURN_SECRET_KEY"}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{WORD}\n", "utf-8")
    return file


def message(name: str, environ: dict[str, str]) -> str:
    with pytest.raises(SettingsInvalid) as invalid:
        read_settings(environ=NO_KEY | environ, with_file=False)
    assert WORD not in "".join(traceback.format_exception(invalid.value))
    return "; ".join(str(fault) for fault in invalid.value.faults if fault.name == name)


def test_white_space_and_a_byte_order_mark_around_a_secret_are_not_part_of_it(
    read: Read, secret: Path
) -> None:
    for written in [
        WORD,
        f"{WORD}\n",
        f"{WORD}\r\n",
        f"{WORD}\n\n",
        f"\ufeff {WORD} \n",
        f"ä{WORD}",
    ]:
        secret.write_bytes(written.encode())
        meant = "ä" + WORD if "ä" in written else WORD
        by_file = read(bare=True, sending=False, KEYTURN_SECRET_KEY_FILE=str(secret)).secret_key
        by_variable = read(bare=True, sending=False, KEYTURN_SECRET_KEY=written).secret_key
        assert by_file == by_variable == meant
        assert type(by_file) is SecretStr
    secret.write_text(f" {WORD} \n")
    assert read(KEYTURN_SMTP_PASSWORD_FILE=str(secret)).smtp.password == f" {WORD} ", (
        "a password keeps its blanks"
    )


@pytest.mark.parametrize("odd", ["a\nb", "a\rb", "a\x00b", "a\x85b", "a\u2028b"])
@pytest.mark.parametrize(
    "name",
    ["KEYTURN_MAIL_FROM", "KEYTURN_RESEND_API_KEY", "KEYTURN_BRAND_NAME", "KEYTURN_SMTP_USERNAME"],
)
def test_a_control_character_within_a_value_or_quotation_marks_around_it_stop_the_start(
    name: str, odd: str
) -> None:
    said = message(name, {name: odd})
    assert f"contains a line break or another control character (U+{ord(odd[1]):04X})" in said
    assert "a" + odd[1] not in said
    assert "is in quotation marks" in message("RESEND_API_KEY", {"RESEND_API_KEY": f'"{WORD}"'})


def test_every_secret_can_come_from_a_file(tmp_path: Path) -> None:
    names = sorted(secret_variables())
    for name in names:
        (tmp_path / name).write_text(f"no value of {name}", "utf-8")
    environ = {f"{name}_FILE": str(tmp_path / name) for name in names}

    with pytest.raises(SettingsInvalid) as invalid:
        read_settings(
            environ={f"{name}_FILE": "/nowhere/secret" for name in names}, with_file=False
        )
    unread = {
        fault.origin
        for fault in invalid.value.faults
        if fault.message == "/nowhere/secret does not exist"
    }
    replaced = {"RESEND_API_KEY", "SUPABASE_SERVICE_ROLE_KEY"}
    assert {
        "KEYTURN_SECRET_KEY_FILE",
        "KEYTURN_DATABASE_URL_FILE",
        "KEYTURN_SMTP_PASSWORD_FILE",
    } <= unread
    assert all(
        f"{name}_FILE" in unread
        for name in names
        if name.startswith("KEYTURN_") and "STUDIO" not in name
    )
    assert unread.isdisjoint(f"{name}_FILE" for name in replaced), "Keyturn's own name wins"

    with pytest.raises(SettingsInvalid) as invalid:
        read_settings(environ=environ, with_file=False)
    assert "unknown setting" not in str(invalid.value)
    assert "no value of" not in str(invalid.value)


def test_the_name_of_a_provider_and_a_list_work_too(read: Read, secret: Path) -> None:
    keys = secret.with_name("keys")
    keys.write_text(f"{WORD}a, {WORD}b\n", "utf-8")
    settings = read(
        **{name: value for name, value in NO_KEY.items() if name != "RESEND_API_KEY"},
        bare=True,
        KEYTURN_SECRET_KEY=WORD,
        RESEND_API_KEY_FILE=str(secret),
        KEYTURN_PREVIOUS_SECRET_KEYS_FILE=str(keys),
    )

    assert settings.resend.api_key == WORD
    assert settings.previous_secret_keys == (f"{WORD}a", f"{WORD}b")


def test_a_place_in_the_file_is_filled_from_a_file_and_a_credential_of_systemd_comes_last(
    read: Read, faults: Faults, tmp_path: Path, secret: Path
) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    for name in ("KEYTURN_SECRET_KEY", "EMAIL_PASS"):
        (folder / name).write_text(f"{WORD}of {name}", "utf-8")
    (tmp_path / "above").write_text(WORD, "utf-8")
    place = {"CREDENTIALS_DIRECTORY": str(folder)}
    toml = '[smtp]\npassword = "${EMAIL_PASS}"'

    settings = read(toml, bare=True, sending=False, **place)
    assert (settings.secret_key, settings.smtp.password) == (
        f"{WORD}of KEYTURN_SECRET_KEY",
        f"{WORD}of EMAIL_PASS",
    )
    url = '\n[database]\nurl = "postgresql://app:${EMAIL_PASS:-none}@db/school"'
    settings = read(toml + url, **place, EMAIL_PASS_FILE=str(secret))
    assert (settings.secret_key, settings.smtp.password) == (ENOUGH["KEYTURN_SECRET_KEY"], WORD)
    assert settings.database.url == f"postgresql://app:{WORD}@db/school"
    assert faults('[brand]\nname = "${../above}"', **place) == {
        "brand.name": "${../above} does not contain the name of a variable"
    }


def test_an_empty_variable_leaves_the_place_to_the_file(read: Read, secret: Path) -> None:
    """Compose passes `NAME: ${NAME:-}` as an empty variable."""
    settings = read(
        bare=True, sending=False, KEYTURN_SECRET_KEY="", KEYTURN_SECRET_KEY_FILE=str(secret)
    )
    assert settings.secret_key == WORD
    assert read(KEYTURN_SECRET_KEY_FILE="").secret_key == ENOUGH["KEYTURN_SECRET_KEY"]


def test_the_variable_and_its_file_exclude_each_other(secret: Path, faults: Faults) -> None:
    both = {"KEYTURN_SECRET_KEY": WORD, "KEYTURN_SECRET_KEY_FILE": str(secret)}
    said = "KEYTURN_SECRET_KEY_FILE: KEYTURN_SECRET_KEY is set, too: unset one of the two"
    assert message("secret_key", both) == said
    assert faults('[smtp]\npassword = "${PASS}"', PASS=WORD, PASS_FILE=str(secret)) == {
        "smtp.password": "PASS_FILE: PASS is set, too: unset one of the two"
    }


def test_a_file_that_is_no_secret_is_one_fault(tmp_path: Path, read: Read) -> None:
    contents = {
        "largest": b"x" * 65_536,
        "big": b"x" * 65_537,
        "bytes": b"\xff\xfe",
        "empty": b"",
        "blank": b" \n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert (
        len(
            read(
                bare=True, sending=False, KEYTURN_SECRET_KEY_FILE=str(tmp_path / "largest")
            ).secret_key
        )
        == 65_536
    )
    os.mkfifo(tmp_path / "fifo")
    no_file = "cannot be read: it is not a regular file, but a pipe, a socket or a device"

    for file, said in {
        str(tmp_path / "nowhere"): "does not exist",
        str(tmp_path / "fifo"): no_file,
        "/dev/zero": no_file,
        str(tmp_path): "cannot be read: Is a directory",
        str(tmp_path / "big"): "has more than 64 KiB, the most that is read for a secret",
        str(tmp_path / "bytes"): "is not UTF-8: a secret is text",
        str(tmp_path / "empty"): "is empty: write the secret into it",
        str(tmp_path / "blank"): "is empty: write the secret into it",
        f"{tmp_path}/a\0b": "has a NUL in its name",
    }.items():
        found = message("secret_key", {"KEYTURN_SECRET_KEY_FILE": file})
        assert found.startswith("KEYTURN_SECRET_KEY_FILE: "), found
        assert found.endswith(f" {said}")


def test_a_file_that_only_another_user_can_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "key"
        file.write_text(WORD, "utf-8")
        file.chmod(0)
        with as_stranger():
            found = message("secret_key", {"KEYTURN_SECRET_KEY_FILE": str(file)})

    assert found == f"KEYTURN_SECRET_KEY_FILE: {file} cannot be read: Permission denied"


def test_only_secrets_are_read_from_files(faults: Faults) -> None:
    found = faults(KEYTURN_SERVER_PORT_FILE="/run/port", KEYTURN_SECRT_KEY_FILE="/run/key")
    assert found == {
        "KEYTURN_SERVER_PORT_FILE": "only secrets are read from files: set KEYTURN_SERVER_PORT",
        "KEYTURN_SECRT_KEY_FILE": "unknown setting; did you mean KEYTURN_SECRET_KEY?",
    }


def test_a_file_of_an_overridden_or_unneeded_value_is_not_read(read: Read, tmp_path: Path) -> None:
    toml = '[smtp]\npassword = "${PASS}"'
    assert read(toml, PASS_FILE="/nowhere/pass", KEYTURN_SMTP_PASSWORD=WORD).smtp.password == WORD
    (tmp_path / "keyturn.toml").write_text(toml, "utf-8")
    environ = {"PASS_FILE": "/nowhere/pass", "KEYTURN_DATABASE_URL_FILE": "/nowhere/url"}
    assert not read_settings(environ=environ, sending=False, connecting=False).smtp.password
