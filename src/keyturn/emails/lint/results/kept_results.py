"""The file that a folder's findings are kept in, from one `check` to the next."""

import hashlib
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from keyturn.emails.lint.template_checks import TemplateFindings
from keyturn.private_files import make_private_folder

_MOST = 5_000
"""Templates that a file is about, the last ones: two branches of a thousand templates have room."""

_LARGEST = 64_000_000
_MOST_FILES = 32
_NOT_KEPT = ("limits/", "jinja/missing-template", "mjml/missing-include")
"""Rules whose findings depend on more than the files: on the machine, or on what other files are called."""


class KeptResults:
    """Holds what was found by key; `save` keeps what was asked for or added last."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _read(file)
        self._used: dict[str, TemplateFindings] = {}

    def get(self, key: str) -> TemplateFindings | None:
        if found := self._known.get(key):
            self._used[key] = found
        return found

    def put(self, key: str, findings: TemplateFindings) -> None:
        cut_short = findings.branches is not None and findings.branches.is_cut_short
        if not cut_short and not any(finding.rule.startswith(_NOT_KEPT) for finding, _ in findings.found):
            self._used[key] = findings

    def save(self) -> None:
        """Write the file, whole or not at all; where that is impossible, the next check takes its time."""
        if self._used.keys() <= self._known.keys():
            return
        left = {key: found for key, found in self._known.items() if key not in self._used}
        kept = dict([*left.items(), *self._used.items()][-_MOST:])
        half = self._file.with_suffix(f".{os.getpid()}.half")
        with suppress(OSError):
            make_private_folder(self._file.parent)
            half.write_bytes(msgspec.msgpack.encode(kept))
            half.replace(self._file)
            _remove_oldest(self._file.parent)


def results_file(folder: Path) -> Path:
    """Return the file for a folder of templates, in the cache of the person who runs this."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:24]
    return _cache_folder() / "keyturn" / "check" / f"{name}.msgpack"


def _cache_folder() -> Path:
    """Return where a program keeps what it can do without (XDG Base Directory Specification, and its likes)."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    told = os.environ.get("XDG_CACHE_HOME", "")
    return Path(told) if Path(told).is_absolute() else Path.home() / ".cache"


def _read(file: Path) -> Mapping[str, TemplateFindings]:
    try:
        if file.stat().st_size > _LARGEST:
            return {}
        return msgspec.msgpack.decode(file.read_bytes(), type=dict[str, TemplateFindings])
    except (OSError, msgspec.DecodeError):  # none yet, or one of another version
        return {}


def _remove_oldest(folder: Path) -> None:
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[_MOST_FILES:]:
        file.unlink(missing_ok=True)
