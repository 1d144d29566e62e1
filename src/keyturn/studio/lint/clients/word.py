"""CSS and HTML that Outlook for Windows leaves out, since it renders with Word, as Can I email has
tested it.
"""

import re

from keyturn.studio.lint.clients import features
from keyturn.studio.lint.clients.clients import supports
from keyturn.studio.lint.clients.features import FeatureUse, gaps_of
from keyturn.studio.lint.css.stylesheets import Selector

CLIENT = "outlook/windows"
_NOT_RENDERED = re.compile(
    r"html-(?:audio|input-text|meter|object|progress|select|svg|textarea|dialog)"
)
_AUTO_OR_NEGATIVE = re.compile(r"\bauto\b|(?:^|\s)-[\d.]")
_IMAGE = re.compile(r"\burl\(|gradient\(", re.IGNORECASE)
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
    if name == "margin" or (name.startswith("margin-") and name.count("-") == 1):
        return "css-margin" if _AUTO_OR_NEGATIVE.search(value) else ""
    if name == "display" and value.lower() != "none":
        return "css-display"
    if name in _BY_TAG or name.partition("-")[0] == "padding":
        return ""  # `TAG_RULES` has them
    written = f"style {name}: {value}"
    slugs = features.named("property", name, value)
    return next((slug for slug in slugs if _lacks(slug, FeatureUse(value, 0, written))), "")


def ignores_rule(selector: Selector) -> bool:
    pseudos = [pseudo for compound in selector.compounds for pseudo in compound.pseudos]
    slugs = (
        (slug, f"sheet :{pseudo}")
        for pseudo in pseudos
        for slug in features.named("selector", f":{pseudo}")
    )
    lacked = any(_lacks(slug, FeatureUse("", 0, written)) for slug, written in slugs)
    return (
        lacked
        or not _COMBINATORS.isdisjoint(selector.combinators)
        or bool(selector.attribute_names())
    )


def leaves_out(tag: str) -> bool:
    """Tell whether Word does not render an element."""
    slugs = features.named("element", tag)
    return any(
        _NOT_RENDERED.fullmatch(slug) and supports()[slug].verdicts[CLIENT] == "no"
        for slug in slugs
    )


def _lacks(slug: str, use: FeatureUse) -> bool:
    return CLIENT in gaps_of(slug, use, (CLIENT,))[0]
