"""CSS and HTML that Outlook for Windows leaves out, since it renders with Word, as Can I email has tested it.

Notes in the data such as "only on table cells" are code here. Markup that MJML adds is no loss.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from keyturn.studio.lint.clients import features
from keyturn.studio.lint.clients.clients import Support, supports
from keyturn.studio.lint.clients.features import FeatureUse, feature_uses, gaps
from keyturn.studio.lint.css.stylesheets import Compound, Selector
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Place

CLIENT = "outlook/windows"
_NOT_DRAWN = re.compile(r"html-(?:audio|input-text|meter|object|progress|select|svg|textarea|dialog)")
_AUTO_OR_NEGATIVE = re.compile(r"\bauto\b|(?:^|\s)-[\d.]")
_IMAGE = re.compile(r"\burl\(|gradient\(", re.IGNORECASE)


class Loss(Struct, frozen=True):
    """A feature that Word leaves out. `note` says which part, `tested` is YYYY-MM. `places` use it, each line once."""

    slug: str
    title: str
    note: str
    tested: str
    places: tuple[Place, ...]


_NOTED: Mapping[str, tuple[str, str]] = {
    "css-at-media": ("@media", "Word ignores all rules in media queries."),
    "css-at-font-face": (
        "Web fonts",
        "Word does not load them. It shows their text in Times New Roman, and ignores the other fonts of the list.",
    ),
    "css-selector-attribute": ("Attribute selectors", "Word ignores the rule."),
    "css-selector-child": ("Child selector (>)", "Word ignores the rule."),
    "css-selector-adjacent-sibling": ("Sibling selector (+)", "Word ignores the rule."),
    "css-selector-general-sibling": ("Sibling selector (~)", "Word ignores the rule."),
}
"""Titles and notes that are clearer than those of the data."""

_MARKS = re.compile(r"`|(?<!\s)\s*\(See \[[^][]*\]\([^)[]*\)\)")
"""Markdown, and links to reports of bugs."""

_COMBINATORS = {">": "css-selector-child", "+": "css-selector-adjacent-sibling", "~": "css-selector-general-sibling"}

TAG_RULES = (
    ":not(table,[data-vml]){max-width:none!important}"
    ":is(div,p,span,body):not([data-vml]){width:auto!important;height:auto!important}"
    ":not(td,th,ul,ol,[data-vml]){padding:0!important}"
)
"""CSS that makes a browser ignore sizes and paddings on the elements where Word does, apart from stand-ins for VML."""

_BY_TAG = ("max-width", "width", "height")


def _loss(slug: str, places: Iterable[Place]) -> Loss:
    support = supports()[slug]
    title, note = _NOTED.get(slug, (support.title.removesuffix(" property").removesuffix(" keyword"), _note(support)))
    return Loss(slug, title, note, support.tested[:7], tuple(places))


def _note(support: Support) -> str:
    """Return the notes on partial support, in plain words. A different rendering is no loss."""
    notes = (support.notes[one] for one in support.noted.get(CLIENT, ()))
    partly = (_MARKS.sub("", note.removeprefix("Partial. ")) for note in notes if note.startswith("Partial. "))
    return " ".join(partly).strip()


def of_declaration(name: str, value: str) -> str:
    """Return the feature whose lack makes Word drop a declaration on any element; empty if it keeps it."""
    if name.startswith("background") and _IMAGE.search(value):
        return "css-background"
    if name == "margin" or (name.startswith("margin-") and name.count("-") == 1):
        return "css-margin" if _AUTO_OR_NEGATIVE.search(value) else ""
    if name == "display" and value.lower() != "none":
        return "css-display"
    if name in _BY_TAG or name.partition("-")[0] == "padding":
        return ""  # `TAG_RULES` has them
    written = f"style {name}: {value}"
    uses = (FeatureUse(slug, value, 0, written) for slug in features.of_declaration(name, value))
    return next((use.feature for use in uses if lacks(use)), "")


def of_selector(selector: Selector) -> str:
    """Return the feature whose lack makes Word drop a rule; empty if it keeps it."""
    for combinator in selector.combinators:
        if slug := _COMBINATORS.get(combinator):
            return slug
    return next((slug for compound in selector.compounds for slug in _of_compound(compound)), "")


def of_element(tag: str, attributes: Mapping[str, str]) -> str:
    """Return the feature whose lack makes Word drop an element; empty if it renders it."""
    found = (slug for slug, attribute in features.of_tag(tag, attributes) if not attribute)
    return next(
        (slug for slug in found if _NOT_DRAWN.fullmatch(slug) and supports()[slug].verdicts[CLIENT] == "no"), ""
    )


def _of_compound(compound: Compound) -> Iterator[str]:
    if compound.attributes:
        yield "css-selector-attribute"
    for pseudo in compound.pseudos:
        written = f"sheet :{pseudo}"
        uses = (FeatureUse(slug, "", 0, written) for slug in features.of_selector_part(f":{pseudo}"))
        yield from (use.feature for use in uses if lacks(use))


def lacks(use: FeatureUse) -> bool:
    feature, support = features.features()[use.feature], supports()[use.feature]
    return any(gap.support == "no" for gap in gaps(use, feature, support, (CLIENT,)))


def word_losses(document: Document) -> tuple[Loss, ...]:
    """Return the features that the checks miss in Word. Styles that a mail offers to some clients alone are no loss."""
    found: dict[str, dict[tuple[str, int], Place]] = {}
    for use in feature_uses(document):
        # A background image is reported as css-background, which has the workaround.
        if use.feature == "css-background-image" or not lacks(use):
            continue
        place = document.place(use.offset)
        found.setdefault(use.feature, {}).setdefault((place.file, place.line), place)
    losses = [_loss(slug, places.values()) for slug, places in found.items()]
    return tuple(sorted(losses, key=lambda loss: (-len(loss.places), loss.title.lower())))
