"""Which of the findings count, and how much: one answer for `check`, the studio's pages and what a browser finds."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.suppression.ignore_comments import IgnoreComments
from keyturn.emails.lint.suppression.severities import Severities


class Judged(NamedTuple):
    """A finding as a check `told` it, and as severe as it counts. `reason` says why it is ignored, if it is."""

    told: Finding
    finding: Finding
    reason: str


def judge(found: Iterable[Finding], comments: IgnoreComments, severities: Severities) -> Iterator[Judged]:
    """Yield what the team wants to hear of; what is off is not among it, also where a comment ignores it."""
    for one in found:
        reason = comments.reason(one)
        if finding := severities.apply(one):
            yield Judged(one, finding, reason)
