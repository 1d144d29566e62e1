"""The cascade (CSS Cascade Level 4): the styles of each element, by default those of browsers
(HTML, 15.3).
"""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from functools import cache, cached_property, lru_cache, partial
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.css.colours import DARK, Mode
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

_Specificity = tuple[int, int, int]

_BELOW_ALL: _Specificity = (-1, 0, 0)
"""The specificity of what browsers and the attributes of HTML say (HTML, 15.3)."""

_ABOVE_ALL: _Specificity = (1_000_000, 0, 0)
"""The specificity of the style attribute."""

_FOR_FEW = re.compile(r"supports |media .*(?:max-width|print)", re.DOTALL)


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
        rules = tuple(rule for rule in self._rules if _counts_in(rule, mode))
        link = _DARK_LINK if self.is_dark(mode) else _LINK
        key = (rules, link)
        if key not in self._cascades:
            self._cascades[key] = cache(partial(_styles_of, rules, link))
        return self._cascades[key]


def _rules_of(node: Element) -> list[StyleRule]:
    if "print" in node.get("media"):
        return []
    sheet = read_stylesheet("".join(text.text for text in node.texts))
    return [rule for rule in sheet.rules if _is_for_many(rule)]


def _is_for_many(rule: StyleRule) -> bool:
    conditions = (f"{at_rule.keyword} {at_rule.prelude}" for at_rule in rule.within)
    return not rule.nested and not any(map(_FOR_FEW.match, conditions))


def _counts_in(rule: StyleRule, mode: Mode) -> bool:
    return not rule.schemes or mode.honours in rule.schemes


class _Block(NamedTuple):
    """The declarations of a rule, and whether they are for some modes alone."""

    specificity: _Specificity
    declarations: tuple[Declaration, ...]
    is_of_mode: bool = False


def _styles_of(rules: Sequence[StyleRule], link: tuple[Declaration, ...], node: Element) -> Styles:
    usual = _BY_BROWSERS.get(node.tag, ())
    if node.tag == "a" and "href" in node.attributes:
        usual = link
    attributes = []
    for name, css in _PRESENTATIONAL.items():
        value = node.get(name)
        if value:
            attributes.append(Declaration(css, value, important=False, offset=0))
    blocks = [_Block(_BELOW_ALL, (*usual, *attributes))]
    for rule in rules:
        specificities = [one.specificity for one in rule.selectors if one.matches(node)]
        if specificities:
            blocks.append(_Block(max(specificities), rule.declarations, bool(rule.schemes)))
    blocks.append(_Block(_ABOVE_ALL, read_style(node.get("style"))))
    return _find_winners(tuple(blocks))


class _Candidate(NamedTuple):
    """A declaration, and what decides between it and others of its property."""

    important: bool
    specificity: _Specificity
    declaration: Declaration
    is_of_mode: bool


_PRECEDENCE = attrgetter("important", "specificity")


@lru_cache(4096)
def _find_winners(blocks: tuple[_Block, ...]) -> Styles:
    """Return the winner of each property (CSS Cascade 4, 6.1).

    A font of calculated size is left out, as clients do.
    """
    candidates = []
    for block in blocks:
        for one in block.declarations:
            if not _is_calculated_font(one):
                candidates.append(
                    _Candidate(one.important, block.specificity, one, block.is_of_mode)
                )
    winners: dict[str, str] = {}
    of_modes: set[str] = set()
    for candidate in sorted(candidates, key=_PRECEDENCE):
        name = candidate.declaration.name
        if name == "background":
            name = "background-color"
        winners.pop(name, None)  # the last one to win is the last in the order
        winners[name] = candidate.declaration.value
        if candidate.is_of_mode:
            of_modes.add(name)
        else:
            of_modes.discard(name)
    return Styles(winners, of_modes)


def _is_calculated_font(declaration: Declaration) -> bool:
    if declaration.name not in ("font-size", "font-weight"):
        return False
    return re.search(r"\(|v[a-z]", declaration.value, re.IGNORECASE) is not None
