"""The names of rules, and a team's choice of findings: severities by rule, and comments that ignore
findings.

A comment has the form `{# keyturn: ignore links/relative because ... #}`, or one of `{% comment %}`
or HTML. Beside other text it applies to its line; alone, to the next start tag or line.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache, partial
from itertools import chain, islice
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from keyturn.errors import Fault, KeyturnError
from keyturn.studio.lint.clients.clients import UnknownClients, clients_in
from keyturn.studio.lint.clients.features import features
from keyturn.studio.lint.finding import SEVERITIES, Finding, Place, line_and_column, listed
from keyturn.studio.lint.rules import RULES

OFF = "off"
_CHOICES = (*SEVERITIES, OFF)


class UnknownRule(KeyturnError):
    """A named rule or group does not exist. The message is a sentence for users."""


@cache
def rule_names() -> tuple[str, ...]:
    """Return all rules in full and sorted, also those of clients' features: "mjml/wrong-value"."""
    return tuple(sorted((*RULES, *(f"compatibility/{feature}" for feature in features()))))


def expect_rules(names: Iterable[str]) -> None:
    """Raise UnknownRule for a name that is neither a rule nor a group."""
    groups = dict.fromkeys(rule.partition("/")[0] for rule in rule_names())
    known = sorted((*groups, *rule_names()))
    for name in names:
        if name not in known:
            without_group = (rule for rule in known if rule.endswith(f"/{name}"))
            close = [*without_group, *get_close_matches(name, known, n=1)]
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise UnknownRule(
                f"no rule or group is called {name!r}{meant}; the groups are {', '.join(groups)}"
            )


def at_severity(finding: Finding, levels: Mapping[str, Any]) -> Finding | None:
    """Return the finding at the severity that is set for its rule or group (`levels`), or None if
    that is off.
    """
    level = levels.get(finding.rule) or levels.get(finding.group) or finding.severity
    return None if level == OFF else replace(finding, severity=level)


def unknown_names(values: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the unknown clients, rules and severities of the studio's settings."""
    levels = values.get("severity", {})
    for field, expect, names in (
        ("clients", clients_in, values.get("clients", ())),
        ("severity", expect_rules, levels),
    ):
        for name in names:
            try:
                expect([name])
            except (UnknownClients, UnknownRule) as unknown:
                yield Fault(field, str(unknown))
    for name, level in levels.items():
        if level not in _CHOICES:
            yield Fault(f"severity.{name}", f"must be {listed(_CHOICES, 'or')}, not {level!r}")


_MARK = "keyturn:"  # what every comment for Keyturn contains
_COMMENT = re.compile(
    r"(?:\{#|<!--|\{%[-+]?\s*comment\b[^%{}]*%\})[-+]?\s*keyturn:(?P<said>(?:(?!keyturn:).)*?)"
    r"[-+]?(?:#\}|-->|\{%[-+]?\s*endcomment\s*[-+]?%\})",
    re.DOTALL,
)
_SAID = re.compile(
    r"\s*(?P<what>ignore|ignore-file)\s+(?P<rules>[\w/-]+(?:\s*,\s*[\w/-]+)*)\s+because\s+(?P<reason>\S.*)",
    re.DOTALL,
)
_UP_TO_NEXT = re.compile(
    r"(?>\s+|\{#.*?#\}|<!--.*?-->|\{%[-+]?\s*comment\b.*?\{%[-+]?\s*endcomment\s*[-+]?%\})*+",
    re.DOTALL,
)
_START_TAG = re.compile(
    r"""<[a-zA-Z](?>\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}|\{#(?:(?!\{#).)*?#\}|"[^"]*"|'[^']*'|[^>])*+>""",
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
        return finding.place.line_for_tools in self.lines and not self.rules.isdisjoint(
            (finding.rule, finding.group)
        )


class IgnoreComments:
    """Reads the comments of files, whose content `text` returns, and records which comments were
    used.
    """

    def __init__(self, text: Callable[[str], str]) -> None:
        self._read = cache(lambda file: tuple(_comments_in(text(file), file)))
        self._used: set[IgnoreComment] = set()

    def reason(self, finding: Finding) -> str:
        """Return the reason of a comment that ignores the finding; empty if there is none."""
        covering = [one for one in self._comments(finding.place.file) if one.covers(finding)]
        self._used.update(covering)
        return covering[0].reason if covering else ""

    def mistakes(self, files: Iterable[str]) -> Iterator[Finding]:
        for one in chain.from_iterable(map(self._read, files)):
            if isinstance(one, Finding):
                yield one

    def unused(self, files: Iterable[str]) -> Iterator[Finding]:
        """Yield findings on unused comments of these files.

        Call it after all findings were judged.
        """
        for comment in chain.from_iterable(map(self._comments, files)):
            if comment not in self._used:
                rules = ", ".join(sorted(comment.rules))
                yield RULES.finding(comment.place, "ignore/unused", rules=rules)

    def _comments(self, file: str) -> Iterator[IgnoreComment]:
        for one in self._read(file):
            if isinstance(one, IgnoreComment):
                yield one


def _comments_in(source: str, file: str) -> Iterator[IgnoreComment | Finding]:
    """Yield each comment for Keyturn, or a finding if it is malformed."""
    if _MARK not in source:
        return
    # behind the comments and blanks that follow: they are read once for all comments among them
    next_at = 0
    for match in islice(_COMMENT.finditer(source), _MOST_COMMENTS):
        if match.end() > next_at:
            after = _UP_TO_NEXT.match(source, match.end())
            next_at = after.end() if after else match.end()
        place = Place(file, *line_and_column(source, match.start()))
        find = partial(RULES.finding, place)
        comment = _SAID.fullmatch(match["said"])
        if comment is None:
            why = "it needs rules, separated by commas, and a reason"
            yield find("ignore/unreadable", why=why, form=f"{_FORM}, or with ignore-file")
            continue
        rules = [rule.strip() for rule in comment["rules"].split(",")]
        try:
            expect_rules(rules)
        except UnknownRule as unknown:
            yield find("ignore/unknown-rule", unknown=unknown)
        else:
            lines = _ALL_LINES
            if comment["what"] == "ignore":
                lines = _lines_meant(source, match, next_at)
            reason = " ".join(comment["reason"].split())
            yield IgnoreComment(place, frozenset(rules), lines, reason)


def _lines_meant(source: str, comment: re.Match[str], next_at: int) -> range:
    """Return the lines of a comment.

    `next_at`: where the text behind it and further comments begins.
    """
    first, _ = line_and_column(source, comment.start())
    last, _ = line_and_column(source, comment.end())
    before = source[source.rfind("\n", 0, comment.start()) + 1 : comment.start()]
    line_end = source.find("\n", comment.end())
    behind = source[comment.end() : line_end if line_end >= 0 else len(source)]
    if (before + behind).strip():
        return range(first, last + 1)
    tag = _START_TAG.match(source, next_at, next_at + _LONGEST_TAG)
    last, _ = line_and_column(source, tag.end() - 1 if tag else next_at)
    return range(first, last + 1)
