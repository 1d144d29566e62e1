"""What Outlook for Windows, which draws with Word, leaves out of a mail's CSS and HTML, as Can I email has tested it.

Where the data have a note in the place of a plain no, "only on table cells", the note is put into code here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from keyturn.emails.lint.clients import features
from keyturn.emails.lint.clients.clients import Support, supports
from keyturn.emails.lint.clients.features import FeatureUse
from keyturn.emails.lint.clients.support_gaps import gaps
from keyturn.emails.lint.css.selectors import Compound, Selector

CLIENT = "outlook/windows"
_BLOCKS = ("body", "span", "div", "p")
_NOT_DRAWN = re.compile(r"html-(?:audio|input-text|meter|object|progress|select|svg|textarea|dialog)")
_AUTO_OR_NEGATIVE = re.compile(r"\bauto\b|(?:^|\s)-[\d.]")
_IMAGE = re.compile(r"\burl\(|gradient\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lost:
    """A feature that Word leaves out. `note` says what of it, `tested` is YYYY-MM."""

    slug: str
    title: str
    note: str
    tested: str


_NOTED: Mapping[str, tuple[str, str]] = {
    "css-at-media": ("@media", "Word knows no media query: the rules in it never count."),
    "css-at-font-face": ("Web fonts", "Not loaded, and text in one becomes Times New Roman, whatever comes after it."),
    "css-selector-attribute": ("Attribute selectors", "The rule is left out."),
    "css-selector-child": ("Child selector (>)", "The rule is left out."),
    "css-selector-adjacent-sibling": ("Sibling selector (+)", "The rule is left out."),
    "css-selector-general-sibling": ("Sibling selector (~)", "The rule is left out."),
}
"""Titles and notes that say more to a person than those of the data."""

_MARKS = re.compile(r"`|(?<!\s)\s*\(See \[[^][]*\]\([^)[]*\)\)")
"""Markdown, and links to where a bug is told."""

_COMBINATORS = {
    ">": "css-selector-child",
    "+": "css-selector-adjacent-sibling",
    "~": "css-selector-general-sibling",
}
_BY_TAG: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "max-width": ("css-max-width", lambda tag: tag != "table"),
    "width": ("css-width", lambda tag: tag in (*_BLOCKS, "img")),
    "height": ("css-height", lambda tag: tag in _BLOCKS),
    "padding": ("css-padding", lambda tag: tag not in ("td", "th")),
}

TAG_RULES = (
    ":not(table,[data-vml]){max-width:none!important}"
    ":is(div,p,span,body):not([data-vml]){width:auto!important;height:auto!important}"
    ":not(td,th,ul,ol,[data-vml]){padding:0!important}"
)
"""What a browser has to be told to treat each element as `of_tag` says; what stands for VML is left alone."""


def lost(slug: str) -> Lost:
    support = supports()[slug]
    title, note = _NOTED.get(slug, (support.title.removesuffix(" property").removesuffix(" keyword"), _note(support)))
    return Lost(slug, title, note, support.tested[:7])


def _note(support: Support) -> str:
    """Return what the data say of the part that Word has, in plain words; what is only drawn otherwise is no loss."""
    notes = (support.notes[one] for one in support.noted.get(CLIENT, ()))
    partly = (_MARKS.sub("", note.removeprefix("Partial. ")) for note in notes if note.startswith("Partial. "))
    return " ".join(partly).strip()


def of_declaration(name: str, value: str) -> str:
    """Return the feature for whose lack Word leaves a declaration out on any element; empty where it does not."""
    if name.startswith("background") and _IMAGE.search(value):
        return "css-background"
    if name == "margin" or (name.startswith("margin-") and name.count("-") == 1):
        return "css-margin" if _AUTO_OR_NEGATIVE.search(value) else ""
    if name == "display" and value.lower() != "none":
        return "css-display"
    if name in _BY_TAG or name.partition("-")[0] == "padding":
        return ""
    written = f"style {name}: {value}"
    uses = (FeatureUse(slug, value, 0, written) for slug in features.of_declaration(name, value))
    return next((use.feature for use in uses if lacks(use)), "")


def of_tag(tag: str, name: str) -> str:
    """Return the feature that Word leaves out because of the element that it is on; empty where it does not."""
    slug, leaves_out = _BY_TAG.get("padding" if name.startswith("padding-") else name, ("", lambda _: False))
    return slug if leaves_out(tag) else ""


def of_at_rule(keyword: str) -> str:
    return {"media": "css-at-media", "font-face": "css-at-font-face", "supports": "css-at-supports"}.get(keyword, "")


def of_selector(selector: Selector) -> str:
    """Return the feature for whose lack Word leaves out a rule."""
    for combinator in selector.combinators:
        if slug := _COMBINATORS.get(combinator):
            return slug
    return next((slug for compound in selector.compounds for slug in _of_compound(compound)), "")


def of_element(tag: str, attributes: Mapping[str, str]) -> str:
    """Return the feature whose lack keeps an element from being drawn at all."""
    found = (slug for slug, attribute in features.of_tag(tag, attributes) if not attribute)
    return next((slug for slug in found if _NOT_DRAWN.fullmatch(slug) and _verdict(slug) == "no"), "")


def _of_compound(compound: Compound) -> Iterator[str]:
    if compound.attributes:
        yield "css-selector-attribute"
    for pseudo in compound.pseudos:
        written = f"sheet :{pseudo}"
        uses = (FeatureUse(slug, "", 0, written) for slug in features.of_selector_part(f":{pseudo}"))
        yield from (use.feature for use in uses if lacks(use))


def lacks(use: FeatureUse) -> bool:
    """Tell whether Word does not have what is used here."""
    feature, support = features.features()[use.feature], supports()[use.feature]
    return any(gap.support == "no" for gap in gaps(use, feature, support, (CLIENT,)))


def _verdict(slug: str) -> str:
    return supports()[slug].verdicts[CLIENT]
