"""The look of each text of a mail in one mode, from its styles: colours, sizes, lines."""

import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from keyturn.mail.rendering.html_tree import NOT_SHOWN, Element
from keyturn.studio.lint.css.cascade import Styles, Stylesheets
from keyturn.studio.lint.css.colours import (
    DARK_CANVAS,
    Colour,
    Mode,
    read_background,
    read_colour,
    replace_colours,
)

_BLACK = Colour(0, 0, 0)
_WHITE = Colour(1, 1, 1)
_LINES = re.compile(r"(?:border|outline)(?:-(?:top|right|bottom|left))?(?:-(?:color|style|width))?")

BOLD = 700

_SIZES = {
    "x-small": 10.0,
    "small": 13.0,
    "medium": 16.0,
    "large": 18.0,
    "x-large": 24.0,
    "xx-large": 32.0,
}
_WEIGHTS = {"normal": 400, "bold": BOLD, "bolder": BOLD}
_WEIGHT = re.compile("[0-9]{1,4}")
_NUMBER = re.compile(r"\d++(?:\.\d+)?|\.\d+")
_LENGTH = re.compile(rf"(-?(?:{_NUMBER.pattern}))(px|pt|in|em|rem|%)?$")


class Paint(Struct, frozen=True):
    """The look of an element's text, in px.

    A line height of 0 is the client's choice, an unreadable colour None.

    `over_image`: the background is only seen if an image is not shown.
    """

    colour: Colour | None
    background: Colour | None
    size: float
    weight: int
    line_height: float
    align: str
    over_image: bool = False

    @property
    def is_large(self) -> bool:
        """As WCAG 2.2 defines it: 18 pt, or 14 pt in bold. In px these are 24 and 18.66."""
        if self.weight >= BOLD:
            return self.size >= 18.66
        return self.size >= 24


class Painter:
    """Finds the look of the elements of a mail in one mode.

    `sheets`: its stylesheets, if they are read already.
    """

    def __init__(self, root: Element, mode: Mode, sheets: Stylesheets | None = None) -> None:
        sheets = sheets or Stylesheets(root)
        self._root = root
        self._mode = mode
        self._styles_of = sheets.cascade(mode)
        self.knows_dark = sheets.has_dark_rules or sheets.declares_dark
        if sheets.is_dark(mode):
            background = DARK_CANVAS
            colour = _WHITE
        else:
            background = mode.background
            colour = mode.show_text(_BLACK, background)
        self.canvas = Paint(colour, background, 16, 400, 0, "left")

    def texts(self) -> Iterator[tuple[Element, Paint]]:
        for node, _, paint in self._seen_elements():
            text = "".join(one.text for one in node.texts)
            if paint.size > 1 and any(map(str.isalnum, text)):
                yield node, paint

    def recoloured_elements(self) -> Iterator[tuple[Element, dict[str, str]]]:
        """Yield every visible element with colours of its own, and these colours in this mode, as
        CSS.
        """
        for node, styles, paint in self._seen_elements():
            declarations = _own_lines(styles, self._mode)
            background = _own_background(styles, self._mode)
            if background and background.alpha:
                declarations["background-color"] = background.css
            if paint.colour and not styles.inherits_colour:
                declarations["color"] = str(paint.colour)
            if declarations:
                yield node, declarations

    def _seen_elements(self) -> Iterator[tuple[Element, Styles, Paint]]:
        # No recursion: see Element.walk.
        waiting = [(child, self.canvas) for child in reversed(self._root.children)]
        while waiting:
            node, above = waiting.pop()
            if node.tag in NOT_SHOWN:
                continue
            styles = self._styles_of(node)
            if styles.is_hidden:
                continue
            own = _paint(styles, above, self._mode)
            yield node, styles, own
            waiting += [(child, own) for child in reversed(node.children)]


@lru_cache(8192)
def _paint(styles: Styles, above: Paint, mode: Mode) -> Paint:
    values = styles.values
    background = _own_background(styles, mode)
    if background and above.background:
        background = background.blend_over(above.background)
    else:
        background = None
    colour = above.colour
    if not styles.inherits_colour:
        colour = _own_colour(styles, background, mode)
    size = _font_size(values.get("font-size", "").lower(), above.size)
    return Paint(
        colour=colour,
        background=background,
        size=size,
        weight=_font_weight(values.get("font-weight", ""), above.weight),
        line_height=line_height(values.get("line-height"), size, above.line_height),
        align=values.get("text-align", above.align),
        over_image=styles.has_image or (above.over_image and background == above.background),
    )


def _font_size(value: str, above: float) -> float:
    if value in _SIZES:
        return _SIZES[value]
    return length_in_px(value, above, above)


def _font_weight(value: str, above: int) -> int:
    if _WEIGHT.fullmatch(value):
        return int(value)
    return _WEIGHTS.get(value, above)


def _own_colour(styles: Styles, background: Colour | None, mode: Mode) -> Colour | None:
    colour = read_colour(styles.values["color"])
    if colour is None or background is None:
        return None
    seen = colour.blend_over(background)
    if "color" in styles.of_modes:
        return seen
    return mode.show_text(seen, background)


def _own_background(styles: Styles, mode: Mode) -> Colour | None:
    """Return the background, transparent without one. None if it cannot be read."""
    background = read_background(styles.values.get("background-color", ""))
    if background is None or "background-color" in styles.of_modes:
        return background
    return mode.show_background(background)


def _own_lines(styles: Styles, mode: Mode) -> dict[str, str]:
    """Return the borders and outlines, if one has another colour.

    Clients treat them as they do backgrounds.
    """
    lines = {}
    for name, value in styles.values.items():
        if not _LINES.fullmatch(name):
            continue
        lines[name] = value
        if name not in styles.of_modes:
            lines[name] = replace_colours(value, mode.show_background)
    is_changed = any(line != styles.values[name] for name, line in lines.items())
    return lines if is_changed else {}


def line_height(value: str | None, size: float, above: float) -> float:
    """Return the line height in px, or 0 if the client chooses it."""
    if value is None:
        return above
    if _NUMBER.fullmatch(value):
        return float(value) * size
    return length_in_px(value, size, 0)


def length_in_px(value: str, of: float = 0, otherwise: float = 0) -> float:
    """Return a length in px.

    `of`: what a percentage is a part of. `otherwise`: the result for other values.
    """
    length = _LENGTH.match(value)
    if length is None:
        return otherwise
    number = float(length[1])
    match length[2]:
        case "pt":
            return number * 4 / 3
        case "in":
            return number * 96
        case "em":
            return number * of
        case "rem":
            return number * 16
        case "%":
            return number * of / 100
    return number
