"""The cascade: which declarations win for an element in one mode (CSS Cascade Level 4)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import compress

from keyturn.emails.lint.css.colours import DARK, Mode
from keyturn.emails.lint.css.stylesheets import Declaration, StyleRule, read_style, read_stylesheet
from keyturn.mail.rendering.html_tree import Element

# Outlook.com sets data-ogsc, -ogsb, -ogac or -ogab on recoloured elements and on those around them.
OUTLOOK_MARK = "data-og"

_PRESENTATIONAL = {
    "bgcolor": "background-color",
    "color": "color",
    "align": "text-align",
    "background": "background-image",
}

Specificity = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Winner:
    value: str
    declared_for_mode: bool


class Styles:
    """The styles of an element. Elements that are styled alike share one instance, also across mails.

    `winners` has the winner of each property, in the order of the cascade, so later properties override an earlier
    shorthand. `values` has the values alone.
    """

    def __init__(self, winners: Mapping[str, Winner]) -> None:
        self.winners = winners
        self.values = {name: winner.value for name, winner in winners.items()}

    @cached_property
    def has_image(self) -> bool:
        """Whether an image lies under the text. An address alone, as in the HTML attribute, counts."""
        image, ground = self.values.get("background-image", ""), self.values.get("background-color", "")
        return image not in ("", "none") or "url(" in ground or "gradient(" in ground

    @cached_property
    def is_hidden(self) -> bool:
        values = {name: value.lower() for name, value in self.values.items()}
        return (
            values.get("display") == "none"
            or values.get("visibility") in ("hidden", "collapse")
            or bool(re.match(r"0(\.0+)?%?$", values.get("opacity", "1")))
            or (bool(re.match(r"0(px)?$", values.get("max-height", ""))) and values.get("overflow") == "hidden")
        )


class Stylesheets:
    def __init__(self, root: Element) -> None:
        self._rules = [rule for node in root.walk() if node.tag == "style" for rule in _rules(node)]
        self.has_dark_rules = any(_is_for(rule, DARK) for rule in self._rules)
        self.declares_dark = _declares_dark(root, self._rules)
        self._cascades: dict[tuple[bool, ...], Cascade] = {}

    def cascade(self, mode: Mode) -> "Cascade":
        counting = tuple(not _is_for_some_mode(rule) or _is_for(rule, mode) for rule in self._rules)
        if counting not in self._cascades:
            self._cascades[counting] = Cascade([*compress(self._rules, counting)])
        return self._cascades[counting]


class Cascade:
    def __init__(self, rules: Sequence[StyleRule]) -> None:
        self._rules = [(rule, [(one, one.specificity) for one in rule.selectors]) for rule in rules]
        self._known: dict[Element, Styles] = {}

    def styles_of(self, node: Element) -> Styles:
        """Return the winner of each property (CSS Cascade 4, 6.1). Among equals the later one wins."""
        if node not in self._known:
            # Any declaration overrides the presentational attributes (HTML, 15.3).
            presentation = ((css, value) for name, css in _PRESENTATIONAL.items() if (value := node.get(name)))
            matching = tuple(self._matching(node))
            self._known[node] = _find_winners(matching, node.get("style"), tuple(presentation))
        return self._known[node]

    def _matching(self, node: Element) -> Iterator[tuple[StyleRule, Specificity]]:
        for rule, selectors in self._rules:
            matching = [specificity for selector, specificity in selectors if selector.matches(node, OUTLOOK_MARK)]
            if matching:
                yield rule, max(matching)


@lru_cache(4096)
def _find_winners(
    matching: tuple[tuple[StyleRule, Specificity], ...], style: str, presentation: tuple[tuple[str, str], ...]
) -> Styles:
    """Combine the matching rules, the style attribute and the presentational attributes of HTML."""
    found: list[tuple[tuple[bool, bool, Specificity], Declaration, bool]] = []
    for rule, specificity in matching:
        of_mode = _is_for_some_mode(rule)
        found += [((one.important, False, specificity), one, of_mode) for one in rule.declarations]
    found += [((one.important, True, (0, 0, 0)), one, False) for one in read_style(style)]
    found.sort(key=lambda candidate: candidate[0])
    winners = {name: Winner(value, declared_for_mode=False) for name, value in presentation}
    for _, one, of_mode in found:
        name = "background-color" if one.name == "background" else one.name
        winners.pop(name, None)
        winners[name] = Winner(one.value, of_mode)
    return Styles(winners)


def _rules(style: Element) -> Iterator[StyleRule]:
    """Yield the rules for a wide screen, without those that few clients read."""
    if "print" in style.get("media"):
        return
    for rule in read_stylesheet("".join(text.text for text in style.texts)).rules:
        conditions = [at.prelude.replace(" ", "") for at in rule.within if at.keyword == "media"]
        narrow = any("max-width" in condition or "print" in condition for condition in conditions)
        if not (narrow or rule.nested or any(at.keyword == "supports" for at in rule.within)):
            yield rule


def _is_for(rule: StyleRule, mode: Mode) -> bool:
    if mode.honours == "prefers-color-scheme":
        return any("prefers-color-scheme:dark" in at.prelude.replace(" ", "") for at in rule.within)
    return mode.honours == "data-ogs" and _has_marks(rule)


def _is_for_some_mode(rule: StyleRule) -> bool:
    return any("prefers-color-scheme" in at.prelude for at in rule.within) or _has_marks(rule)


def _has_marks(rule: StyleRule) -> bool:
    return any(name.startswith(OUTLOOK_MARK) for selector in rule.selectors for name in selector.attribute_names())


def _declares_dark(root: Element, rules: Sequence[StyleRule]) -> bool:
    metas = (node for node in root.walk() if node.tag == "meta")
    return any("dark" in meta.get("content") for meta in metas if meta.get("name") == "color-scheme") or any(
        one.name == "color-scheme" and "dark" in one.value for rule in rules for one in rule.declarations
    )
