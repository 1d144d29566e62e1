"""Templates checked by several processes at a time, each within its limits, and none whose findings are known."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from keyturn.emails.gallery.branches.exploration import MOST_SAMPLES
from keyturn.emails.lint.finding import Place
from keyturn.emails.lint.limits import limit_finding
from keyturn.emails.lint.results.kept_results import KeptResults
from keyturn.emails.lint.template_checks import TemplateChecks, TemplateFindings
from keyturn.emails.workers import Here, LimitExceeded, Runner, workers_for

_BESIDE = 10
"""Seconds for what is not one mail's: loading the checks, reading samples and files."""

MakeKeys = Callable[[Sequence[str]], Mapping[str, str]]
"""Returns a key for each template that can have one (`results.content_keys`)."""


@dataclass(frozen=True, kw_only=True)
class InWorkers:
    """Has templates checked by so many processes at a time.

    With `kept`, what was found under the same key is not looked for again. One that ends its process is a finding,
    and the others are checked.
    """

    jobs: int
    kept: KeptResults | None = None
    make_keys: MakeKeys = lambda _: {}

    def __call__(self, checks: TemplateChecks, names: Sequence[str], /) -> Iterable[TemplateFindings]:
        keys = self.make_keys(names) if self.kept else {}
        known = {name: found for name, key in keys.items() if self.kept and (found := self.kept.get(key))}
        left = [name for name in names if name not in known]
        checked = dict(zip(left, self._check(checks, left), strict=True))
        if self.kept:
            for name in keys.keys() & checked.keys():
                self.kept.put(keys[name], checked[name])
            self.kept.save()
        return [known.get(name) or checked[name] for name in names]

    def _check(self, checks: TemplateChecks, names: Sequence[str]) -> Iterable[TemplateFindings]:
        if not names:
            return []
        counts = _mails(checks)
        jobs = min(self.jobs, len(names))
        # Made before the threads, and ended before they are waited for: so Ctrl-C ends all at once.
        workers = workers_for(checks, checks.limits, jobs)
        with ThreadPoolExecutor(1 if isinstance(workers, Here) else jobs) as threads:
            try:
                return list(threads.map(lambda name: _check_apart(workers, checks, name, counts[name]), names))
            finally:
                workers.close()


def _check_apart(runner: Runner[TemplateChecks], checks: TemplateChecks, name: str, mails: int) -> TemplateFindings:
    try:
        return runner.run_for(checks.limits.seconds * mails + _BESIDE, TemplateChecks.check, name)
    except LimitExceeded as exceeded:
        place = Place(checks.gallery.files(name).markup)
        return TemplateFindings(((limit_finding(exceeded.limit, place), (name,)),), is_whole=False)


def _mails(checks: TemplateChecks) -> Mapping[str, int]:
    """Return how many mails there may be of each template, at least one, without drawing any."""
    more = len(checks.languages) - 1 + (MOST_SAMPLES + 1 if checks.gallery.finds_branches else 0)
    return {entry.name: max(1, len(entry.samples) + more) for entry in checks.gallery.entries()}
