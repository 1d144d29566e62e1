"""Checks templates in several processes, each within its limits, and reuses the findings of
unchanged templates.

Findings are stored under a key of all that they depend on. Not stored are those that an app's code,
the machine or other names decide, and any in folders with links to folders. The store lies in the
user's cache: in the checked folder, a branch could bring findings of its own.
"""

import hashlib
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec.structs import replace

from keyturn.plain_files import make_private_folder, replace_file, user_cache_folder, walk
from keyturn.studio.gallery import Entry, Gallery, MailName
from keyturn.studio.gallery.branches.exploration import MOST_PASSES
from keyturn.studio.gallery.discovery import FileState, state_of
from keyturn.studio.gallery.gallery import Fingerprint, fingerprints
from keyturn.studio.lint.rules import RULES, limit_finding
from keyturn.studio.lint.template_checks import ENOUGH, TemplateChecks, TemplateResult
from keyturn.studio.renderers import LimitExceeded, Limits, RendererPool, renderers_for

# seconds for work that belongs to no single mail: loading the checks, reading samples and files
_BESIDE = 10
# templates in a store, the last ones used: enough for two branches of a thousand templates
_MOST_KEPT = 5_000
_LARGEST_KEPT = 64_000_000
_MOST_FILES = 32
# Libraries that findings depend on.
_LIBRARIES = (
    "keyturn",
    "babel",
    "css-inline",
    "jinja2",
    "markupsafe",
    "mjml-python",
    "msgspec",
    "tinycss2",
)
# A file that is included by a computed name may be any file.
_BY_VALUE = re.compile(r"""\{%[-+]?\s*(?:extends|include|import|from)\s+(?!["'\[])""")


class ResultCache:
    """Keeps the findings on the templates of a folder.

    `depends_on`: what else decides them, such as settings.
    """

    def __init__(self, folder: Path, depends_on: Iterable[bytes]) -> None:
        name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:24]
        self._file = user_cache_folder("check") / f"{name}.msgpack"
        self._depends_on = tuple(depends_on)

    def check(
        self,
        gallery: Gallery,
        names: Sequence[str],
        check: Callable[[Sequence[str]], Iterable[TemplateResult]],
    ) -> Iterable[TemplateResult]:
        """Return the findings on templates: `check` makes those of templates that have changed."""
        known, keys = _read(self._file), _state_keys(gallery, names, self._depends_on)
        results = {name: known[key] for name, key in keys.items() if key in known}
        left = [name for name in names if name not in results]
        results |= zip(left, check(left), strict=True)
        used = {
            key: result for name, key in keys.items() if not (result := results[name]).is_cut_short
        }
        # Of others, the machine or other names decide.
        used = {
            key: result
            for key, result in used.items()
            if all(RULES.row_of(one).is_stored for one in result.findings)
        }
        if not used.keys() <= known.keys():
            self._save({key: result for key, result in known.items() if key not in used} | used)
        return [results[name] for name in names]

    def _save(self, results: Mapping[str, TemplateResult]) -> None:
        """Replace the file with the last of these.

        If that fails, the next check starts without these parts.
        """
        with suppress(OSError):
            make_private_folder(self._file.parent)
            replace_file(self._file, msgspec.msgpack.encode(dict([*results.items()][-_MOST_KEPT:])))
            files = sorted(
                self._file.parent.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True
            )
            for old in files[_MOST_FILES:]:
                old.unlink(missing_ok=True)


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
    below = (
        Path(above, name)
        for top in gallery.watched_folders
        for above, names, _ in walk(top)
        for name in names
    )
    if any(folder.is_symlink() for folder in below):
        return {}
    states = fingerprints(gallery)
    of_all = Fingerprint().union(*states.values())
    shared = of_all.intersection(*states.values())
    start = _digest(_code_key(), depends_on, list(gallery.languages.known), _without_git(shared))
    state = cache(lambda file: state_of(str(gallery.folders / file)))

    @cache
    def includes_by_value(file: str) -> bool:
        return (gallery.folders / file).is_file() and bool(_BY_VALUE.search(gallery.source(file)))

    def key(name: str) -> str:
        files = gallery.files_of(name)  # some lie beside another template
        own = (of_all if any(map(includes_by_value, files)) else states[name]) - shared
        return _digest(start, name, _without_git(own), [*map(state, files)])

    return {name: key(name) for name in names}


def _without_git(files: Fingerprint) -> Sequence[FileState]:
    return sorted(one for one in files if not one[0].startswith(".git/"))


@cache
def _code_key() -> str:
    """Return a digest of the code and data of the checks: in a checkout they change without the
    version.
    """
    package = Path(__file__).parents[2]
    files = (
        file for folder in ("studio", "mail") for file in sorted((package / folder).rglob("*.*"))
    )
    states = [state_of(str(file)) for file in files if file.suffix in (".py", ".json", ".toml")]
    return _digest(platform.python_version(), list(map(version, _LIBRARIES)), states)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def check_in_renderers(
    checks: TemplateChecks, names: Sequence[str], /, jobs: int, results: ResultCache | None = None
) -> Iterable[TemplateResult]:
    """Check templates in `jobs` processes.

    One that crashes its process is a finding; the others are still checked.
    """
    if results:
        return results.check(
            checks.gallery, names, lambda left: check_in_renderers(checks, left, jobs)
        )
    if not names:
        return []
    entries = {entry.name: entry for entry in checks.gallery.entries()}
    jobs = min(jobs, len(names))

    def check(name: str) -> TemplateResult:
        def run(seconds: float) -> TemplateResult:
            return renderers.run_for(seconds, TemplateChecks.check, name)

        return check_apart(run, checks.gallery, entries[name], checks.limits)

    # Started before the threads and stopped before the threads are joined: so Ctrl-C ends
    # everything at once.
    renderers = renderers_for(checks, checks.limits, jobs)
    with ThreadPoolExecutor(jobs if isinstance(renderers, RendererPool) else 1) as threads:
        try:
            return list(threads.map(check, names))
        finally:
            renderers.close()


def check_apart(
    run: Callable[[float], TemplateResult], gallery: Gallery, entry: Entry, limits: Limits
) -> TemplateResult:
    """Check a template in a renderer, where `run` may take some seconds.

    A limit that it passes is a finding.
    """
    branches = MOST_PASSES + 1 if gallery.finds_branches else 0
    mails = max(1, len(entry.samples) + len(gallery.languages.known) - 1 + branches)
    try:
        return run(limits.seconds * (mails + ENOUGH) + _BESIDE)
    except LimitExceeded as exceeded:
        limit = limit_finding(exceeded.limit, gallery.files(entry.name).markup)
    return TemplateResult((replace(limit, mails=(MailName(entry.name),), hides=True),))
