"""The cascade (CSS Cascade Level 4), and the look of each text in one mode, by default a browser's
(HTML, 15.3).
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from functools import cache, cached_property, lru_cache, partial

from msgspec import Struct

from keyturn.mail.rendering.html_tree import NOT_SHOWN, Element
from keyturn.studio.lint.css.colours import (
    DARK,
    DARK_CANVAS,
    Colour,
    Mode,
    read_colour,
    read_ground,
    replace_colours,
)
from keyturn.studio.lint.css.stylesheets import Declaration, StyleRule, read_style, read_stylesheet

_TIMES = {"h1": 2, "h2": 1.5, "h3": 1.17, "h4": 1, "h5": 0.83, "h6": 0.67}
_BY_BROWSERS: Mapping[str, tuple[Declaration, ...]] = {
    **{tag: read_style(f"font-size:{times}em;font-weight:bold") for tag, times in _TIMES.items()},
    **dict.fromkeys(("b", "strong", "th"), read_style("font-weight:bold")),
    "small": read_style("font-size:0.83em"),
}
_LINK, _DARK_LINK = read_style("color:#0000ee"), read_style("color:#9e9eff")
_PRESENTATIONAL = {
    "bgcolor": "background-color", "color": "color", "align": "text-align",
    "background": "background-image",
}  # fmt: skip
_BELOW_ALL, _ABOVE_ALL = (-1, 0, 0), (1_000_000, 0, 0)
"""The specificity of what browsers and the attributes of HTML say (HTML, 15.3), and that of the
style attribute.
"""

_BLACK, _WHITE = Colour(0, 0, 0), Colour(1, 1, 1)
_FOR_FEW = re.compile(r"supports |media .*(?:max-width|print)", re.DOTALL)
_LINES = re.compile(r"(?:border|outline)(?:-(?:top|right|bottom|left))?(?:-(?:color|style|width))?")


class Styles(Struct, frozen=True, eq=False, dict=True):
    """The styles of an element as they cascade, shared by its likes.

    `of_modes`: those of some modes alone.
    """

    values: Mapping[str, str]
    of_modes: Container[str]

    @cached_property
    def has_image(self) -> bool:
        """Whether an image lies under the text.

        An address alone, as in the HTML attribute, counts.
        """
        image, ground = (
            self.values.get("background-image", ""),
            self.values.get("background-color", ""),
        )
        return image not in ("", "none") or "url(" in ground or "gradient(" in ground

    @property
    def inherits_colour(self) -> bool:
        return self.values.get("color", "inherit") in ("inherit", "currentcolor", "unset")

    @cached_property
    def is_hidden(self) -> bool:
        values = {name: value.lower() for name, value in self.values.items()}
        return (
            values.get("display") == "none"
            or values.get("visibility") in ("hidden", "collapse")
            or bool(re.match(r"0(\.0+)?%?$", values.get("opacity", "1")))
            or (
                bool(re.match(r"0(px)?$", values.get("max-height", "")))
                and values.get("overflow") == "hidden"
            )
        )


class Stylesheets:
    """The rules of a mail for a wide screen, without those that few clients read."""

    def __init__(self, root: Element) -> None:
        nodes = [*root.walk()]
        styles = (
            node for node in nodes if node.tag == "style" and "print" not in node.get("media")
        )
        sheets = (read_stylesheet("".join(text.text for text in node.texts)) for node in styles)
        top = (one for sheet in sheets for one in sheet.rules if not one.nested)
        self._rules = [
            one
            for one in top
            if not any(_FOR_FEW.match(f"{at.keyword} {at.prelude}") for at in one.within)
        ]
        self._cascades: dict[tuple[object, ...], Callable[[Element], Styles]] = {}
        self.has_dark_rules = any(DARK.honours in rule.schemes for rule in self._rules)
        schemes = [
            node.get("content")
            for node in nodes
            if node.tag == "meta" and node.get("name") == "color-scheme"
        ]
        declared = (
            one for rule in self._rules for one in rule.declarations if one.name == "color-scheme"
        )
        self.declares_dark = any(
            "dark" in scheme for scheme in (*schemes, *(one.value for one in declared))
        )

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


_Written = tuple[tuple[int, int, int], tuple[Declaration, ...], bool]
"""A specificity with its declarations, and whether they are for some modes alone."""


def _styles_of(
    rules: tuple[StyleRule, ...], link: tuple[Declaration, ...], node: Element
) -> Styles:
    is_link = node.tag == "a" and "href" in node.attributes
    values = ((css, node.get(name)) for name, css in _PRESENTATIONAL.items())
    own = (Declaration(css, value, important=False, offset=0) for css, value in values if value)
    matching = (
        (rule, [one.specificity for one in rule.selectors if one.matches(node)]) for rule in rules
    )
    return _find_winners((
        (_BELOW_ALL, (*(link if is_link else _BY_BROWSERS.get(node.tag, ())), *own), False),
        *((max(those), rule.declarations, bool(rule.schemes)) for rule, those in matching if those),
        (_ABOVE_ALL, read_style(node.get("style")), False),
    ))  # fmt: skip


@lru_cache(4096)
def _find_winners(written: tuple[_Written, ...]) -> Styles:
    """Return the winner of each property (CSS Cascade 4, 6.1).

    A font of calculated size is left out, as clients do.
    """
    each = [
        (one.important, specificity, one, of_mode)
        for specificity, those, of_mode in written
        for one in those
        if not (
            one.name in ("font-size", "font-weight")
            and re.search(r"\(|v[a-z]", one.value, re.IGNORECASE)
        )
    ]
    winners: dict[str, tuple[str, bool]] = {}
    for _, _, one, of_mode in sorted(each, key=lambda candidate: candidate[:2]):
        name = "background-color" if one.name == "background" else one.name
        winners.pop(name, None)
        winners[name] = (one.value, of_mode)
    values = {name: value for name, (value, _) in winners.items()}
    return Styles(values, {name for name, (_, of_mode) in winners.items() if of_mode})


class Paint(Struct, frozen=True):
    """The look of an element's text, in px.

    A line height of 0 is the client's choice, an unreadable colour None.

    `over_image`: the background is only seen if an image is not shown.
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
    """Finds the look of the elements of a mail in one mode.

    `sheets`: its stylesheets, if they are read already.
    """

    def __init__(self, root: Element, mode: Mode, sheets: Stylesheets | None = None) -> None:
        sheets = sheets or Stylesheets(root)
        self._root = root
        self._mode = mode
        self._styles_of = sheets.cascade(mode)
        self.knows_dark = sheets.has_dark_rules or sheets.declares_dark
        ground = DARK_CANVAS if sheets.is_dark(mode) else mode.ground
        ink = _WHITE if sheets.is_dark(mode) else mode.show_text(_BLACK, ground)
        self.canvas = Paint(ink, ground, 16, 400, 0, "left")

    def texts(self) -> Iterator[tuple[Element, Paint]]:
        for node, _, paint in self._seen_elements():
            if paint.size > 1 and any(any(map(str.isalnum, text.text)) for text in node.texts):
                yield node, paint

    def recoloured_elements(self) -> Iterator[tuple[Element, dict[str, str]]]:
        """Yield every visible element with colours of its own, and these colours in this mode, as
        CSS.
        """
        for node, styles, paint in self._seen_elements():
            declarations = _own_lines(styles, self._mode)
            if (ground := _own_ground(styles, self._mode)) and ground.alpha:
                declarations["background-color"] = ground.css
            if paint.colour and not styles.inherits_colour:
                declarations["color"] = str(paint.colour)
            if declarations:
                yield node, declarations

    def _seen_elements(self) -> Iterator[tuple[Element, Styles, Paint]]:
        waiting = [
            (child, self.canvas) for child in reversed(self._root.children)
        ]  # no recursion: see Element.walk
        while waiting:
            node, above = waiting.pop()
            if node.tag not in NOT_SHOWN and not (styles := self._styles_of(node)).is_hidden:
                own = _paint(styles, above, self._mode)
                yield node, styles, own
                waiting += [(child, own) for child in reversed(node.children)]


