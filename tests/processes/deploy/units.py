"""The units of deploy/systemd, read as systemd reads them, and installed into a folder for systemd-analyze."""

import shutil
from pathlib import Path

DEPLOY = Path(__file__).parents[3] / "deploy"
UNITS = DEPLOY / "systemd"
NAMES = ("keyturn.service", "keyturn-worker.service")


class Unit:
    """The section [Service] of a hardened unit and of `added`, as in systemd.unit(5): an empty value removes others."""

    def __init__(self, name: str, added: str = "") -> None:
        self._values: dict[str, list[str]] = {}
        for file in (name, "hardened.conf"):
            self._read((UNITS / file).read_text("utf-8"))
        self._read(f"[Service]\n{added}")

    def _read(self, text: str) -> None:
        section = ""
        for line in text.splitlines():
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self._values[key] = [*self._values.get(key, []), value] if value else []

    def all(self, key: str) -> list[str]:
        return self._values.get(key, [])

    def one(self, key: str) -> str:
        """Return the last value, or "" if the unit has none."""
        return next(reversed(self.all(key)), "")

    def has(self, key: str) -> bool:
        return self.one(key) == "yes"


def install(folder: Path, name: str, program: Path, *, hardened: bool) -> Path:
    """Install a unit as docs/deploying.md says, with `program` instead of /opt/keyturn/bin/keyturn."""
    text = (UNITS / name).read_text("utf-8")
    assert "/opt/keyturn/bin/keyturn" in text
    unit = folder / name
    unit.write_text(text.replace("/opt/keyturn/bin/keyturn", str(program)), "utf-8")
    if hardened:
        drop_ins = folder / f"{name}.d"
        drop_ins.mkdir()
        shutil.copy(UNITS / "hardened.conf", drop_ins)
    return unit
