"""Short lines for text parts, in languages with blanks between their words and in those without."""

import re
from unicodedata import combining, east_asian_width

_COLUMNS = 72
_NEVER_FIRST = frozenset("、。，．：；！？・）］｝」』】〉》〕ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NEVER_LAST = frozenset("（［｛「『【〈《〔")
"""What Japanese sets at no line's beginning, and at none's end (JIS X 4051; Unicode UAX #14, CJ, CL, EX, OP)."""

_ISOLATES = "\u2068\u2069"
_OTHER_WIDTHS = re.compile("[\u0300-\u036f\u0591-\u06ed\u1100-\U0010ffff]")
"""Where characters are that may take no column, or two."""


def short_lines(text: str) -> str:
    """Wrap at 72 columns; a word that is longer, as a link is, stays in one piece."""
    lines = []
    for line in text.splitlines():
        rest = line
        while cut := _find_break(rest):
            lines.append(rest[:cut])
            rest = rest[cut:].removeprefix(" ")
        lines.append(rest)
    return "\n".join(lines)


def _find_break(line: str) -> int:
    """Return where to break a line that is too long: as late as it fits, else as soon as it can be; 0 for nowhere."""
    if not _OTHER_WIDTHS.search(line):  # most lines, and a mail has many: looking at each letter would be half its time
        if len(line) <= _COLUMNS:
            return 0
        return max(line.rfind(" ", 0, _COLUMNS + 1), 0) or max(line.find(" ", _COLUMNS), 0)
    cut = columns = 0
    for index, character in enumerate(line):
        if index and (character == " " or _may_part(line[index - 1], character)) and (columns <= _COLUMNS or not cut):
            cut = index
        columns += _width(character)
        if columns > _COLUMNS and cut:
            return cut
    return 0


def _may_part(before: str, after: str) -> bool:
    if before in _NEVER_LAST or after in _NEVER_FIRST or before == " ":
        return False
    return _width(before) > 1 or _width(after) > 1


def _width(character: str) -> int:
    if character in _ISOLATES or combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
