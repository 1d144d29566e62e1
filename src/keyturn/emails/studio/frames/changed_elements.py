"""A mail with the elements marked that changed, for the frames of before and after."""

import re
from collections.abc import Iterable

from keyturn.emails.studio.frames.heads import insert_in_head

_START_TAG = re.compile(r"<[a-z][\w:-]*", re.IGNORECASE)

# The page around the frame decides whether the marks show: they are in the way of looking.
_STYLE = "<style>[data-marks] [data-changed]{{outline:2px solid {colour};outline-offset:1px}}</style>"
_COLOURS = {"before": "#d0453b", "after": "#1f9d76"}


def mark_changes(html: str, numbers: Iterable[int], side: str) -> str:
    """Mark the elements that start in these lines, or hold them; `html` is a golden file's, a tag a line."""
    lines = html.split("\n")
    for number in numbers:
        at = next((at for at in range(number - 1, -1, -1) if _START_TAG.match(lines[at])), None)
        if at is not None and "data-changed" not in lines[at]:
            lines[at] = _START_TAG.sub(lambda tag: f"{tag[0]} data-changed", lines[at], count=1)
    return insert_in_head("\n".join(lines), _STYLE.format(colour=_COLOURS[side]))
