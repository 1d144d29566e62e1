"""Where settings come from, and which source wins."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.functions.settings.conftest import ENOUGH, Read

from keyturn.errors import SettingsInvalid
from keyturn.service.settings import SecretStr, Settings
from keyturn.service.settings.reading import read_settings


def test_without_a_file_and_variables_the_defaults_hold(
    read: Read, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read(bare=True, sending=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))

    assert read_settings(environ={}, sending=False) == settings == Settings()
    assert settings.token.ttl == timedelta(minutes=30)
    assert settings.token.code is False
    assert settings.limits.request == "3/minute"


def test_a_variable_beats_the_file_and_needs_no_section_there(read: Read) -> None:
    toml = '[token]\nttl = "1h"\ncode = true'
    settings = read(toml, KEYTURN_TOKEN_TTL="45m", KEYTURN_BRAND_NAME="Northwind School")

    assert read(toml).token.ttl == timedelta(hours=1)
    assert (settings.token.ttl, settings.token.code) == (timedelta(minutes=45), True)
    assert settings.brand.name == "Northwind School"


def test_keyturns_own_name_for_a_key_beats_the_providers_and_others_are_not_looked_at(
    read: Read,
) -> None:
    assert read().resend.api_key == ENOUGH["RESEND_API_KEY"]
    assert (
        read(KEYTURN_RESEND_API_KEY="re_ours", RESEND_API_KEY="re_theirs").resend.api_key
        == "re_ours"
    )
    assert read(PATH="/bin", RESEND_OTHER="x", TOKEN_TTL="soon").token.ttl == timedelta(minutes=30)


def test_a_file_that_a_caller_gives_or_a_variable_names_is_the_one_and_must_exist(
    read: Read, tmp_path: Path
) -> None:
    other, missing = tmp_path / "other.toml", str(tmp_path / "missing.toml")
    other.write_text('[brand]\nname = "Elsewhere"')

    assert read('[brand]\nname = "Here"', KEYTURN_CONFIG=str(other)).brand.name == "Elsewhere"
    assert read_settings(other, {**ENOUGH, "KEYTURN_CONFIG": missing}).brand.name == "Elsewhere"
    with pytest.raises(SettingsInvalid, match="no such file") as invalid:
        read(KEYTURN_CONFIG=missing)
    assert invalid.value.faults[0].name == missing


@pytest.mark.parametrize(
    "content", [b"[token\n", b"a = \xff\n", b"a = 1\na = 2\n", b"a = 1" + b"0" * 5_000]
)
def test_a_file_that_is_no_toml_is_a_fault_by_its_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keyturn.toml"
    file.write_bytes(content)

    for unreadable in (file, tmp_path):
        with pytest.raises(SettingsInvalid, match="cannot be read") as invalid:
            read_settings(unreadable, {})
        assert [fault.name for fault in invalid.value.faults] == [str(unreadable)]


def test_file_below_a_file(tmp_path: Path) -> None:
    """A path through a file is a fault that says so: there is more wrong than a missing file."""
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "keyturn.toml"
    with pytest.raises(SettingsInvalid) as invalid:
        read_settings(below, {})
    assert [str(fault) for fault in invalid.value.faults] == [
        f"{below}: cannot be read: Not a directory"
    ]


@pytest.mark.parametrize(
    ("base_url", "origin", "secure"),
    [
        ("https://account.example.org", "https://account.example.org", True),
        ("https://Example.org/account/", "https://example.org", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", False),
    ],
)
def test_the_origin_is_the_base_url_without_its_path(
    base_url: str, origin: str, secure: bool
) -> None:
    settings = Settings(base_url=base_url, secret_key=SecretStr("x" * 32))

    assert (settings.origin, settings.secure) == (origin, secure)


def test_a_folder_in_the_file_is_beside_the_file_and_one_in_a_variable_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app" / "mails").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    file = tmp_path / "app" / "keyturn.toml"
    file.write_text('[mail]\ntemplates = "mails"\n', "utf-8")
    monkeypatch.chdir(tmp_path)

    assert read_settings(file, {}, sending=False).mail.templates == str(tmp_path / "app" / "mails")
    here = read_settings(file, {"KEYTURN_MAIL_TEMPLATES": "here"}, sending=False)
    assert here.mail.templates == "here"
