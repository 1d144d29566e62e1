"""CSS and HTML that Outlook for Windows leaves out, since it renders with Word, as Can I email has
tested it.
"""

import re

from keyturn.studio.lint.clients import features
from keyturn.studio.lint.clients.clients import supports
from keyturn.studio.lint.clients.features import FeatureUse, gaps_of
from keyturn.studio.lint.css.selectors import Selector

CLIENT = "outlook/windows"
_NOT_RENDERED = re.compile(
    r"html-(?:audio|input-text|meter|object|progress|select|svg|textarea|dialog)"
)
_AUTO_OR_NEGATIVE = re.compile(r"\bauto\b|(?:^|\s)-[\d.]")
_IMAGE = re.compile(r"\burl\(|gradient\(", re.IGNORECASE)
_MARGIN = re.compile("margin(?:-[^-]*)?", re.DOTALL)
_COMBINATORS = frozenset(">+~")

TAG_RULES = (
    ":not(table,[data-vml]){max-width:none!important}"
    ":is(div,p,span,body):not([data-vml]){width:auto!important;height:auto!important}"
    ":not(td,th,ul,ol,[data-vml]){padding:0!important}"
)
"""CSS that makes a browser ignore sizes and paddings on the elements where Word does, apart from
stand-ins for VML.
"""

_BY_TAG = ("max-width", "width", "height")


def of_declaration(name: str, value: str) -> str:
    """Return the feature whose lack makes Word drop a declaration on any element; empty if it keeps
    it.
    """
    if name.startswith("background") and _IMAGE.search(value):
        return "css-background"
    if _MARGIN.fullmatch(name):
        return "css-margin" if _AUTO_OR_NEGATIVE.search(value) else ""
    if name == "display" and value.lower() != "none":
        return "css-display"
    if name in _BY_TAG or name.partition("-")[0] == "padding":
        return ""  # `TAG_RULES` has them
    use = FeatureUse(value, 0, f"style {name}: {value}")
    for slug in features.named("property", name, value):
        if _lacks(slug, use):
            return slug
    return ""


def ignores_rule(selector: Selector) -> bool:
    if selector.attribute_names() or not _COMBINATORS.isdisjoint(selector.combinators):
        return True
    for compound in selector.compounds:
        if any(map(_lacks_pseudo_class, compound.pseudos)):
            return True
    return False


def _lacks_pseudo_class(pseudo: str) -> bool:
    use = FeatureUse("", 0, f"sheet :{pseudo}")
    return any(_lacks(slug, use) for slug in features.named("selector", f":{pseudo}"))


def leaves_out(tag: str) -> bool:
    """Tell whether Word does not render an element."""
    for slug in features.named("element", tag):
        if _NOT_RENDERED.fullmatch(slug) and supports()[slug].levels[CLIENT] == "no":
            return True
    return False


def _lacks(slug: str, use: FeatureUse) -> bool:
    return CLIENT in gaps_of(slug, use, (CLIENT,)).whole
