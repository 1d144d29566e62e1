"""Findings on files of other template engines, which many folders hold.

Each engine is reported once for a folder.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import attrgetter

from msgspec.structs import replace

from keyturn.studio.lint.finding import Finding, Place, line_and_column, merge
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.engine_recognition import (
    ENGINES_BY_RULE,
    RULES_OF_BRACES,
    engine_of_file,
    rule_of,
)

# Engines whose tags look like broken ones of HTML.
_IN_ANGLE_BRACKETS = frozenset({"PHP", "FreeMarker", "ERB", "EJS"})
# Groups of findings that only say that a file is no Jinja.
_FOLLOWING = frozenset({"jinja", "links", "unchecked"})
_MARKUP = frozenset({"html", "mjml"})
_IN_ITS_LINE = re.compile(r"\{\{|\{!!|<[%?#@]|\$[\w!{]|@[A-Z]|\bth:")
_ANOTHER_WORD = re.compile(r"Expected \}\}, got ")
_FIX_OF_ONE = "Write the template in Jinja, or list it"
_FIX_OF_MANY = "Write the templates in Jinja, or list their folders"


def in_files_of_engines(
    findings: Sequence[Finding], files: Iterable[str], text: Callable[[str], str]
) -> list[Finding]:
    """Return the findings with one for each file of another engine, in place of those that follow
    from it.

    `text`: returns the content of a file.
    """
    refused = set()
    for finding in findings:
        if finding.rule == "jinja/syntax" or finding.rule in ENGINES_BY_RULE:
            refused.add(finding.place.file)
    left = list(findings)
    for file in files:
        source = text(file)
        foreign = engine_of_file(source, is_refused=file in refused)
        if foreign is None:
            continue
        following = _FOLLOWING
        if foreign.engine in _IN_ANGLE_BRACKETS:
            following |= _MARKUP
        lines = source.split("\n")
        left = [
            one for one in left if one.place.file != file or not _follows(one, lines, following)
        ]
        place = Place(file, *line_and_column(source, foreign.offset))
        left.append(replace(RULES.finding(place, rule_of(foreign.engine)), hides=True))
    return left


def _follows(finding: Finding, lines: Sequence[str], groups: Collection[str]) -> bool:
    """Tell whether a finding may follow from a tag of another engine.

    A link that is written out is judged.
    """
    if finding.group not in groups:
        return False
    number = finding.place.line_for_tools
    line = "".join(lines[number - 1 : number])
    return finding.group != "links" or bool(_IN_ITS_LINE.search(line))


def one_for_each_engine(
    findings: Iterable[Finding], text: Callable[[str], str]
) -> Iterator[Finding]:
    """Merge the findings on each other engine into one, at its first place.

    Ignored ones are merged apart. `text`: returns the content of a file.
    """
    by_engine = defaultdict[tuple[str, bool], list[Finding]](list)
    for finding in _with_calls(list(findings), text):
        if finding.rule in ENGINES_BY_RULE:
            by_engine[finding.rule, bool(finding.reason)].append(finding)
        else:
            yield finding
    for _, those in sorted(by_engine.items()):
        yield _merged(sorted(those, key=attrgetter("place")))


def _with_calls(findings: Sequence[Finding], text: Callable[[str], str]) -> Sequence[Finding]:
    """Return the findings with calls in braces as those of the folder's other engine, if it has
    one.
    """
    known = RULES_OF_BRACES.intersection(finding.rule for finding in findings)
    if len(known) != 1:
        return findings
    (rule,) = known
    return [_of_engine(one, rule) if _is_call(one, text) else one for one in findings]


def _is_call(finding: Finding, text: Callable[[str], str]) -> bool:
    """Tell whether a wrong tag is a call with arguments in braces, in a file without statements of
    Jinja.
    """
    if finding.rule != "jinja/syntax" or not _ANOTHER_WORD.match(finding.message):
        return False
    return "{%" not in text(finding.place.file)


def _of_engine(finding: Finding, rule: str) -> Finding:
    of_engine = RULES.finding(finding.place, rule)
    return replace(of_engine, mails=finding.mails, hides=finding.hides, reason=finding.reason)


def _merged(findings: Sequence[Finding]) -> Finding:
    """Return the findings of a rule as one, with the number of their files."""
    (merged,) = merge(findings, by=attrgetter("rule"))
    files = {finding.place.file for finding in findings}
    if len(files) == 1:
        return merged
    engine = ENGINES_BY_RULE[merged.rule]
    says = f"{len(files)} files are {engine} templates, but the folder is Jinja. The first:"
    fix = merged.fix.replace(_FIX_OF_ONE, _FIX_OF_MANY)
    return replace(merged, message=f"{says} {merged.message}", fix=fix)
