"""What the browsers of those who look have found in mails: kept beside what the checks find."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.finding import Finding
from keyturn.emails.studio.rendering.kept import Kept
from keyturn.emails.studio.view import View

if TYPE_CHECKING:
    from keyturn.emails.lint.browser.measurements import Noticed

_MOST = 2_000
"""Of mails whose findings are kept."""

_Mail = tuple[str, View]


class InBrowser:
    """Keeps the findings of each mail, as its latest look has them. `severity` is a team's, by rule or group.

    `revision` is another number whenever something else is known.
    """

    def __init__(self, gallery: Gallery, severity: Mapping[str, Any]) -> None:
        self._gallery = gallery
        self._severity = severity
        self._known: Kept[_Mail, tuple[tuple[Finding, ...], tuple[Finding, ...]]] = Kept(_MOST)

    @property
    def revision(self) -> int:
        return self._known.revision

    def findings(self, mail: _Mail) -> tuple[Finding, ...]:
        """Return what counts of it."""
        known = self._known.get(mail)
        return known[0] if known else ()

    def of_samples(self) -> Iterator[tuple[str, str, str, tuple[Finding, ...]]]:
        """Yield all that was found in samples as they are written: template, sample, language and the findings."""
        for (template, view), (_, found) in self._known.items():
            if view == View(sample=view.sample, lang=view.lang):
                yield template, view.sample, view.lang, found

    def keep(self, mail: _Mail, noticed: Sequence["Noticed"], others: Sequence[Finding]) -> list["Noticed"]:
        """Keep what counts of it, and return what of `noticed` does, as severe as the team wants it."""
        from keyturn.emails.lint.browser.measurements import with_finding

        told = tuple(dict.fromkeys([*(one.finding for one in noticed), *others]))
        judged = self._judge(told)
        self._known.put(mail, (tuple(dict.fromkeys(judged.values())), told))
        return [with_finding(one, judged[one.finding]) for one in noticed if one.finding in judged]

    def _judge(self, found: Iterable[Finding]) -> dict[Finding, Finding]:
        """Return the findings that no comment ignores and no setting turns off, with what they count as."""
        # These load the list of all rules, and with it the checks.
        from keyturn.emails.lint.suppression.ignore_comments import IgnoreComments
        from keyturn.emails.lint.suppression.judgement import judge
        from keyturn.emails.lint.suppression.severities import Severities

        comments = IgnoreComments(self._gallery.source, self._gallery.templates.engine_name)
        judged = judge(found, comments, Severities(self._severity))
        return {one.told: one.finding for one in judged if not one.reason}
