"""What each text of a mail looks like: its colour, its ground and its size, in one mode (CSS Cascade Level 4)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keyturn.lint.colours import Colour, read_colour, read_ground
from keyturn.lint.dark_modes import DARK, DARK_CANVAS, Mode, inverted_ground, inverted_text
from keyturn.lint.drawing import NOT_SHOWN, Node
from keyturn.lint.stylesheets import Declaration, Rule, read_style, read_stylesheet
from keyturn.lint.typesetting import BOLD, font_size, font_weight, line_height

_BLACK, _WHITE, _LINK, _DARK_LINK = Colour(0, 0, 0), Colour(1, 1, 1), Colour(0, 0, 0xEE / 255), Colour(0.62, 0.62, 1)

# Outlook.com sets data-ogsc, -ogsb, -ogac or -ogab on what it has recoloured, and on what is around it.
_OUTLOOK_MARK = "data-og"


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


@dataclass(frozen=True, slots=True)
class _Winner:
    value: str
    declared_for_mode: bool


class Painter:
    """Paints a drawn mail in one mode."""

    def __init__(self, root: Node, mode: Mode) -> None:
        self._root = root
        self._mode = mode
        rules = [rule for node in root.walk() if node.tag == "style" for rule in _rules(node)]
        self.has_dark_rules = any(_is_for(rule, DARK) for rule in rules)
        self.knows_dark = self.has_dark_rules or _declares_dark(root, rules)
        self._rules = [rule for rule in rules if not _is_for_some_mode(rule) or _is_for(rule, mode)]
        self._canvas_is_dark = mode is DARK and _declares_dark(root, rules)

    def texts(self) -> Iterator[tuple[Node, Paint]]:
        """Yield every element with text of its own that is seen, and how it is drawn."""
        ground = DARK_CANVAS if self._canvas_is_dark else self._mode.ground
        ink = _WHITE if self._canvas_is_dark else _BLACK
        if self._mode.inverts:
            ink = inverted_text(_BLACK, ground, self._mode)
        yield from self._below(self._root, Paint(ink, ground, 16, 400, 0, "left"))

    def _below(self, node: Node, paint: Paint) -> Iterator[tuple[Node, Paint]]:
        for child in node.elements():
            styles = self._styles_of(child)
            if child.tag in NOT_SHOWN or _is_hidden(styles):
                continue
            drawn = self._painted(child, styles, paint)
            if any(character.isalnum() for character in child.own_text()) and drawn.size > 1:
                yield child, drawn
            yield from self._below(child, drawn)

    def _styles_of(self, node: Node) -> dict[str, _Winner]:
        """Return the winning declaration of each property (CSS Cascade 4, 6.1); later ones win among equals."""
        found: list[tuple[tuple[bool, bool, tuple[int, int, int]], Declaration, bool]] = []
        for rule in self._rules:
            matching = [selector.specificity for selector in rule.selectors if selector.matches(node, _OUTLOOK_MARK)]
            if matching:
                of_mode = _is_for_some_mode(rule)
                found += [((one.important, False, max(matching)), one, of_mode) for one in rule.declarations]
        inline = read_style(node.attributes.get("style", ""))
        found += [((one.important, True, (0, 0, 0)), one, False) for one in inline]
        found.sort(key=lambda candidate: candidate[0])
        winners = _attributes(node)
        winners |= {_longhand(one.name): _Winner(one.value, of_mode) for _, one, of_mode in found}
        return winners

    def _painted(self, node: Node, styles: dict[str, _Winner], above: Paint) -> Paint:
        given = {name: winner.value for name, winner in styles.items()}
        size = font_size(given.get("font-size"), node.tag, above.size)
        return Paint(
            ground=(ground := self._ground(styles, above.ground)),
            colour=self._colour(node, styles, above, ground),
            size=size,
            weight=font_weight(given.get("font-weight"), node.tag, above.weight),
            line_height=line_height(given.get("line-height"), size, above.line_height),
            align=given.get("text-align", above.align),
            over_image=_has_image(styles) or (above.over_image and ground == above.ground),
        )

    def _ground(self, styles: dict[str, _Winner], under: Colour | None) -> Colour | None:
        winner = styles.get("background-color")
        if winner is None or under is None:
            return under
        found = read_ground(winner.value)
        if found is None:
            return None
        if self._mode.inverts and not winner.declared_for_mode:
            return inverted_ground(found, self._mode)._replace(alpha=found.alpha).over(under)
        return found.over(under)

    def _colour(self, node: Node, styles: dict[str, _Winner], above: Paint, ground: Colour | None) -> Colour | None:
        winner = styles.get("color")
        inherited = winner is None or winner.value in ("inherit", "currentcolor", "unset")
        if inherited and not (winner is None and node.tag == "a" and "href" in node.attributes):
            return above.colour
        link = _DARK_LINK if self._canvas_is_dark else _LINK
        found = read_colour(winner.value) if winner else link
        if found is None or ground is None:
            return None
        if self._mode.inverts and not (winner and winner.declared_for_mode):
            found = inverted_text(found.over(ground), ground, self._mode)
        return found.over(ground)


def _rules(style: Node) -> Iterator[Rule]:
    """Yield the rules that count on a wide screen; what few clients read is left out."""
    if "print" in style.attributes.get("media", ""):
        return
    for rule in read_stylesheet("".join(style.pieces())).rules:
        conditions = [at.prelude.replace(" ", "") for at in rule.within if at.keyword == "media"]
        narrow = any("max-width" in condition or "print" in condition for condition in conditions)
        if not (narrow or rule.nested or any(at.keyword == "supports" for at in rule.within)):
            yield rule


def _is_for(rule: Rule, mode: Mode) -> bool:
    if mode.honours == "prefers-color-scheme":
        return any("prefers-color-scheme:dark" in at.prelude.replace(" ", "") for at in rule.within)
    return mode.honours == "data-ogs" and _has_marks(rule)


def _is_for_some_mode(rule: Rule) -> bool:
    return any("prefers-color-scheme" in at.prelude for at in rule.within) or _has_marks(rule)


def _has_marks(rule: Rule) -> bool:
    return any(name.startswith(_OUTLOOK_MARK) for selector in rule.selectors for name in selector.attribute_names())


def _declares_dark(root: Node, rules: Sequence[Rule]) -> bool:
    metas = (node.attributes for node in root.walk() if node.tag == "meta")
    return any("dark" in meta.get("content", "") for meta in metas if meta.get("name") == "color-scheme") or any(
        one.name == "color-scheme" and "dark" in one.value for rule in rules for one in rule.declarations
    )


def _attributes(node: Node) -> dict[str, _Winner]:
    """Return what HTML says without CSS, which any declaration overrules (HTML, 15.3)."""
    names = {
        "bgcolor": "background-color", "color": "color", "align": "text-align", "background": "background-image",
    }  # fmt: skip
    return {
        css: _Winner(node.attributes[name], declared_for_mode=False)
        for name, css in names.items()
        if node.attributes.get(name)
    }


def _has_image(styles: dict[str, _Winner]) -> bool:
    """Tell whether an image lies under the text; an address alone, as in the HTML attribute, is one too."""
    image = styles["background-image"].value if "background-image" in styles else ""
    ground = styles["background-color"].value if "background-color" in styles else ""
    return image not in ("", "none") or "url(" in ground or "gradient(" in ground


def _longhand(name: str) -> str:
    return "background-color" if name == "background" else name


def _is_hidden(styles: dict[str, _Winner]) -> bool:
    values = {name: winner.value.lower() for name, winner in styles.items()}
    return (
        values.get("display") == "none"
        or values.get("visibility") in ("hidden", "collapse")
        or bool(re.match(r"0(\.0+)?%?$", values.get("opacity", "1")))
        or (bool(re.match(r"0(px)?$", values.get("max-height", ""))) and values.get("overflow") == "hidden")
    )
