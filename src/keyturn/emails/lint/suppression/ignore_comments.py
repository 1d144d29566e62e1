"""Comments in templates that say which findings stay: `{# keyturn: ignore links/relative because ... #}`.

They count in the form that the engine has (Jinja's, which is Django's, too; `{% comment %}` and Liquid's `{% # %}`)
and in HTML's, which MJML has, too. One beside something is for its own line; one alone on
its lines is for what comes next: a start tag up to its end, else a line. `ignore-file` is for the whole file. Without
a reason a comment counts for nothing: whoever reads the template in a year has only that to judge by.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from keyturn.emails.lint.finding import Finding, Place, line_and_column
from keyturn.emails.lint.ignore_rules import RULES
from keyturn.emails.lint.rules import UnknownRule, expect_rules

_COMMENT = re.compile(
    r"(?P<opens>\{#|<!--|\{%[-+]?\s*comment\b[^%{}]*%\}|\{%-?\s*#)[-+]?\s*keyturn:(?P<said>(?:(?!keyturn:).)*?)"
    r"[-+]?(?:#\}|-->|\{%[-+]?\s*endcomment\s*[-+]?%\}|%\})",
    re.DOTALL,
)
_SAID = re.compile(
    r"\s*(?P<what>ignore|ignore-file)\s+(?P<rules>[\w/-]+(?:\s*,\s*[\w/-]+)*)\s+because\s+(?P<reason>\S.*)", re.DOTALL
)
_UP_TO_NEXT = re.compile(
    r"(?>\s+|\{#.*?#\}|<!--.*?-->|\{%-?\s*#.*?%\}|\{%[-+]?\s*comment\b.*?\{%[-+]?\s*endcomment\s*[-+]?%\})*+",
    re.DOTALL,
)
_START_TAG = re.compile(
    r"""<[a-zA-Z](?>\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}|\{#(?:(?!\{#).)*?#\}|"[^"]*"|'[^']*'|[^>])*+>""",
    re.DOTALL,
)
_OF_JINJA = "{# keyturn: ignore links/relative because ... #}"
_OF_LIQUID = "{% comment %} keyturn: ignore links/relative because ... {% endcomment %}"


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """A comment in a file: which rules and groups it is for, in which lines, and why."""

    place: Place
    rules: frozenset[str]
    lines: range
    reason: str

    def covers(self, finding: Finding) -> bool:
        return finding.place.line in self.lines and not self.rules.isdisjoint((finding.rule, finding.group))


class IgnoreComments:
    """Reads the comments of a folder's files, each file once, and remembers which of them were of use.

    `source` returns what a file holds, and raises OSError for what is no file. `engine` is what draws them: Liquid has
    no comments of Jinja's form, and sends them to readers.
    """

    def __init__(self, source: Callable[[str], str], engine: str = "Jinja") -> None:
        self._source = source
        self._engine = engine
        self._known: dict[str, tuple[tuple[IgnoreComment, ...], tuple[Finding, ...]]] = {}
        self._used: set[IgnoreComment] = set()

    def reason(self, finding: Finding) -> str:
        """Return why a comment ignores a finding; empty where none does."""
        covering = [one for one in self._read(finding.place.file)[0] if one.covers(finding)]
        self._used.update(covering)
        return covering[0].reason if covering else ""

    def mistakes(self, files: Iterable[str]) -> Iterator[Finding]:
        """Yield what is wrong with the comments of these files."""
        for file in files:
            yield from self._read(file)[1]

    def unused(self, files: Iterable[str]) -> Iterator[Finding]:
        """Yield the comments of these files that nothing came of, once all that is checked has been asked about."""
        for file in files:
            for comment in self._read(file)[0]:
                if comment not in self._used:
                    named = ", ".join(sorted(comment.rules))
                    yield RULES["unused"].finding(
                        comment.place,
                        "note",
                        f"Nothing is found here that this comment would ignore ({named}).",
                        "Take the comment out.",
                    )

    def _read(self, file: str) -> tuple[tuple[IgnoreComment, ...], tuple[Finding, ...]]:
        if file not in self._known:
            try:
                source = self._source(file)
            except OSError:  # a finding may be about a file that is not there
                source = ""
            read = list(_comments_in(source, file, self._engine)) if "keyturn:" in source else []
            comments = tuple(one for one in read if isinstance(one, IgnoreComment))
            self._known[file] = comments, tuple(one for one in read if isinstance(one, Finding))
        return self._known[file]


def _comments_in(source: str, file: str, engine: str) -> Iterator[IgnoreComment | Finding]:
    """Yield each comment that is for Keyturn, or what is wrong with it."""
    form = _OF_LIQUID if engine == "Liquid" else _OF_JINJA
    for match in _COMMENT.finditer(source):
        place = Place(file, *line_and_column(source, match.start()))
        if engine == "Liquid" and match["opens"] == "{#":
            yield RULES["unreadable"].finding(
                place,
                "warning",
                "This comment ignores nothing: Liquid has none of this form, and readers see it.",
                f"Write it as {form}.",
            )
            continue
        said = _SAID.fullmatch(match["said"])
        if not said:
            yield RULES["unreadable"].finding(
                place,
                "warning",
                "This comment ignores nothing: it needs rules, with commas between, and a reason.",
                f"Write it as {form}, or with ignore-file.",
            )
            continue
        rules = [rule.strip() for rule in said["rules"].split(",")]
        try:
            expect_rules(rules)
        except UnknownRule as unknown:
            yield RULES["unknown-rule"].finding(
                place, "warning", f"This comment ignores nothing: {unknown}.", "Name a rule or a group that there is."
            )
            continue
        whole = said["what"] == "ignore-file"
        lines = range(1, 2**31) if whole else _lines_meant(source, match)
        yield IgnoreComment(place, frozenset(rules), lines, " ".join(said["reason"].split()))


def _lines_meant(source: str, comment: re.Match[str]) -> range:
    first, _ = line_and_column(source, comment.start())
    last, _ = line_and_column(source, comment.end())
    around = source[source.rfind("\n", 0, comment.start()) + 1 : comment.start()]
    around += source[comment.end() :].partition("\n")[0]
    if around.strip():
        return range(first, last + 1)
    after = _UP_TO_NEXT.match(source, comment.end())
    begins = after.end() if after else comment.end()
    tag = _START_TAG.match(source, begins)
    return range(first, line_and_column(source, tag.end() - 1 if tag else begins)[0] + 1)
