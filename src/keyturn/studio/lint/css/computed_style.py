"""The cascade (CSS Cascade Level 4), and the look of each text in one mode, by default a browser's
(HTML, 15.3).
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from functools import cache, cached_property, lru_cache, partial
from operator import itemgetter

from msgspec import Struct

from keyturn.mail.rendering.html_tree import NOT_SHOWN, Element
from keyturn.studio.lint.css.colours import (
    DARK,
    DARK_CANVAS,
    Colour,
    Mode,
    read_background,
    read_colour,
    replace_colours,
)
from keyturn.studio.lint.css.stylesheets import Declaration, StyleRule, read_style, read_stylesheet

_TIMES = {"h1": 2, "h2": 1.5, "h3": 1.17, "h4": 1, "h5": 0.83, "h6": 0.67}
_BY_BROWSERS: Mapping[str, tuple[Declaration, ...]] = {
    **{tag: read_style(f"font-size:{times}em;font-weight:bold") for tag, times in _TIMES.items()},
    **dict.fromkeys(("b", "strong", "th"), read_style("font-weight:bold")),
    "small": read_style("font-size:0.83em"),
}
_LINK = read_style("color:#0000ee")
_DARK_LINK = read_style("color:#9e9eff")
_PRESENTATIONAL = {
    "bgcolor": "background-color", "color": "color", "align": "text-align",
    "background": "background-image",
}  # fmt: skip
_BELOW_ALL = (-1, 0, 0)
"""The specificity of what browsers and the attributes of HTML say (HTML, 15.3)."""

_ABOVE_ALL = (1_000_000, 0, 0)
"""The specificity of the style attribute."""

_BLACK = Colour(0, 0, 0)
_WHITE = Colour(1, 1, 1)
_FOR_FEW = re.compile(r"supports |media .*(?:max-width|print)", re.DOTALL)
_LINES = re.compile(r"(?:border|outline)(?:-(?:top|right|bottom|left))?(?:-(?:color|style|width))?")


class Styles(Struct, frozen=True, eq=False, dict=True):
    """The styles of an element as they cascade, shared by elements with the same rules.

    `of_modes`: the properties whose value holds in some modes alone.
    """

    values: Mapping[str, str]
    of_modes: Container[str]

    @cached_property
    def has_image(self) -> bool:
        """Whether an image lies under the text.

        An address alone, as in the HTML attribute, counts.
        """
        image = self.values.get("background-image", "")
        background = self.values.get("background-color", "")
        return image not in ("", "none") or "url(" in background or "gradient(" in background

    @property
    def inherits_colour(self) -> bool:
        return self.values.get("color", "inherit") in ("inherit", "currentcolor", "unset")

    @cached_property
    def is_hidden(self) -> bool:
        values = {name: value.lower() for name, value in self.values.items()}
        if values.get("display") == "none":
            return True
        if values.get("visibility") in ("hidden", "collapse"):
            return True
        if re.match(r"0(\.0+)?%?$", values.get("opacity", "1")):
            return True
        has_no_height = re.match(r"0(px)?$", values.get("max-height", ""))
        return bool(has_no_height) and values.get("overflow") == "hidden"


class Stylesheets:
    """The rules of a mail for a wide screen, without those that few clients read."""

    def __init__(self, root: Element) -> None:
        self._rules: list[StyleRule] = []
        schemes: list[str] = []
        for node in root.walk():
            if node.tag == "style":
                self._rules += _rules_of(node)
            elif node.tag == "meta" and node.get("name") == "color-scheme":
                schemes.append(node.get("content"))
        for rule in self._rules:
            for declaration in rule.declarations:
                if declaration.name == "color-scheme":
                    schemes.append(declaration.value)
        self.declares_dark = any("dark" in scheme for scheme in schemes)
        self.has_dark_rules = any(DARK.honours in rule.schemes for rule in self._rules)
        self._cascades: dict[tuple[object, ...], Callable[[Element], Styles]] = {}

    def is_dark(self, mode: Mode) -> bool:
        """Tell whether a client puts a dark canvas under the mail."""
        return mode is DARK and self.declares_dark

    def cascade(self, mode: Mode) -> Callable[[Element], Styles]:
        """Return the function from an element to its styles: the same for modes with the same
        rules.
        """
        rules = tuple(
            rule for rule in self._rules if not rule.schemes or mode.honours in rule.schemes
        )
        link = _DARK_LINK if self.is_dark(mode) else _LINK
        return self._cascades.setdefault((rules, link), cache(partial(_styles_of, rules, link)))


def _rules_of(node: Element) -> list[StyleRule]:
    if "print" in node.get("media"):
        return []
    sheet = read_stylesheet("".join(text.text for text in node.texts))
    return [rule for rule in sheet.rules if _is_for_many(rule)]


def _is_for_many(rule: StyleRule) -> bool:
    conditions = (f"{at.keyword} {at.prelude}" for at in rule.within)
    return not rule.nested and not any(map(_FOR_FEW.match, conditions))


_Written = tuple[tuple[int, int, int], tuple[Declaration, ...], bool]
"""A specificity with its declarations, and whether they are for some modes alone."""


def _styles_of(
    rules: tuple[StyleRule, ...], link: tuple[Declaration, ...], node: Element
) -> Styles:
    usual = _BY_BROWSERS.get(node.tag, ())
    if node.tag == "a" and "href" in node.attributes:
        usual = link
    attributes = []
    for name, css in _PRESENTATIONAL.items():
        if value := node.get(name):
            attributes.append(Declaration(css, value, important=False, offset=0))
    written: list[_Written] = [(_BELOW_ALL, (*usual, *attributes), False)]
    for rule in rules:
        specificities = [one.specificity for one in rule.selectors if one.matches(node)]
        if specificities:
            written.append((max(specificities), rule.declarations, bool(rule.schemes)))
    written.append((_ABOVE_ALL, read_style(node.get("style")), False))
    return _find_winners(tuple(written))


@lru_cache(4096)
def _find_winners(written: tuple[_Written, ...]) -> Styles:
    """Return the winner of each property (CSS Cascade 4, 6.1).

    A font of calculated size is left out, as clients do.
    """
    candidates: list[tuple[bool, tuple[int, int, int], Declaration, bool]] = []
    for specificity, declarations, of_mode in written:
        for one in declarations:
            if not _is_calculated_font(one):
                candidates.append((one.important, specificity, one, of_mode))
    winners: dict[str, str] = {}
    of_modes: dict[str, bool] = {}
    for _, _, one, of_mode in sorted(candidates, key=itemgetter(0, 1)):
        name = "background-color" if one.name == "background" else one.name
        winners.pop(name, None)  # the last one to win is the last in the order
        winners[name] = one.value
        of_modes[name] = of_mode
    return Styles(winners, {name for name, of_mode in of_modes.items() if of_mode})


def _is_calculated_font(one: Declaration) -> bool:
    if one.name not in ("font-size", "font-weight"):
        return False
    return re.search(r"\(|v[a-z]", one.value, re.IGNORECASE) is not None


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
        """As WCAG 2.2 defines it: 18 pt, or 14 pt in bold."""
        return self.size >= 24 or (self.size >= 18.66 and self.weight >= BOLD)  # in px


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
    if background:
        background = background.blend_over(above.background) if above.background else None
    colour = above.colour
    if not styles.inherits_colour:
        colour = _own_colour(styles, background, mode)
    written = values.get("font-size", "").lower()
    size = _KEYWORDS.get(written, length_in_px(written, above.size, above.size))
    return Paint(
        colour=colour,
        background=background,
        size=size,
        weight=_font_weight(values.get("font-weight", ""), above.weight),
        line_height=line_height(values.get("line-height"), size, above.line_height),
        align=values.get("text-align", above.align),
        over_image=styles.has_image or (above.over_image and background == above.background),
    )


def _font_weight(value: str, above: int) -> int:
    if _WEIGHT.fullmatch(value):
        return int(value)
    return _WEIGHTS.get(value, above)


def _own_colour(styles: Styles, background: Colour | None, mode: Mode) -> Colour | None:
    colour = read_colour(styles.values["color"])
    if colour is None or background is None:
        return None
    seen = colour.blend_over(background)
    return seen if "color" in styles.of_modes else mode.show_text(seen, background)


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
        if _LINES.fullmatch(name):
            is_final = name in styles.of_modes
            lines[name] = value if is_final else replace_colours(value, mode.show_background)
    is_changed = any(line != styles.values[name] for name, line in lines.items())
    return lines if is_changed else {}


BOLD = 700

_KEYWORDS = {
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
    match = _LENGTH.match(value)
    if match is None:
        return otherwise
    number = float(match[1])
    in_px = {
        "in": number * 96,
        "pt": number * 4 / 3,
        "em": number * of,
        "rem": number * 16,
        "%": number * of / 100,
    }
    return in_px.get(match[2] or "px", number)
