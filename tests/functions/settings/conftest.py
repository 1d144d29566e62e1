"""Reading settings from a file in a folder of its own, and from an environment that holds nothing else."""

from pathlib import Path

import pytest
from tests.functions.settings.reading import ENOUGH, Faults, Read

from keyturn.errors import SettingsInvalid
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import read_settings


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read `toml` and the variables, beside those that are enough unless `bare`."""
    monkeypatch.chdir(tmp_path)

    def read(toml: str = "", *, bare: bool = False, sending: bool = True, **variables: str) -> Settings:
        (tmp_path / "keyturn.toml").write_text(toml, "utf-8")
        return read_settings(environ=({} if bare else ENOUGH) | variables, sending=sending)

    return read


@pytest.fixture
def faults(read: Read) -> Faults:
    """Do what `read` does, and return what is wrong, by the name of the setting."""

    def faults(toml: str = "", **options: object) -> dict[str, str]:
        with pytest.raises(SettingsInvalid) as invalid:
            read(toml, **options)
        names = [fault.name for fault in invalid.value.faults]
        assert len(names) == len(set(names)), "a setting is named twice"
        return {fault.name: fault.message for fault in invalid.value.faults}

    return faults
