"""What each text of a mail looks like in one mode: its colour, its ground and its size."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from keyturn.emails.lint.css.cascade import Styles, Stylesheets
from keyturn.emails.lint.css.colours import Colour, read_colour, read_ground, replace_colours
from keyturn.emails.lint.css.dark_modes import DARK, DARK_CANVAS, Mode, invert_ground, invert_text
from keyturn.emails.lint.css.typesetting import BOLD, font_size, font_weight, line_height
from keyturn.mail.rendering.html_tree import NOT_SHOWN, Element

_BLACK, _WHITE, _LINK, _DARK_LINK = Colour(0, 0, 0), Colour(1, 1, 1), Colour(0, 0, 0xEE / 255), Colour(0.62, 0.62, 1)
_LINES = re.compile(r"(?:border|outline)(?:-(?:top|right|bottom|left))?(?:-(?:color|style|width))?")
_NOT_OWN = ("inherit", "currentcolor", "unset")


@dataclass(frozen=True, slots=True)
class Paint:
    """How the text of an element is drawn. `size` and `line_height` in px, the latter 0 where the client chooses.

    `colour` is None where it is written in a way that is not read here, and the ground likewise. `over_image`: the
    ground is what is seen where an image, or a gradient, is not shown.
    """

    colour: Colour | None
    ground: Colour | None
    size: float
    weight: int
    line_height: float
    align: str
    over_image: bool = False

    @property
    def is_large(self) -> bool:
        """As WCAG 2.2 defines it: 18 pt, or 14 pt in bold."""
        return self.size >= 24 or (self.size >= 18.66 and self.weight >= BOLD)  # in px


class Painter:
    """Paints a drawn mail in one mode. `sheets` are its own, where somebody has read them already."""

    def __init__(self, root: Element, mode: Mode, sheets: Stylesheets | None = None) -> None:
        sheets = sheets or Stylesheets(root)
        self._root = root
        self._mode = mode
        self._cascade = sheets.cascade(mode)
        self.knows_dark = sheets.has_dark_rules or sheets.declares_dark
        self._canvas_is_dark = mode is DARK and sheets.declares_dark

    @property
    def canvas(self) -> Paint:
        """What a text without styles lies on, and its own colour."""
        ground = DARK_CANVAS if self._canvas_is_dark else self._mode.ground
        ink = _WHITE if self._canvas_is_dark else _BLACK
        if self._mode.inverts:
            ink = invert_text(_BLACK, ground, self._mode)
        return Paint(ink, ground, 16, 400, 0, "left")

    def texts(self) -> Iterator[tuple[Element, Paint]]:
        """Yield every element with text of its own that is seen, and how it is drawn."""
        for node, _, paint in self._seen_elements(self._root, self.canvas):
            if paint.size > 1 and any(any(map(str.isalnum, text.text)) for text in node.texts):
                yield node, paint

    def recoloured_elements(self) -> Iterator[tuple[Element, dict[str, str]]]:
        """Yield every element that is seen and has colours of its own, and what they are in this mode, as CSS."""
        for node, styles, paint in self._seen_elements(self._root, self.canvas):
            declarations = _own_lines(styles, self._mode)
            if (ground := _own_ground(styles, self._mode)) and ground.alpha:
                declarations["background-color"] = ground.css
            if not _inherits(styles, _is_link(node)) and paint.colour:
                declarations["color"] = str(paint.colour)
            if declarations:
                yield node, declarations

    def _seen_elements(self, root: Element, paint: Paint) -> Iterator[tuple[Element, Styles, Paint]]:
        link = _DARK_LINK if self._canvas_is_dark else _LINK
        waiting = [(child, paint) for child in reversed(root.children)]  # no recursion: see Element.walk
        while waiting:
            node, above = waiting.pop()
            if node.tag in NOT_SHOWN:
                continue
            styles = self._cascade.styles_of(node)
            if styles.is_hidden:
                continue
            drawn = _paint(node.tag, link if _is_link(node) else None, styles, above, self._mode)
            yield node, styles, drawn
            waiting += [(child, drawn) for child in reversed(node.children)]


@lru_cache(8192)
def _paint(tag: str, link: Colour | None, styles: Styles, above: Paint, mode: Mode) -> Paint:
    """Return how an element is painted within one that is painted as `above`. `link` is the colour of one."""
    given = styles.values
    size = font_size(given.get("font-size"), tag, above.size)
    return Paint(
        ground=(ground := _ground(styles, above.ground, mode)),
        colour=_colour(styles, link, above, ground, mode),
        size=size,
        weight=font_weight(given.get("font-weight"), tag, above.weight),
        line_height=line_height(given.get("line-height"), size, above.line_height),
        align=given.get("text-align", above.align),
        over_image=styles.has_image or (above.over_image and ground == above.ground),
    )


def _ground(styles: Styles, under: Colour | None, mode: Mode) -> Colour | None:
    if "background-color" not in styles.winners or under is None:
        return under
    found = _own_ground(styles, mode)
    return found.blend_over(under) if found else None


def _own_ground(styles: Styles, mode: Mode) -> Colour | None:
    winner = styles.winners.get("background-color")
    found = read_ground(winner.value) if winner else None
    if found is None or winner is None or winner.declared_for_mode or not mode.inverts:
        return found
    return _line_colour(found, mode)


def _own_lines(styles: Styles, mode: Mode) -> dict[str, str]:
    lines = {
        name: winner.value
        if winner.declared_for_mode
        else replace_colours(winner.value, lambda colour: _line_colour(colour, mode))
        for name, winner in styles.winners.items()
        if _LINES.fullmatch(name)
    }
    return lines if any(line != styles.values[name] for name, line in lines.items()) else {}


def _line_colour(colour: Colour, mode: Mode) -> Colour:
    """Return what becomes of a line: what becomes of a ground."""
    return invert_ground(colour, mode)._replace(alpha=colour.alpha) if mode.inverts else colour


def _is_link(node: Element) -> bool:
    return node.tag == "a" and "href" in node.attributes


def _inherits(styles: Styles, is_link: bool) -> bool:
    winner = styles.winners.get("color")
    return not is_link if winner is None else winner.value in _NOT_OWN


def _colour(styles: Styles, link: Colour | None, above: Paint, ground: Colour | None, mode: Mode) -> Colour | None:
    if _inherits(styles, link is not None):
        return above.colour
    winner = styles.winners.get("color")
    found = read_colour(winner.value) if winner else link
    if found is None or ground is None:
        return None
    if mode.inverts and not (winner and winner.declared_for_mode):
        found = invert_text(found.blend_over(ground), ground, mode)
    return found.blend_over(ground)
