"""What each text of a mail looks like in one mode: its colour, its ground and its size."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from keyturn.emails.lint.css.cascade import Styles, Stylesheets, has_image, is_hidden
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
        return self.size >= 24 or (self.size >= 18.66 and self.weight >= BOLD)  # noqa: PLR2004 - in px


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
            if any(character.isalnum() for character in node.own_text()) and paint.size > 1:
                yield node, paint

    def recoloured_elements(self) -> Iterator[tuple[Element, dict[str, str]]]:
        """Yield every element that is seen and has colours of its own, and what they are in this mode, as CSS."""
        for node, styles, paint in self._seen_elements(self._root, self.canvas):
            declarations = self._own_lines(styles)
            if (ground := self._own_ground(styles)) and ground.alpha:
                declarations["background-color"] = ground.css
            if not self._inherits(node, styles) and paint.colour:
                declarations["color"] = str(paint.colour)
            if declarations:
                yield node, declarations

    def _seen_elements(self, root: Element, paint: Paint) -> Iterator[tuple[Element, Styles, Paint]]:
        waiting = [(child, paint) for child in reversed(root.children)]  # no recursion: see Element.walk
        while waiting:
            node, above = waiting.pop()
            styles = self._cascade.styles_of(node)
            if node.tag in NOT_SHOWN or is_hidden(styles):
                continue
            drawn = self._paint_of(node, styles, above)
            yield node, styles, drawn
            waiting += [(child, drawn) for child in reversed(node.children)]

    def _paint_of(self, node: Element, styles: Styles, above: Paint) -> Paint:
        given = {name: winner.value for name, winner in styles.items()}
        size = font_size(given.get("font-size"), node.tag, above.size)
        return Paint(
            ground=(ground := self._ground(styles, above.ground)),
            colour=self._colour(node, styles, above, ground),
            size=size,
            weight=font_weight(given.get("font-weight"), node.tag, above.weight),
            line_height=line_height(given.get("line-height"), size, above.line_height),
            align=given.get("text-align", above.align),
            over_image=has_image(styles) or (above.over_image and ground == above.ground),
        )

    def _ground(self, styles: Styles, under: Colour | None) -> Colour | None:
        if "background-color" not in styles or under is None:
            return under
        found = self._own_ground(styles)
        return found.blend_over(under) if found else None

    def _own_ground(self, styles: Styles) -> Colour | None:
        winner = styles.get("background-color")
        found = read_ground(winner.value) if winner else None
        if found is None or winner is None or winner.declared_for_mode or not self._mode.inverts:
            return found
        return self._line_colour(found)

    def _own_lines(self, styles: Styles) -> dict[str, str]:
        lines = {
            name: winner.value if winner.declared_for_mode else replace_colours(winner.value, self._line_colour)
            for name, winner in styles.items()
            if _LINES.fullmatch(name)
        }
        return lines if any(line != styles[name].value for name, line in lines.items()) else {}

    def _line_colour(self, colour: Colour) -> Colour:
        """Return what becomes of a line: what becomes of a ground."""
        return invert_ground(colour, self._mode)._replace(alpha=colour.alpha) if self._mode.inverts else colour

    def _inherits(self, node: Element, styles: Styles) -> bool:
        winner = styles.get("color")
        if winner is None:
            return not (node.tag == "a" and "href" in node.attributes)
        return winner.value in _NOT_OWN

    def _colour(self, node: Element, styles: Styles, above: Paint, ground: Colour | None) -> Colour | None:
        if self._inherits(node, styles):
            return above.colour
        winner = styles.get("color")
        link = _DARK_LINK if self._canvas_is_dark else _LINK
        found = read_colour(winner.value) if winner else link
        if found is None or ground is None:
            return None
        if self._mode.inverts and not (winner and winner.declared_for_mode):
            found = invert_text(found.blend_over(ground), ground, self._mode)
        return found.blend_over(ground)