@lru_cache(8192)
def _paint(styles: Styles, above: Paint, mode: Mode) -> Paint:
    values, own_ground = styles.values, _own_ground(styles, mode)
    ground = own_ground.blend_over(above.ground) if own_ground and above.ground else None
    written, weight = values.get("font-size", "").lower(), values.get("font-weight", "")
    size = _KEYWORDS.get(written, length_in_px(written, above.size, above.size))
    return Paint(
        colour=above.colour if styles.inherits_colour else _own_colour(styles, ground, mode),
        ground=ground,
        size=size,
        weight=int(weight) if _WEIGHT.fullmatch(weight) else _WEIGHTS.get(weight, above.weight),
        line_height=line_height(values.get("line-height"), size, above.line_height),
        align=values.get("text-align", above.align),
        over_image=styles.has_image or (above.over_image and ground == above.ground),
    )


def _own_colour(styles: Styles, ground: Colour | None, mode: Mode) -> Colour | None:
    colour = read_colour(styles.values["color"])
    if colour is None or ground is None:
        return None
    seen = colour.blend_over(ground)
    return seen if "color" in styles.of_modes else mode.show_text(seen, ground)


def _own_ground(styles: Styles, mode: Mode) -> Colour | None:
    """Return the background, transparent without one. None if it cannot be read."""
    ground = read_ground(styles.values.get("background-color", ""))
    return (
        mode.show_ground(ground) if ground and "background-color" not in styles.of_modes else ground
    )


def _own_lines(styles: Styles, mode: Mode) -> dict[str, str]:
    """Return the borders and outlines, if one has another colour.

    Clients treat them as they do backgrounds.
    """
    lines = {
        name: value if name in styles.of_modes else replace_colours(value, mode.show_ground)
        for name, value in styles.values.items()
        if _LINES.fullmatch(name)
    }
    return lines if any(line != styles.values[name] for name, line in lines.items()) else {}


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
    if not (match := _LENGTH.match(value)):
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
