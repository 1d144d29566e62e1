"""Comments in templates that ignore findings.

A comment has the form `{# keyturn: ignore links/relative because ... #}`, or one of `{% comment %}`
or HTML. Beside other text it applies to its line; alone, to the next start tag or line.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain, islice

from msgspec import Struct

from keyturn.studio.lint.finding import Finding, Place, line_and_column
from keyturn.studio.lint.rule_names import UnknownRule, expect_rules
from keyturn.studio.lint.rules import RULES

_MARK = "keyturn:"  # what every comment for Keyturn contains
_COMMENT = re.compile(
    r"(?:\{#|<!--|\{%[-+]?\s*comment\b[^%{}]*%\})[-+]?\s*keyturn:(?P<said>(?:(?!keyturn:).)*?)"
    r"[-+]?(?:#\}|-->|\{%[-+]?\s*endcomment\s*[-+]?%\})",
    re.DOTALL,
)
_SAID = re.compile(
    r"\s*(?P<what>ignore|ignore-file)\s+(?P<rules>[\w/-]+(?:\s*,\s*[\w/-]+)*)"
    r"\s+because\s+(?P<reason>\S.*)",
    re.DOTALL,
)
_UP_TO_NEXT = re.compile(
    r"(?>\s+|\{#.*?#\}|<!--.*?-->|\{%[-+]?\s*comment\b.*?\{%[-+]?\s*endcomment\s*[-+]?%\})*+",
    re.DOTALL,
)
_START_TAG = re.compile(
    r"<[a-zA-Z]"
    r"(?>\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}|\{#(?:(?!\{#).)*?#\}"
    r"""|"[^"]*"|'[^']*'|[^>])*+>""",
    re.DOTALL,
)
_MOST_COMMENTS = 1_000  # comments of a file that count
_LONGEST_TAG = 10_000  # characters of a start tag that are read
_ALL_LINES = range(1, 2**31)
_FORM = "{# keyturn: ignore links/relative because ... #}"


class IgnoreComment(Struct, frozen=True):
    """A comment that ignores rules and groups in some lines, with its reason."""

    place: Place
    rules: frozenset[str]
    lines: range
    reason: str

    def covers(self, finding: Finding) -> bool:
        if finding.place.line_for_tools not in self.lines:
            return False
        return finding.rule in self.rules or finding.group in self.rules


class FileComments(Struct, frozen=True):
    """The comments for Keyturn of a file, and the findings on malformed ones."""

    comments: tuple[IgnoreComment, ...] = ()
    mistakes: tuple[Finding, ...] = ()


class IgnoreComments:
    """Reads the comments of files, whose content `text` returns, and records which comments were
    used.
    """

    def __init__(self, text: Callable[[str], str]) -> None:
        self._text = text
        self._of_file = cache(self._read)
        self._used: set[IgnoreComment] = set()

    def _read(self, file: str) -> FileComments:
        return comments_in(self._text(file), file)

    def reason(self, finding: Finding) -> str:
        """Return the reason of a comment that ignores the finding; empty if there is none."""
        comments = self._of_file(finding.place.file).comments
        covering = [comment for comment in comments if comment.covers(finding)]
        self._used.update(covering)
        return covering[0].reason if covering else ""

    def mistakes(self, files: Iterable[str]) -> Iterator[Finding]:
        for file in files:
            yield from self._of_file(file).mistakes

    def unused(self, files: Iterable[str]) -> Iterator[Finding]:
        """Yield findings on unused comments of these files.

        Call it after all findings were judged.
        """
        for comment in chain.from_iterable(self._of_file(file).comments for file in files):
            if comment not in self._used:
                rules = ", ".join(sorted(comment.rules))
                yield RULES.finding(comment.place, "ignore/unused", rules=rules)


def comments_in(source: str, file: str) -> FileComments:
    """Read the comments for Keyturn in the source of a file, up to `_MOST_COMMENTS`."""
    if _MARK not in source:
        return FileComments()
    comments: list[IgnoreComment] = []
    mistakes: list[Finding] = []
    # Behind the comments and blanks that follow, which are read once for all comments among them:
    # a file may have a thousand.
    next_at = 0
    for match in islice(_COMMENT.finditer(source), _MOST_COMMENTS):
        if match.end() > next_at:
            after = _UP_TO_NEXT.match(source, match.end())
            next_at = after.end() if after else match.end()
        place = Place(file, *line_and_column(source, match.start()))
        said = _SAID.fullmatch(match["said"])
        if said is None:
            mistakes.append(
                RULES.finding(
                    place,
                    "ignore/unreadable",
                    why="it needs rules, separated by commas, and a reason",
                    form=f"{_FORM}, or with ignore-file",
                )
            )
            continue
        rules = [rule.strip() for rule in said["rules"].split(",")]
        try:
            expect_rules(rules)
        except UnknownRule as unknown:
            mistakes.append(RULES.finding(place, "ignore/unknown-rule", unknown=unknown))
            continue
        lines = _ALL_LINES
        if said["what"] == "ignore":
            lines = _lines_meant(source, match, next_at)
        reason = " ".join(said["reason"].split())
        comments.append(IgnoreComment(place, frozenset(rules), lines, reason))
    return FileComments(tuple(comments), tuple(mistakes))


def _lines_meant(source: str, comment: re.Match[str], next_at: int) -> range:
    """Return the lines of a comment.

    `next_at`: where the text behind it and further comments begins.
    """
    first, _ = line_and_column(source, comment.start())
    last, _ = line_and_column(source, comment.end())
    before = source[source.rfind("\n", 0, comment.start()) + 1 : comment.start()]
    line_end = source.find("\n", comment.end())
    behind = source[comment.end() : line_end if line_end >= 0 else len(source)]
    if before.strip() or behind.strip():
        return range(first, last + 1)
    tag = _START_TAG.match(source, next_at, next_at + _LONGEST_TAG)
    last, _ = line_and_column(source, tag.end() - 1 if tag else next_at)
    return range(first, last + 1)
