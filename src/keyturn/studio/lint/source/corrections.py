"""Where the wrong word of a finding stands in its template, so that an editor can replace it."""

import re
from itertools import islice

from keyturn.studio.lint.finding import Finding, Place, line_and_column

_END = re.compile(r"\n|[%}]\}|>")
"""The end of a tag, or of its line."""

_BLOCK = re.compile(r"\{%[-+]?\s?\Z")
_END_OF_BLOCK = re.compile(r"\{%[-+]?\s?end(\w++)")
_ELEMENT = re.compile(r"<(/?)([A-Za-z][\w-]*+)([^<>]*+)>")


_MOST_TAGS = 2_000
"""Tags up to the end tag of an element."""


def places_to_correct(finding: Finding, source: str) -> tuple[Place, ...]:
    """Return where the wrong word begins, which may be also in an end tag. Returns () if it is not in the source.

    It is at the finding's place, or behind it in the same tag: a value or a template of another name may hold it.
    """
    lines = source.split("\n", finding.place.line)
    if not finding.correction or len(lines) < finding.place.line:
        return ()
    start = sum(len(line) + 1 for line in lines[: finding.place.line - 1]) + finding.place.column - 1
    end = found.start() if (found := _END.search(source, start)) else len(source)
    word = re.compile(rf"(?<![\w-]){re.escape(finding.correction.wrong)}(?![\w-])", re.IGNORECASE)
    before = "|" if finding.rule.endswith("-filter") else ""
    later = (one for one in word.finditer(source, start, end) if source[start : one.start()].rstrip().endswith(before))
    wrong = word.match(source, start) or next(later, None)
    if wrong is None:
        return ()
    offsets = filter(None, (wrong.start(), _in_end_tag(source, wrong.start(), wrong[0])))
    return tuple(Place(finding.place.file, *line_and_column(source, offset)) for offset in offsets)


def _in_end_tag(source: str, offset: int, name: str) -> int | None:
    """Return where the name stands in the end tag that belongs to the start tag with this name, if it is one."""
    if _BLOCK.search(source, max(offset - 5, 0), offset):
        return next((one.start(1) for one in _END_OF_BLOCK.finditer(source, offset) if one[1] == name), None)
    if source[offset - 1 : offset] != "<":
        return None
    depth = 0
    for tag in islice(_ELEMENT.finditer(source, offset - 1), _MOST_TAGS):
        if tag[2] == name:
            depth += -1 if tag[1] else not tag[3].endswith("/")
            if depth == 0:
                return tag.start(2) if tag[1] else None
    return None
