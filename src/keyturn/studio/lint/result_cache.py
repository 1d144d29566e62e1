"""Keeps the findings of templates, and finds those of unchanged ones again.

Findings are stored under a key of all that they depend on. Not stored are those that an app's code,
the machine or other names decide, and any in folders with links to folders. The store lies in the
user's cache: in the checked folder, a branch could bring findings of its own.
"""

import hashlib
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from keyturn.plain_files import make_private_folder, replace_file, user_cache_folder, walk
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.discovery import FileState, state_of
from keyturn.studio.gallery.gallery import Fingerprint, fingerprints
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.template_checks import TemplateResult

# templates in a store, the last ones used: enough for two branches of a thousand templates
_MOST_KEPT = 5_000
_LARGEST_KEPT = 64_000_000  # bytes of a store that is read
_MOST_FILES = 32
# Libraries that findings depend on.
_LIBRARIES = (
    "keyturn", "babel", "css-inline", "jinja2", "markupsafe", "mjml-python", "msgspec", "tinycss2",
)  # fmt: skip
# A file that is included by a computed name may be any file.
_BY_VALUE = re.compile(r"""\{%[-+]?\s*(?:extends|include|import|from)\s+(?!["'\[])""")


class ResultCache:
    """Keeps the findings on the templates of a folder, in the templates' state of one moment.

    `depends_on`: what else decides them, such as settings.
    """

    def __init__(self, gallery: Gallery, names: Sequence[str], depends_on: Iterable[bytes]) -> None:
        folder = os.fsencode(gallery.folder.resolve())
        name = hashlib.sha256(folder).hexdigest()[:24]
        self._file = user_cache_folder("check") / f"{name}.msgpack"
        self._keys = _state_keys(gallery, names, depends_on)
        self._stored = _read(self._file)

    def known(self) -> dict[str, TemplateResult]:
        """Return the results of templates that have not changed, by name."""
        return {name: self._stored[key] for name, key in self._keys.items() if key in self._stored}

    def keep(self, results: Mapping[str, TemplateResult]) -> None:
        """Store the results, by name, behind those that are stored already."""
        used = {}
        for name, key in self._keys.items():
            if _may_be_kept(results[name]):
                used[key] = results[name]
        if used.keys() <= self._stored.keys():
            return
        unused = {key: result for key, result in self._stored.items() if key not in used}
        latest = [*unused.items(), *used.items()][-_MOST_KEPT:]
        # If it cannot be written, the next check starts without these results.
        with suppress(OSError):
            make_private_folder(self._file.parent)
            replace_file(self._file, msgspec.msgpack.encode(dict(latest)))
            _delete_old_files(self._file.parent)


def _may_be_kept(result: TemplateResult) -> bool:
    """Tell whether another check would have the same result: neither the machine nor other names
    decide it.
    """
    is_of_files = all(RULES.row_of(finding).is_stored for finding in result.findings)
    return is_of_files and not result.is_cut_short


def _delete_old_files(folder: Path) -> None:
    latest_first = sorted(folder.iterdir(), key=_time_of_change, reverse=True)
    for old in latest_first[_MOST_FILES:]:
        old.unlink(missing_ok=True)


def _time_of_change(file: Path) -> float:
    return file.stat().st_mtime


def _read(file: Path) -> Mapping[str, TemplateResult]:
    try:
        if file.stat().st_size > _LARGEST_KEPT:
            return {}
        return msgspec.msgpack.decode(file.read_bytes(), type=dict[str, TemplateResult])
    except (OSError, msgspec.DecodeError):  # missing, or written by another version
        return {}


def _state_keys(
    gallery: Gallery, names: Sequence[str], depends_on: Iterable[bytes]
) -> Mapping[str, str]:
    """Return a key for each template, or an empty mapping if keys are impossible."""
    if _has_linked_folders(gallery):
        return {}
    states = fingerprints(gallery)
    of_all = Fingerprint().union(*states.values())
    shared = of_all.intersection(*states.values())
    start = _digest(
        _code_key(), tuple(depends_on), list(gallery.languages.known), _without_git(shared)
    )

    @cache
    def state(file: str) -> FileState:
        return state_of(str(gallery.folders / file))

    @cache
    def includes_by_value(file: str) -> bool:
        return (gallery.folders / file).is_file() and bool(_BY_VALUE.search(gallery.source(file)))

    keys = {}
    for name in names:
        files = gallery.files_of(name)  # some lie beside another template
        own = states[name]
        if any(map(includes_by_value, files)):
            own = of_all
        keys[name] = _digest(start, name, _without_git(own - shared), [*map(state, files)])
    return keys


def _has_linked_folders(gallery: Gallery) -> bool:
    """Tell whether a folder is a link: what lies behind it is not watched."""
    for top in gallery.watched_folders:
        for above, folders, _ in walk(top):
            if any(Path(above, folder).is_symlink() for folder in folders):
                return True
    return False


def _without_git(files: Fingerprint) -> Sequence[FileState]:
    return sorted(file for file in files if not file[0].startswith(".git/"))


@cache
def _code_key() -> str:
    """Return a digest of the code and data of the checks: in a checkout they change without the
    version.
    """
    package = Path(__file__).parents[2]
    states = []
    for folder in ("studio", "mail"):
        for file in sorted((package / folder).rglob("*.*")):
            if file.suffix in (".py", ".json", ".toml"):
                states.append(state_of(str(file)))
    return _digest(platform.python_version(), list(map(version, _LIBRARIES)), states)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
