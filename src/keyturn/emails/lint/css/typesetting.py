"""Sizes and weights of type, in px, from what CSS says and what a browser says without it (HTML, 15.3)."""

import re

BOLD = 700

_BOLD_BY_ITSELF = frozenset(("b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"))
_TIMES_BY_ITSELF = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67, "small": 0.83}
_KEYWORDS = {"x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0, "xx-large": 32.0}
_WEIGHTS = {"normal": 400, "bold": BOLD, "bolder": BOLD}
_WEIGHT = re.compile("[0-9]{1,4}")
_NUMBER = re.compile(r"\d++(?:\.\d+)?|\.\d+")
_LENGTH = re.compile(rf"(-?(?:{_NUMBER.pattern}))(px|pt|em|rem|%)?$")


def font_size(value: str | None, tag: str, above: float) -> float:
    own = above * _TIMES_BY_ITSELF.get(tag, 1)
    if value is None:
        return own
    return _KEYWORDS.get(value.lower(), _length(value.lower(), above, own))


def font_weight(value: str | None, tag: str, above: int) -> int:
    own = BOLD if tag in _BOLD_BY_ITSELF else above
    if value is None:
        return own
    return int(value) if _WEIGHT.fullmatch(value) else _WEIGHTS.get(value, own)


def line_height(value: str | None, size: float, above: float) -> float:
    """Return the distance of lines; 0 where the client chooses it."""
    if value is None:
        return above
    if _NUMBER.fullmatch(value):
        return float(value) * size
    return _length(value, size, 0)


def _length(value: str, of: float, otherwise: float) -> float:
    if not (found := _LENGTH.match(value)):
        return otherwise
    number = float(found[1])
    in_px = {"pt": number * 4 / 3, "em": number * of, "rem": number * 16, "%": number * of / 100}
    return in_px.get(found[2] or "px", number)
