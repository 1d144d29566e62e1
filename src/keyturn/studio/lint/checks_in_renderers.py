"""Checks templates in several processes, each within its limits, and reuses the results of
unchanged templates.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from keyturn.studio.gallery import Entry, Gallery, MailName
from keyturn.studio.gallery.branches.exploration import MOST_PASSES
from keyturn.studio.lint.result_cache import ResultCache
from keyturn.studio.lint.rules import limit_finding
from keyturn.studio.lint.template_checks import ENOUGH, TemplateChecks, TemplateResult
from keyturn.studio.renderers import LimitExceeded, Limits, RendererPool, renderers_for

# seconds for work that belongs to no single mail: loading the checks, reading samples and files
_BESIDE = 10


def check_in_renderers(
    checks: TemplateChecks,
    names: Sequence[str],
    /,
    jobs: int,
    depends_on: Iterable[bytes] | None = None,
) -> Sequence[TemplateResult]:
    """Check templates in `jobs` processes.

    One that crashes its process is a finding; the others are still checked. `depends_on`: what
    decides the findings beside the files, such as settings; without it, no results are reused.
    """
    if depends_on is None:
        return _check_all(checks, names, jobs)
    cache = ResultCache(checks.gallery, names, depends_on)
    results = cache.known()
    changed = [name for name in names if name not in results]
    results.update(zip(changed, _check_all(checks, changed, jobs), strict=True))
    cache.keep(results)
    return [results[name] for name in names]


def _check_all(checks: TemplateChecks, names: Sequence[str], jobs: int) -> Sequence[TemplateResult]:
    if not names:
        return []
    gallery = checks.gallery
    entries = {entry.name: entry for entry in gallery.entries()}
    jobs = min(jobs, len(names))
    # Started before the threads and stopped before the threads are joined: so Ctrl-C ends
    # everything at once.
    renderers = renderers_for(checks, checks.limits, jobs)

    def check(name: str) -> TemplateResult:
        def run(seconds: float) -> TemplateResult:
            return renderers.run_for(seconds, TemplateChecks.check, name)

        return check_apart(run, gallery, entries[name], checks.limits)

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
    mails = len(entry.samples) + len(gallery.languages.known) - 1
    if gallery.finds_branches:
        mails += MOST_PASSES + 1
    try:
        return run(limits.seconds * (max(1, mails) + ENOUGH) + _BESIDE)
    except LimitExceeded as exceeded:
        limit = limit_finding(exceeded.limit, gallery.files(entry.name).markup)
    return TemplateResult((replace(limit, mails=(MailName(entry.name),), hides=True),))
