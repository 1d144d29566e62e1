"""Short lines for text parts, in languages with blanks between their words and in those without."""

import re
from functools import lru_cache
from unicodedata import combining, east_asian_width

_COLUMNS = 72
_NEVER_FIRST = frozenset("、。，．：；！？・）］｝」』】〉》〕ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NEVER_LAST = frozenset("（［｛「『【〈《〔")
"""What Japanese sets at no line's beginning, and at none's end (JIS X 4051; Unicode UAX #14, CJ, CL, EX, OP)."""

_ISOLATES = "\u2068\u2069"
_OTHER_WIDTHS = re.compile("[\u0300-\u036f\u0591-\u06ed\u1100-\U0010ffff]")
"""Where characters are that may take no column, or two."""

_PERHAPS_WIDE = re.compile("[\u1100-\u2065\u206a-\U0010ffff]")


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
    if len(line) * (2 if _PERHAPS_WIDE.search(line) else 1) <= _COLUMNS:
        return 0
    widths = list(map(_width, line))
    cut = columns = 0
    for index, (character, width) in enumerate(zip(line, widths, strict=True)):
        if (
            (character == " " or width > 1 or widths[index - 1] > 1)
            and (columns <= _COLUMNS or not cut)
            and _may_part(line[index - 1 : index], character)
        ):
            cut = index
        columns += width
        if columns > _COLUMNS and cut:
            return cut
    return 0


def _may_part(before: str, after: str) -> bool:
    """Tell whether a line may end between a character and the next, where one of them is wide, or the next a blank."""
    return bool(before) and (
        after == " " or (before not in _NEVER_LAST and before != " " and after not in _NEVER_FIRST)
    )


@lru_cache(4096)
def _width(character: str) -> int:
    if character in _ISOLATES or combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
